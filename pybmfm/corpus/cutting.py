"""Cut contigs into consecutive windows of random length, anew in every pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, derive_seed
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.corpus.splits import (
    SHARES,
    SPLITS,
    Region,
    assign_splits,
    cut_blocks,
    leave_buffer,
    split_regions,
    splits_of_contigs,
)

SHORTEST_PIECE = 100  # nt; what is left at the end of a region and shorter is dropped
BUFFER = "buffer_nt"


@dataclass(frozen=True)
class WindowSettings:
    """How the genome is cut.

    Attributes
    ----------
    fasta, out
        Genome to read, folder to write.
    passes
        Times the genome is cut, each with new boundaries.
    min_length, max_length, step
        A window's length in nt is uniform over min, min + step, ..., max.
    split
        ``"position"``: blocks of the genome, nothing shared; ``"random"``: per window.
    block_size
        nt per block; None: from the genome's size, see ``default_block_size``.
    buffer
        nt left out on both sides of a border between blocks of different splits.
    dev_contigs, test_contigs
        Whole contigs held out, by name or alias, instead of blocks; the others train.
    seed
        Of boundaries and splits.
    """

    fasta: Path
    out: Path
    passes: int = 10
    min_length: int = 1000
    max_length: int = 10_000
    step: int = 1000
    split: str = "position"
    block_size: int | None = None
    buffer: int = 0
    dev_contigs: tuple[str, ...] = ()
    test_contigs: tuple[str, ...] = ()
    seed: int = 0

    @property
    def by_blocks(self) -> bool:
        """Whether blocks of the genome make the splits."""
        return self.split == "position" and not self.by_contigs

    @property
    def by_contigs(self) -> bool:
        """Whether whole contigs are held out."""
        return bool(self.dev_contigs or self.test_contigs)


@dataclass(frozen=True)
class ContigLayout:
    """Where a contig holds sequence: between N islands, and the runs of A, C, G, T."""

    name: str
    length: int
    intervals: list[tuple[int, int]]
    bases: IntervalSet


@dataclass(frozen=True)
class ContigWindows:
    """Windows of one contig, one strand.

    Attributes
    ----------
    contig : str
    starts, ends
        int64[n], 0-based half-open.
    passes
        int32[n].
    splits
        int8[n], index into ``SPLITS``.
    """

    contig: str
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    passes: npt.NDArray[np.int32]
    splits: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.starts)

    def in_order(self) -> ContigWindows:
        """Sort by start, end and pass."""
        order = np.lexsort((self.passes, self.ends, self.starts))
        return replace(
            self,
            starts=self.starts[order],
            ends=self.ends[order],
            passes=self.passes[order],
            splits=self.splits[order],
        )


def cut_windows(
    settings: WindowSettings,
    layouts: list[ContigLayout],
    block_size: int,
    dropped: Counter[str],
) -> list[ContigWindows]:
    """Cut all passes: the windows of each contig, sorted by place and pass.

    Memory is 21 bytes per window of one strand: 120 MB for ten passes over a human genome.

    Parameters
    ----------
    settings
        Lengths, passes, split mode, seed.
    layouts
        Every contig, in FASTA order.
    block_size
        nt per block, where blocks make the splits.
    dropped
        Gets the pieces and nucleotides left out, by reason, one strand counted; what lies in
        a buffer is counted once, not per pass.

    Raises
    ------
    UserError
        If held-out contigs do not fit the genome, or the buffer leaves a split without regions.
    """
    regions = _regions(settings, layouts, block_size, dropped)
    windows = [
        _cut_contig(settings, layout, contig_regions, dropped)
        for layout, contig_regions in zip(layouts, regions, strict=True)
    ]
    if settings.split == "random":
        windows = _with_random_splits(windows, settings.seed)
    return [contig.in_order() for contig in windows]


def _regions(
    settings: WindowSettings,
    layouts: list[ContigLayout],
    block_size: int,
    dropped: Counter[str],
) -> list[list[Region]]:
    """Regions of each contig, N islands cut out."""
    if settings.by_blocks:
        return _block_regions(settings, layouts, block_size, dropped)
    splits = dict.fromkeys((layout.name for layout in layouts), 0)
    if settings.by_contigs:
        lengths = {layout.name: layout.length for layout in layouts}
        splits = splits_of_contigs(
            lengths, settings.dev_contigs, settings.test_contigs, settings.fasta
        )
    return [
        [Region(start, end, splits[layout.name]) for start, end in layout.intervals]
        for layout in layouts
    ]


def _block_regions(
    settings: WindowSettings,
    layouts: list[ContigLayout],
    block_size: int,
    dropped: Counter[str],
) -> list[list[Region]]:
    blocks = [cut_blocks(layout.length, block_size) for layout in layouts]
    bases = [
        layout.bases.count(b.starts, b.ends) for layout, b in zip(layouts, blocks, strict=True)
    ]
    splits = assign_splits(np.concatenate(bases), settings.seed)
    per_contig = np.split(splits, np.cumsum([len(b) for b in bases])[:-1])
    whole = [split_regions(b, s) for b, s in zip(blocks, per_contig, strict=True)]
    inner = [leave_buffer(regions, settings.buffer) for regions in whole]
    kept = [list(_intersect(r, x.intervals)) for r, x in zip(inner, layouts, strict=True)]
    if settings.buffer:
        before = [list(_intersect(r, x.intervals)) for r, x in zip(whole, layouts, strict=True)]
        dropped[BUFFER] = _covered(before) - _covered(kept)
    if {region.split for regions in kept for region in regions} != set(range(len(SPLITS))):
        raise UserError(
            f"--buffer {settings.buffer} leaves a split without sequence "
            f"in blocks of {block_size:,} nt",
            remedy="choose a smaller --buffer or a larger --block-size",
        )
    return kept


def _intersect(regions: list[Region], intervals: list[tuple[int, int]]) -> Iterator[Region]:
    place = 0
    for region in regions:
        while place < len(intervals) and intervals[place][1] <= region.start:
            place += 1
        for start, end in intervals[place:]:
            if start >= region.end:
                break
            yield Region(max(start, region.start), min(end, region.end), region.split)


def _covered(regions: list[list[Region]]) -> int:
    return sum(region.end - region.start for contig in regions for region in contig)


def _cut_contig(
    settings: WindowSettings, layout: ContigLayout, regions: list[Region], dropped: Counter[str]
) -> ContigWindows:
    """Windows of one contig, pass after pass."""
    passes = [
        _cut_pass(settings, layout, regions, number, dropped) for number in range(settings.passes)
    ]
    starts, ends, splits = (np.concatenate(columns) for columns in zip(*passes, strict=True))
    numbers = np.repeat(np.arange(len(passes), dtype=np.int32), [len(p[0]) for p in passes])
    return ContigWindows(layout.name, starts, ends, numbers, splits.astype(np.int8))


def _cut_pass(
    settings: WindowSettings,
    layout: ContigLayout,
    regions: list[Region],
    number: int,
    dropped: Counter[str],
) -> tuple[npt.NDArray[np.int64], ...]:
    """Starts, ends and splits of one pass."""
    rng = np.random.default_rng(derive_seed(settings.seed, "windows", layout.name, number))
    edges = [_cut_edges(settings, region.end - region.start, number, rng) for region in regions]
    none = np.empty(0, np.int64)
    starts = np.concatenate(
        [none, *(r.start + e[:-1] for r, e in zip(regions, edges, strict=True))]
    )
    ends = np.concatenate([none, *(r.start + e[1:] for r, e in zip(regions, edges, strict=True))])
    splits = np.repeat(np.array([r.split for r in regions], np.int64), [len(e) - 1 for e in edges])
    keep = _kept(starts, ends, layout, dropped)
    return starts[keep], ends[keep], splits[keep]


def _cut_edges(
    settings: WindowSettings, length: int, number: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Boundaries inside a region of ``length`` nt, first 0 and last ``length``."""
    choices = np.arange(settings.min_length, settings.max_length + 1, settings.step)
    draws = rng.choice(choices, size=length // settings.min_length + 2)
    if len(choices) == 1 and number > 0:
        # Windows of one length would have the same boundaries in every pass.
        draws[0] = rng.integers(1, settings.max_length, endpoint=True)
    inner = np.cumsum(draws)
    edges: npt.NDArray[np.int64] = np.r_[0, inner[inner < length], length].astype(np.int64)
    return edges


def _kept(
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    layout: ContigLayout,
    dropped: Counter[str],
) -> npt.NDArray[np.bool_]:
    """Which windows stay; those left out are counted by reason."""
    lengths = ends - starts
    short = lengths < SHORTEST_PIECE
    empty = ~short & (layout.bases.count(starts, ends) == 0)
    for reason, mask in ((f"shorter_than_{SHORTEST_PIECE}", short), ("only_n", empty)):
        if mask.any():
            dropped[reason] += int(mask.sum())
            dropped[f"{reason}_nt"] += int(lengths[mask].sum())
    return np.asarray(~(short | empty))


def _with_random_splits(windows: list[ContigWindows], seed: int) -> list[ContigWindows]:
    """70/20/10 of the windows; both strands of a window follow later and share its split."""
    sizes = [len(contig) for contig in windows]
    number = sum(sizes)
    places = np.random.default_rng(derive_seed(seed, "splits")).permutation(number)
    middles = (np.arange(number) + 0.5) / max(number, 1)
    splits = np.empty(number, dtype=np.int8)
    splits[places] = np.searchsorted(np.cumsum(SHARES)[:-1], middles, side="right")
    parts = np.split(splits, np.cumsum(sizes)[:-1])
    return [replace(contig, splits=part) for contig, part in zip(windows, parts, strict=True)]
