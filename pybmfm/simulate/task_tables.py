"""Task tables whose labels follow from what was planted.

Every row lies inside one gene slot, and a slot belongs to one split, so that no locus is on two
sides. ``group`` is the slot: a sequence and the negative made from it stay together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pybmfm.core import derive_seed
from pybmfm.simulate.motifs import REPORTER_EFFECTS
from pybmfm.simulate.slots import PEAK_LENGTH
from pybmfm.simulate.world import SPLIT_SHARES, Slot, World

PIECE = 20
SHUFFLED_SHARE, TATA_SHARE = 0.22, 0.15
DECOY_PEAK_SHARE = 0.2
GC_CANDIDATES = 12
SPLICE_LENGTH = 400
UNINFORMATIVE_LENGTH = 200
ACTIVITY_NOISE, ACTIVITY_GC = 0.35, 2.0


@dataclass(frozen=True)
class Row:
    """One row; ``contig`` is empty where the sequence is not cut from the genome."""

    sequence: str
    target: str
    group: str
    contig: str = ""
    start: int = -1
    end: int = -1
    strand: str = ""


@dataclass(frozen=True)
class Task:
    """A task's tables; ``listed`` says whether it is in ``tasks.csv``."""

    name: str
    kind: str
    metric: str
    rows: dict[str, list[Row]]
    listed: bool = True

    @property
    def target_column(self) -> str:
        """``value`` for regression, else ``label``."""
        return "value" if self.kind == "regression" else "label"


Maker = Callable[[World, list[Slot], int, np.random.Generator], list[Row]]


def make_tasks(world: World, rows: int, seed: int) -> list[Task]:
    """Make all tables; those but promoter and TF have two thirds of ``rows``."""
    fewer = rows * 2 // 3
    makers: list[tuple[str, str, str, int, Maker, bool]] = [
        ("promoter", "binary", "mcc", rows, _promoter_rows, True),
        ("core_promoter", "binary", "mcc", fewer, _core_promoter_rows, True),
        ("tf", "binary", "mcc", rows, _tf_rows, True),
        ("splice", "multiclass", "mcc", fewer, _splice_rows, True),
        ("mpra", "regression", "pearson", fewer, _mpra_rows, True),
        ("uninformative", "binary", "mcc", fewer, _uninformative_rows, False),
    ]
    tasks = []
    for name, kind, metric, total, maker, listed in makers:
        splits = {}
        for split, share in SPLIT_SHARES.items():
            rng = np.random.default_rng(derive_seed(seed, "task", name, split))
            members = [slot for slot in world.slots if slot.split == split]
            slots = [members[int(i)] for i in rng.permutation(len(members))]
            made = maker(world, slots, round(total * share), rng) if slots else []
            splits[split] = [made[int(i)] for i in rng.permutation(len(made))]
        tasks.append(Task(name, kind, metric, splits, listed))
    return tasks


def promoter_window(slot: Slot, upstream: int, downstream: int) -> tuple[int, int]:
    """Return the interval from ``-upstream`` to ``+downstream`` around the TSS, both included."""
    if slot.strand == "+":
        return slot.tss - upstream, slot.tss + downstream + 1
    return slot.tss - downstream, slot.tss + upstream + 1


def shuffled_pieces(sequence: str, rng: np.random.Generator, piece: int = PIECE) -> str:
    """Reorder the non-overlapping pieces, never into the old order (BMFM-DNA's hard negatives)."""
    pieces = [sequence[i : i + piece] for i in range(0, len(sequence), piece)]
    if len(pieces) < 2:
        return sequence
    order = rng.permutation(len(pieces))
    while (order == np.arange(len(pieces))).all():
        order = rng.permutation(len(pieces))
    return "".join(pieces[int(i)] for i in order)


def _promoter_rows(
    world: World, slots: list[Slot], total: int, rng: np.random.Generator
) -> list[Row]:
    return _promoters(world, slots, total, (249, 50), rng)


def _core_promoter_rows(
    world: World, slots: list[Slot], total: int, rng: np.random.Generator
) -> list[Row]:
    return _promoters(world, slots, total, (34, 35), rng)


def _promoters(
    world: World,
    slots: list[Slot],
    total: int,
    around: tuple[int, int],
    rng: np.random.Generator,
) -> list[Row]:
    """Promoters against shuffled non-TATA promoters, TATA-holding and other non-promoters."""
    positives = slots[: total // 2]
    rows = [
        _cut(world, slot, promoter_window(slot, *around), slot.strand, "1") for slot in positives
    ]
    negatives = len(positives)
    sources = [(slot, row) for slot, row in zip(positives, rows, strict=True) if not slot.is_tata]
    sources = sources[: round(negatives * SHUFFLED_SHARE)]
    rows += [Row(shuffled_pieces(row.sequence, rng), "0", row.group) for _, row in sources]
    others = slots[::-1][: negatives - len(sources)]
    for index, slot in enumerate(others):
        length = sum(around) + 1
        wants_tata = index < round(negatives * TATA_SHARE)
        window, strand = _non_promoter(world, slot, length, around[0] - 31, wants_tata, rng)
        rows.append(_cut(world, slot, window, strand, "0"))
    return rows


def _non_promoter(
    world: World,
    slot: Slot,
    length: int,
    tata_offset: int,
    wants_tata: bool,
    rng: np.random.Generator,
) -> tuple[tuple[int, int], str]:
    """A window clear of the promoter, if wanted with a TATA box where promoters have it."""
    strand = "+" if rng.random() < 0.5 else "-"
    starts = _starts_outside(slot, length, slot.regions["promoter"])
    if wants_tata:
        boxes = []
        for start in starts.tolist():
            at = start + (tata_offset if strand == "+" else length - tata_offset - 6)
            if world.cut(slot.contig, at, at + 6, strand) in _TATA_BOXES:
                boxes.append(start)
        starts = np.array(boxes) if boxes else starts
    start = int(starts[int(rng.integers(len(starts)))])
    return (start, start + length), strand


_TATA_BOXES = {f"TATA{x}{y}" for x in "AT" for y in "ACGT"}


def _starts_outside(slot: Slot, length: int, *regions: tuple[int, int]) -> np.ndarray:
    """Return starts of windows inside the slot that touch none of ``regions``."""
    starts = np.arange(slot.start, slot.end - length + 1)
    keep = np.ones(len(starts), dtype=bool)
    for start, end in regions:
        keep &= (starts + length <= start) | (starts >= end)
    return starts[keep]


def _tf_rows(world: World, slots: list[Slot], total: int, rng: np.random.Generator) -> list[Row]:
    """CTCF peaks against windows of like G+C, and sites whose halves are swapped."""
    positives = slots[: total // 2]
    rows = [_cut(world, s, s.regions["peak"], _strand(rng), "1") for s in positives]
    decoys = [slot for slot in slots if "decoy_peak" in slot.regions]
    decoys = decoys[: round(len(positives) * DECOY_PEAK_SHARE)]
    matched = [
        _gc_matched(world, slots[-1 - i], row, rng)
        for i, row in enumerate(rows[: len(positives) - len(decoys)])
    ]
    rows += [_cut(world, s, s.regions["decoy_peak"], _strand(rng), "0") for s in decoys]
    return rows + matched


def _gc_matched(world: World, slot: Slot, row: Row, rng: np.random.Generator) -> Row:
    regions = [slot.regions[k] for k in ("peak", "decoy_peak") if k in slot.regions]
    starts = rng.choice(_starts_outside(slot, PEAK_LENGTH, *regions), GC_CANDIDATES, replace=False)
    strand = _strand(rng)
    found = [_cut(world, slot, (int(s), int(s) + PEAK_LENGTH), strand, "0") for s in starts]
    return min(found, key=lambda other: abs(_gc(other.sequence) - _gc(row.sequence)))


def _splice_rows(
    world: World, slots: list[Slot], total: int, rng: np.random.Generator
) -> list[Row]:
    """Windows centred on donors, acceptors, and GT or AG dinucleotides that are neither."""
    rows = []
    for index in range(total):
        turn, place = divmod(index, len(slots))
        slot = slots[place]
        # At each turn, a slot gives another class.
        label = ("donor", "acceptor", "neither")[(place + turn) % 3]
        if label == "neither":
            position = _unused_dinucleotide(world, slot, rng)
        else:
            sites = [at for kind, at in slot.splice_sites if kind == label]
            position = sites[int(rng.integers(len(sites)))]
        half = SPLICE_LENGTH // 2
        # The site's base has the same offset on both strands.
        start = position - half if slot.strand == "+" else position - half + 1
        rows.append(_cut(world, slot, (start, start + SPLICE_LENGTH), slot.strand, label))
    return _unique(rows)


def _unused_dinucleotide(world: World, slot: Slot, rng: np.random.Generator) -> int:
    """Return a GT or AG at least 20 bases from splice sites: where a window's centre may lie."""
    half = SPLICE_LENGTH // 2
    places = np.arange(slot.start + half, slot.end - half - 1)
    for _, site in slot.splice_sites:
        places = places[np.abs(places - site) >= 20]
    donor_like = rng.random() < 0.5
    wanted = "GT" if donor_like else "AG"
    for place in rng.permutation(places).tolist():
        # As at real sites, the centre is the G of GT or the G of AG, read along the strand.
        forward = (slot.strand == "+") == donor_like
        window = (place, place + 2) if forward else (place - 1, place + 1)
        if world.cut(slot.contig, *window, slot.strand) == wanted:
            return int(place)
    return int(places[0])


def _mpra_rows(world: World, slots: list[Slot], total: int, rng: np.random.Generator) -> list[Row]:
    """Reporter activity, log2: effects of planted motifs, of G+C, and noise.

    A third of the elements is measured in both orientations, kept together by ``group``.
    """
    elements = slots[: total * 3 // 4]
    rows = [_reporter_row(world, slot, "+", rng) for slot in elements]
    both = elements[: min(total - len(elements), len(elements) // 3)]
    return rows + [_reporter_row(world, slot, "-", rng) for slot in both]


def _reporter_row(world: World, slot: Slot, strand: str, rng: np.random.Generator) -> Row:
    row = _cut(world, slot, slot.regions["enhancer"], strand, "")
    effect = sum(slot.reporter_motifs[motif.name] * size for motif, size in REPORTER_EFFECTS)
    value = effect + ACTIVITY_GC * (_gc(row.sequence) - 0.42) + rng.normal(0, ACTIVITY_NOISE)
    return replace(row, target=f"{value:.4f}")


def _uninformative_rows(
    world: World, slots: list[Slot], total: int, rng: np.random.Generator
) -> list[Row]:
    """Random windows with random labels: whatever scores above chance here is wrong."""
    rows = []
    for index in range(total):
        slot = slots[index % len(slots)]
        start = int(rng.integers(slot.start, slot.end - UNINFORMATIVE_LENGTH))
        window = (start, start + UNINFORMATIVE_LENGTH)
        rows.append(_cut(world, slot, window, _strand(rng), str(index % 2)))
    return _unique(rows)


def _cut(world: World, slot: Slot, window: tuple[int, int], strand: str, target: str) -> Row:
    start, end = window
    sequence = world.cut(slot.contig, start, end, strand)
    return Row(sequence, target, slot.name, slot.contig, start, end, strand)


def _unique(rows: Sequence[Row]) -> list[Row]:
    """Drop rows that a small world gave twice."""
    return list({row.sequence: row for row in rows}.values())


def _gc(sequence: str) -> float:
    return (sequence.count("G") + sequence.count("C")) / len(sequence)


def _strand(rng: np.random.Generator) -> str:
    return "+" if rng.random() < 0.5 else "-"
