"""The genome divided into regions, each in one split, so that no base pair is in two.

Regions are blocks of the genome, drawn at random, or whole contigs, held out by name.

The assignment depends on the genome, the block size and the seed only, not on the length of
windows: windows of 1-10 kb for a corpus and of 20 kb for its tokenizer fall into the same
blocks and splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, derive_seed
from pybmfm.genome.contigs import find_contig

SPLITS = ("train", "dev", "test")
SHARES = (0.7, 0.2, 0.1)
LARGEST_BLOCK = 1_000_000
SMALLEST_BLOCK = 40_000  # two windows of the 20 kb that tokenizers are trained on
UNASSIGNED = -1


@dataclass(frozen=True)
class Blocks:
    """Consecutive pieces that tile one contig.

    Attributes
    ----------
    starts, ends
        int64, shape (n,).
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Region:
    """A stretch of one contig whose windows all fall into one split (index into SPLITS)."""

    start: int
    end: int
    split: int


def default_block_size(lengths: Mapping[str, int]) -> int:
    """Block size from the genome's size: a fiftieth of it, at most 1 Mb.

    A genome below 2 Mb gets blocks of 40 kb, and below 400 kb a tenth of it, so that there
    are always enough blocks for three splits.
    """
    total = sum(lengths.values())
    smallest = min(SMALLEST_BLOCK, total // 10)
    return max(1, smallest, min(LARGEST_BLOCK, total // 50))


def cut_blocks(length: int, size: int) -> Blocks:
    """Tile a contig with blocks of ``size``; a rest below half a block joins the last one."""
    number = max(1, (length + size // 2) // size)
    edges = np.r_[np.arange(number, dtype=np.int64) * size, length]
    return Blocks(edges[:-1], edges[1:])


def assign_splits(bases: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """Give every block a split at random, 70/20/10 by bases.

    Parameters
    ----------
    bases
        int64, shape (blocks,): bases other than N in each block of the genome.
    seed
        The user's seed.

    Returns
    -------
    int64, shape (blocks,)
        Index into ``SPLITS``, or -1 for a block without bases. No split is empty.

    Raises
    ------
    UserError
        If fewer than three blocks hold bases.
    """
    usable = np.flatnonzero(bases)
    if len(usable) < len(SPLITS):
        raise UserError(
            f"only {len(usable)} blocks of the genome hold sequence, three splits need three",
            remedy="choose a smaller --block-size or --split random",
        )
    order = np.random.default_rng(derive_seed(seed, "splits")).permutation(usable)
    weights = bases[order]
    middles = (np.cumsum(weights) - weights / 2) / weights.sum()
    splits = np.full(len(bases), UNASSIGNED, dtype=np.int64)
    splits[order] = np.searchsorted(np.cumsum(SHARES)[:-1], middles, side="right")
    fill_empty(splits, bases, order)
    return splits


def split_regions(blocks: Blocks, splits: npt.NDArray[np.int64]) -> list[Region]:
    """Join neighbouring blocks of one split; a block of N alone joins its neighbour.

    Returns
    -------
    list of Region
        In order, tiling the contig; empty if no block has a split.
    """
    assigned = np.flatnonzero(splits != UNASSIGNED)
    if not len(assigned):
        return []
    nearest = np.searchsorted(assigned, np.arange(len(splits)), side="right") - 1
    filled = splits[assigned[np.maximum(nearest, 0)]]
    first = np.r_[0, np.flatnonzero(np.diff(filled)) + 1]
    last = np.r_[first[1:], len(filled)] - 1
    return [
        Region(int(blocks.starts[a]), int(blocks.ends[b]), int(filled[a]))
        for a, b in zip(first, last, strict=True)
    ]


def leave_buffer(regions: list[Region], buffer: int) -> list[Region]:
    """Take ``buffer`` nt off both sides of every border between two regions.

    Parameters
    ----------
    regions
        Of one contig, in order, tiling it; neighbours differ in split.
    buffer
        nt; a region that is all buffer is left out.
    """
    last = len(regions) - 1
    inner = [
        Region(r.start + buffer * (i > 0), r.end - buffer * (i < last), r.split)
        for i, r in enumerate(regions)
    ]
    return [region for region in inner if region.start < region.end]


def splits_of_contigs(
    lengths: Mapping[str, int], dev: Sequence[str], test: Sequence[str], fasta: Path
) -> dict[str, int]:
    """Hold whole contigs out by name; the others train.

    Parameters
    ----------
    lengths
        nt of each contig of the genome.
    dev, test
        Names, or aliases, of the contigs held out.
    fasta
        The genome's file, for messages.

    Returns
    -------
    dict
        Contig of the genome -> index into ``SPLITS``.

    Raises
    ------
    UserError
        If the genome has no such contig, one is in both lists, or none is left to train on.
    """
    splits = dict.fromkeys(lengths, SPLITS.index("train"))
    for split, names in (("dev", dev), ("test", test)):
        for contig in [find_contig(lengths, name, fasta) for name in names]:
            if splits[contig] not in {SPLITS.index("train"), SPLITS.index(split)}:
                raise UserError(
                    f"contig {contig} is held out for both dev and test",
                    file=fasta,
                    remedy="name it once, in --dev-contigs or --test-contigs",
                )
            splits[contig] = SPLITS.index(split)
    if SPLITS.index("train") not in splits.values():
        raise UserError(
            "every contig is held out, none is left to train on",
            file=fasta,
            remedy="name fewer --dev-contigs and --test-contigs",
        )
    return splits


def fill_empty(
    splits: npt.NDArray[np.int64], bases: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> None:
    """Move the smallest block of the split with most blocks into each empty split."""
    for split in range(len(SPLITS)):
        counts = np.bincount(splits[order], minlength=len(SPLITS))
        if counts[split]:
            continue
        donors = order[splits[order] == counts.argmax()]
        splits[donors[bases[donors].argmin()]] = split
