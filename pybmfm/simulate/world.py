"""The demo genome: contigs filled with gene slots, and where everything lies on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import derive_seed
from pybmfm.simulate.background import RepeatFamily, background, repeat_families, slot_material
from pybmfm.simulate.motifs import LETTERS, Codes, N, reverse_complement, to_text
from pybmfm.simulate.settings import SLOT_LENGTH, SimulationSettings
from pybmfm.simulate.slots import Feature, SlotBuilder, build_slot, turn_round

END_GAP = 2_000
INNER_GAP = 3_000
SMALL_GAP = 60
EDGE = 300
BLOCK_OF_SLOTS = 6
SPLIT_SHARES = {"train": 4 / 6, "dev": 1 / 6, "test": 1 / 6}


@dataclass(frozen=True)
class Slot:
    """A gene and its surroundings, in contig coordinates (0-based, half-open).

    ``regions`` holds promoter and, where planted, enhancer, peak, decoy_peak, decoy_island.
    """

    name: str
    contig: str
    start: int
    end: int
    strand: str
    split: str
    tss: int
    is_tata: bool
    exons: tuple[tuple[int, int], ...]
    regions: dict[str, tuple[int, int]]
    motifs: tuple[Feature, ...]
    repeats: tuple[Feature, ...]
    reporter_motifs: dict[str, int]

    @cached_property
    def splice_sites(self) -> list[tuple[str, int]]:
        """``("donor" | "acceptor", position)``: the intron's first or last base."""
        kinds = ("donor", "acceptor") if self.strand == "+" else ("acceptor", "donor")
        sites = []
        for (_, left), (right, _) in zip(self.exons, self.exons[1:], strict=False):
            sites += [(kinds[0], left), (kinds[1], right - 1)]
        return sites


@dataclass(frozen=True)
class Contig:
    """One contig: bases as codes A C G T N = 0-4 and what a position is (see SlotBuilder)."""

    name: str
    sequence: Codes
    masked: NDArray[np.bool_]
    island: NDArray[np.bool_]
    constraint: NDArray[np.float32]
    gaps: tuple[tuple[int, int], ...]

    def text(self) -> bytes:
        """Return letters, repeats in lower case."""
        letters = LETTERS[self.sequence]
        return np.where(self.masked, letters + 32, letters).astype(np.uint8).tobytes()


@dataclass(frozen=True)
class World:
    """All that was planted."""

    contigs: dict[str, Contig]
    slots: list[Slot]

    def cut(self, contig: str, start: int, end: int, strand: str = "+") -> str:
        """Return the upper-case sequence of an interval, read along ``strand``."""
        codes = self.contigs[contig].sequence[start:end]
        return to_text(reverse_complement(codes) if strand == "-" else codes)

    def motifs(self) -> Iterator[tuple[Slot, Feature]]:
        """Go through every planted motif in genome order of the slots."""
        for slot in self.slots:
            for feature in slot.motifs:
                yield slot, feature


def build_world(settings: SimulationSettings) -> World:
    """Make the genome of ``settings``."""
    families = repeat_families(settings.seed)
    contigs: dict[str, Contig] = {}
    slots: list[Slot] = []
    for name, length in settings.contigs:
        contig, found = _build_contig(settings.seed, name, length, families)
        contigs[name] = contig
        slots += found
    named = _assign_splits(slots, settings.seed)
    return World(contigs, named)


def _build_contig(
    seed: int, name: str, length: int, families: list[RepeatFamily]
) -> tuple[Contig, list[Slot]]:
    sequence = background(seed, name, length)
    masked, island = np.zeros(length, dtype=bool), np.zeros(length, dtype=bool)
    constraint = np.zeros(length, dtype=np.float32)
    gaps, starts = plan_contig(length)
    for start, end in gaps:
        sequence[start:end] = N
    material = slot_material(seed, name, len(starts))
    slots = []
    for index, start in enumerate(starts):
        rng = np.random.default_rng(derive_seed(seed, "slot", name, index))
        end = start + SLOT_LENGTH
        builder = SlotBuilder(sequence[start:end].copy(), rng)
        build_slot(builder, material, index, families)
        strand = "+" if rng.random() < 0.5 else "-"
        if strand == "-":
            turn_round(builder)
        sequence[start:end], masked[start:end] = builder.sequence, builder.masked
        island[start:end], constraint[start:end] = builder.island, builder.constraint
        slots.append(_placed(builder, name, start, strand, bool(material.is_tata[index])))
    return Contig(name, sequence, masked, island, constraint, tuple(gaps)), slots


def plan_contig(length: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Lay out a contig: N gaps at both ends, a long one and a short one inside, slots elsewhere.

    Returns
    -------
    gaps
        ``(start, end)``, ascending.
    starts
        Start of each slot.
    """
    edge = min(END_GAP, length // 20)
    slots = (length - 2 * edge - INNER_GAP - SMALL_GAP - 4 * EDGE) // SLOT_LENGTH
    first, second = slots // 2, slots // 2 + slots // 4
    gaps, starts, cursor = [(0, edge)], [], edge + EDGE
    for index in range(slots):
        for at, size in ((first, INNER_GAP), (second, SMALL_GAP)):
            if index == at:
                gaps.append((cursor + EDGE // 2, cursor + EDGE // 2 + size))
                cursor += EDGE + size
        starts.append(cursor)
        cursor += SLOT_LENGTH
    gaps.append((length - edge, length))
    return gaps, starts


def _placed(builder: SlotBuilder, contig: str, start: int, strand: str, is_tata: bool) -> Slot:
    def moved(features: list[Feature]) -> tuple[Feature, ...]:
        found = [Feature(f.start + start, f.end + start, f.strand, f.name) for f in features]
        return tuple(sorted(found, key=lambda feature: (feature.start, feature.name)))

    return Slot(
        name="",
        contig=contig,
        start=start,
        end=start + SLOT_LENGTH,
        strand=strand,
        split="",
        tss=builder.tss + start,
        is_tata=is_tata,
        exons=tuple((a + start, b + start) for a, b in builder.exons),
        regions={k: (a + start, b + start) for k, (a, b) in builder.regions.items()},
        motifs=moved(builder.motifs),
        repeats=moved(builder.repeats),
        reporter_motifs=dict(builder.reporter_motifs),
    )


def _assign_splits(slots: list[Slot], seed: int) -> list[Slot]:
    """Name the slots and give neighbouring ones, as one block, to the split that lacks most."""
    rng = np.random.default_rng(derive_seed(seed, "splits"))
    keys = [(slot.contig, number) for number, slot in _numbered(slots)]
    blocks: dict[tuple[str, int], list[int]] = {}
    for index, (contig, number) in enumerate(keys):
        blocks.setdefault((contig, number // BLOCK_OF_SLOTS), []).append(index)
    order = list(blocks)
    held = dict.fromkeys(SPLIT_SHARES, 0)
    split_of: dict[int, str] = {}
    for place in rng.permutation(len(order)):
        members = blocks[order[int(place)]]
        split = min(held, key=lambda name: held[name] / SPLIT_SHARES[name])
        held[split] += len(members)
        split_of.update(dict.fromkeys(members, split))
    return [
        replace(slot, name=f"GENE{index + 1:04d}", split=split_of[index])
        for index, slot in enumerate(slots)
    ]


def _numbered(slots: list[Slot]) -> Iterator[tuple[int, Slot]]:
    """Number the slots within their contig."""
    seen: dict[str, int] = {}
    for slot in slots:
        seen[slot.contig] = seen.get(slot.contig, -1) + 1
        yield seen[slot.contig], slot
