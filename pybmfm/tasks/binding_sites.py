"""TF binding tasks from peaks: 101 nt at each summit against windows of equal length and G+C."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError
from pybmfm.corpus import SPLITS
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.genome import BASES, N_CODE, Genome, match_contigs
from pybmfm.tasks.annotated_windows import (
    AnnotationSettings,
    ContigSplits,
    Cutter,
    Window,
    genome_splits,
    with_text,
    write_annotation_task,
)
from pybmfm.tasks.annotation_files import read_peaks

POSITIVE, NEGATIVE = "1", "0"
LENGTH = 101
MATCHED = "gc_matched"
TOLERANCE = 0.02


@dataclass(frozen=True)
class BindingSettings:
    """What to cut and against what.

    Attributes
    ----------
    common
        Genome, output, splits, seed, the task's name.
    peaks
        narrowPeak or BED.
    length
        nt of a window.
    gc_tolerance
        Largest difference in the share of G and C between a positive and its negative.
    """

    common: AnnotationSettings
    peaks: Path
    length: int = LENGTH
    gc_tolerance: float = TOLERANCE


def build_binding_sites(settings: BindingSettings) -> None:
    """Write a binary task of peak windows against unbound ones.

    Raises
    ------
    UserError
        If the peaks do not fit the genome, or a split lacks a class.
    """
    if settings.length < 1 or not 0 <= settings.gc_tolerance <= 1:
        raise UserError(
            "--length or --gc-tolerance is out of range", remedy="give at least 1, and 0 to 1"
        )
    points, peaks, centre = read_peaks(settings.peaks)
    half = settings.length // 2
    with Genome(settings.common.fasta) as genome:
        splits, size = genome_splits(genome, settings.common.block_size, settings.common.seed)
        cutter = Cutter(genome, settings.common, splits)
        windows = cutter.cut(points, half, settings.length - half - 1, POSITIVE, settings.peaks)
        positives = cutter.draw(windows)
        bound = _bound(genome, peaks, windows)
        tiles = [
            _tiles(settings, genome, contig, splits[contig], bound[contig]) for contig in splits
        ]
        negatives = with_text(genome, _matched(settings, positives, tiles))
        write_annotation_task(
            settings.common,
            genome,
            cutter,
            [*positives, *negatives],
            classes=(NEGATIVE, POSITIVE),
            inputs=[settings.peaks],
            described={
                "length": settings.length,
                "centre": centre,
                "gc_tolerance": settings.gc_tolerance,
                "block_size": size,
            },
            missing={MATCHED: len(positives) - len(negatives)},
        )


@dataclass(frozen=True)
class _Tiles:
    """Windows of one contig that hold no peak, no N and no border; none overlap."""

    contig: str
    starts: NDArray[np.int64]
    gc: NDArray[np.int64]
    splits: NDArray[np.int64]


def _bound(
    genome: Genome, peaks: Sequence[tuple[str, int, int]], windows: Sequence[Window]
) -> dict[str, IntervalSet]:
    """Return what peaks, and the windows at their centres, cover."""
    matched = match_contigs(
        genome.lengths, dict.fromkeys(contig for contig, _, _ in peaks), one_to_one=False
    )
    spans: dict[str, list[tuple[int, int]]] = {contig: [] for contig in genome.lengths}
    for contig, start, end in peaks:
        if contig in matched:
            spans[matched[contig]].append((start, end))
    for window in windows:
        spans[window.contig].append((window.start, window.end))
    return {
        contig: IntervalSet.merged([s for s, _ in found], [e for _, e in found])
        for contig, found in spans.items()
    }


def _tiles(
    settings: BindingSettings,
    genome: Genome,
    contig: str,
    splits: ContigSplits,
    bound: IntervalSet,
) -> _Tiles:
    """Tile a contig from a random first base on."""
    length, codes = settings.length, genome.codes(contig)
    first = int(settings.common.rng("tiles", contig).integers(length))
    starts = np.arange(first, len(codes) - length + 1, length, dtype=np.int64)
    ends = starts + length
    split = splits.of(starts, ends) if len(starts) else starts
    tiles = codes[first : first + len(starts) * length].reshape(-1, length)
    unknown = (tiles == N_CODE).any(axis=1)
    keep = ~unknown & (bound.count(starts, ends) == 0) & (split >= 0)
    is_gc = (tiles == BASES.index("G")) | (tiles == BASES.index("C"))
    gc = np.count_nonzero(is_gc, axis=1)[keep]
    return _Tiles(contig, starts[keep], gc, split[keep])


def _matched(
    settings: BindingSettings, positives: Sequence[Window], tiles: Sequence[_Tiles]
) -> list[Window]:
    """Draw a tile of its split and nearest G+C count for each positive, none of them twice."""
    most = int(settings.gc_tolerance * settings.length)
    negatives = []
    for number, split in enumerate(SPLITS):
        rng = settings.common.rng(MATCHED, split)
        by_gc: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for one in tiles:
            chosen = one.splits == number
            for start, gc in zip(one.starts[chosen].tolist(), one.gc[chosen].tolist(), strict=True):
                by_gc[gc].append((one.contig, start))
        for count in sorted(by_gc):
            places = by_gc[count]
            by_gc[count] = [places[i] for i in rng.permutation(len(places)).tolist()]
        for window in (window for window in positives if window.split == number):
            place = _take(by_gc, sum(map(window.sequence.count, "GC")), most)
            if place is not None:
                strand = "+" if rng.random() < 0.5 else "-"
                contig, start = place
                negatives.append(
                    Window(
                        contig, start, start + settings.length, strand, number, NEGATIVE, MATCHED
                    )
                )
    return negatives


def _take(
    by_gc: dict[int, list[tuple[str, int]]], wanted: int, most: int
) -> tuple[str, int] | None:
    for difference in range(most + 1):
        for count in dict.fromkeys((wanted - difference, wanted + difference)):
            if by_gc.get(count):
                return by_gc[count].pop()
    return None
