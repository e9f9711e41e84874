"""Promoter and core promoter tasks from TSS (paper, promoter prediction).

Positives are the windows -249..+50 or -34..+35 around a TSS. Each with a TATA box gets a
non-promoter that has one at the same place; each without gets itself with its 20-nt pieces
shuffled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError
from pybmfm.corpus import SPLITS
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.genome import BASES, N_CODE, Genome, complement_bases, match_contigs
from pybmfm.tasks.annotated_windows import (
    AnnotationSettings,
    ContigSplits,
    Cutter,
    Window,
    genome_splits,
    origin_key,
    with_text,
    write_annotation_task,
)
from pybmfm.tasks.annotation_files import Point, read_transcripts, read_tss

AROUND = {"promoter": (249, 50), "core_promoter": (34, 35)}
POSITIVE, NEGATIVE = "1", "0"
PIECE = 20
TRIES = 100  # to find another order of the pieces
# The box TATAWA begins at -36 to -24; TSS is +1, the base before it -1.
TATA_BOXES = ("TATAAA", "TATATA")
BOX = len(TATA_BOXES[0])
BOX_STARTS = range(-36, -23)
DISTANCE = 1000
TATA, SHUFFLED = "tata_non_promoter", "shuffled"
NEGATIVES = ("paired", "tata", "shuffled")


@dataclass(frozen=True)
class PromoterSettings:
    """What to cut and against what.

    Attributes
    ----------
    common
        Genome, output, splits, seed; the task's name chooses the window.
    tss, gtf
        EPDnew BED, or GTF or GFF3 whose transcripts begin at a TSS: one of the two.
    tss_at
        Where in a BED feature the TSS is, see :func:`read_tss`.
    negatives
        ``paired``: by TATA box as published; ``tata`` or ``shuffled``: one kind for all.
    around
        nt before and after the TSS; None: as published for ``promoter`` and ``core_promoter``.
    """

    common: AnnotationSettings
    tss: Path | None = None
    gtf: Path | None = None
    tss_at: str = "auto"
    negatives: str = "paired"
    around: tuple[int, int] | None = None

    @property
    def window(self) -> tuple[int, int]:
        """nt before and after the TSS, both ends included."""
        return self.around or AROUND[self.common.task]


def build_promoters(settings: PromoterSettings) -> None:
    """Write a binary task of promoters against hard negatives.

    Raises
    ------
    UserError
        If not exactly one source of TSS is given, it does not fit the genome, or a split lacks
        a class.
    """
    source = _read(settings)
    upstream, downstream = settings.window
    with Genome(settings.common.fasta) as genome:
        splits, size = genome_splits(genome, settings.common.block_size, settings.common.seed)
        cutter = Cutter(genome, settings.common, splits)
        cutter.leave_out(source.dropped)
        positives = cutter.draw(
            cutter.cut(source.points, upstream, downstream, POSITIVE, source.path)
        )
        with_box = [w for w in positives if _wants_tata(settings, w)]
        rest = [w for w in positives if not _wants_tata(settings, w)]
        starts = _starts_by_contig(source.points, genome)
        boxes = _with_tata_boxes(settings, genome, splits, starts, with_box)
        shuffled = list(_shuffled(settings, rest))
        write_annotation_task(
            settings.common,
            genome,
            cutter,
            [*positives, *boxes, *shuffled],
            classes=(NEGATIVE, POSITIVE),
            inputs=[source.path],
            described={
                "upstream": upstream,
                "downstream": downstream,
                "tss_at": source.at,
                "exons_dropped": source.exons_dropped,
                "negatives": settings.negatives,
                "block_size": size,
            },
            missing={
                TATA: len(with_box) - len(boxes),
                SHUFFLED: len(rest) - len(shuffled),
            },
        )


def shuffle_pieces(sequence: str, rng: np.random.Generator, piece: int = PIECE) -> str:
    """Reorder the non-overlapping pieces of a sequence, never into the old order.

    A sequence that no order changes, such as a run of one base, is returned as it is.
    """
    pieces = [sequence[i : i + piece] for i in range(0, len(sequence), piece)]
    for _ in range(TRIES):
        result = "".join(pieces[i] for i in rng.permutation(len(pieces)))
        if result != sequence:
            return result
    return sequence


def box_start(sequence: str, tss: int) -> int | None:
    """Return where a TATA box begins in a promoter, None if there is none at -36 to -24.

    Parameters
    ----------
    sequence
        Read on the promoter's strand.
    tss
        Index of the TSS in it.
    """
    for offset in BOX_STARTS:
        start = tss + offset
        if start >= 0 and sequence[start : start + BOX] in TATA_BOXES:
            return start
    return None


class _Source(NamedTuple):
    """TSS as read: where each is in its feature, and rows and exon lines left out by reason."""

    path: Path
    points: list[Point]
    at: str
    dropped: dict[str, int]
    exons_dropped: dict[str, int]


def _read(settings: PromoterSettings) -> _Source:
    if (settings.tss is None) == (settings.gtf is None):
        raise UserError("promoters need one source of TSS", remedy="give --tss or --gtf")
    if settings.negatives not in NEGATIVES:
        raise UserError(
            f"--negatives {settings.negatives} is unknown",
            remedy=f"use one of {', '.join(NEGATIVES)}",
        )
    if settings.tss is not None:
        return _Source(settings.tss, *read_tss(settings.tss, settings.tss_at), {})
    assert settings.gtf is not None
    transcripts, exons = read_transcripts(settings.gtf)
    points = [Point(one.contig, one.tss, one.strand, one.name) for one in transcripts]
    return _Source(settings.gtf, points, "transcript-start", {}, exons["dropped"])


def _wants_tata(settings: PromoterSettings, window: Window) -> bool:
    if settings.negatives == "paired":
        return box_start(window.sequence, settings.window[0]) is not None
    return settings.negatives == "tata"


def _shuffled(settings: PromoterSettings, positives: Sequence[Window]) -> Iterator[Window]:
    rng = settings.common.rng(SHUFFLED)
    for window in positives:
        text = shuffle_pieces(window.sequence, rng)
        if text != window.sequence:
            yield replace(
                window,
                contig="",
                label=NEGATIVE,
                origin=SHUFFLED,
                sequence=text,
                group=origin_key(window),
            )


def _starts_by_contig(points: Sequence[Point], genome: Genome) -> dict[str, NDArray[np.int64]]:
    matched = match_contigs(
        genome.lengths, dict.fromkeys(point.contig for point in points), one_to_one=False
    )
    starts: dict[str, list[int]] = {contig: [] for contig in genome.lengths}
    for point in points:
        if point.contig in matched:
            starts[matched[point.contig]].append(point.position)
    return {contig: np.unique(np.array(found, np.int64)) for contig, found in starts.items()}


@dataclass(frozen=True)
class _Boxes:
    """TATA boxes that may stand in a negative: first base on their strand.

    Attributes
    ----------
    contigs
        Index among the genome's contigs.
    """

    contigs: NDArray[np.int64]
    positions: NDArray[np.int64]
    minus: NDArray[np.bool_]
    splits: NDArray[np.int64]


def _with_tata_boxes(
    settings: PromoterSettings,
    genome: Genome,
    splits: dict[str, ContigSplits],
    starts: dict[str, NDArray[np.int64]],
    positives: Sequence[Window],
) -> list[Window]:
    """Draw, for each positive, a non-promoter of its split with a box at the same place."""
    if not positives:
        return []
    reach = sum(settings.window) + 1
    boxes = _joined(
        [
            _boxes(genome, contig, number, splits[contig], starts[contig], reach)
            for number, contig in enumerate(splits)
        ]
    )
    names = list(splits)
    default = settings.window[0] - 31
    negatives = []
    for number, split in enumerate(SPLITS):
        here = np.flatnonzero(boxes.splits == number)
        mine = [window for window in positives if window.split == number]
        order = settings.common.rng(TATA, split).permutation(len(here))
        for window, place in zip(mine, here[order[: len(mine)]].tolist(), strict=False):
            contig, minus = names[boxes.contigs[place]], bool(boxes.minus[place])
            box = box_start(window.sequence, settings.window[0])
            offset = default if box is None else box
            position = int(boxes.positions[place])
            start = position + offset + 1 - reach if minus else position - offset
            strand = "-" if minus else "+"
            negatives.append(Window(contig, start, start + reach, strand, number, NEGATIVE, TATA))
    return with_text(genome, negatives)


def _joined(parts: Sequence[_Boxes]) -> _Boxes:
    columns = (field.name for field in fields(_Boxes))
    return _Boxes(*(np.concatenate([getattr(one, name) for one in parts]) for name in columns))


def _boxes(
    genome: Genome,
    contig: str,
    number: int,
    splits: ContigSplits,
    starts: NDArray[np.int64],
    reach: int,
) -> _Boxes:
    """Find boxes on both strands: no TSS within 1,000 nt, no N and no border in reach."""
    codes = genome.codes(contig)
    forward = _find(codes)
    backward = len(codes) - 1 - _find(complement_bases(codes[::-1]))
    positions = np.concatenate([forward, backward])
    minus = np.repeat([False, True], [len(forward), len(backward)])
    left, right = positions - reach, positions + reach + 1
    inside = (left >= 0) & (right <= len(codes))
    positions, minus, left, right = (x[inside] for x in (positions, minus, left, right))
    unknown = IntervalSet.where(codes == N_CODE).count(left, right)
    split = splits.of(left, right)
    far = max(DISTANCE, reach)
    near = np.searchsorted(starts, positions + far, side="right") - np.searchsorted(
        starts, positions - far
    )
    keep = (unknown == 0) & (split >= 0) & (near == 0)
    contigs = np.full(int(keep.sum()), number)
    return _Boxes(contigs, positions[keep], minus[keep], split[keep])


def _find(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return where a TATA box begins."""
    count = max(0, len(codes) - BOX + 1)
    found = np.zeros(count, dtype=bool)
    for box in TATA_BOXES:
        here = np.ones(count, dtype=bool)
        for place, base in enumerate(box):
            here &= codes[place : place + count] == BASES.index(base)
        found |= here
    return np.flatnonzero(found)
