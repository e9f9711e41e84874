"""Neighbouring SNPs in one block, and blocks or single SNPs shared over train, dev and test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, derive_seed
from pybmfm.corpus.splits import fill_empty
from pybmfm.tasks.table import SPLITS

SHARES = (0.8, 0.1, 0.1)  # the published ones
ENOUGH_BLOCKS = 30
ORDERS, NEAR_ENOUGH = 200, 0.01  # orders of the blocks tried, distance from the shares
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def locus_blocks(contigs: Ints, positions: Ints, size: int, reach: int) -> Ints:
    """Number the blocks of SNPs that must stay together.

    SNPs of one ``size``-nt cell of the genome are in one block; so are neighbours less than
    ``reach`` nt apart, which joins cells. With ``reach`` the length of the windows, no two
    windows of different blocks share a base.

    Parameters
    ----------
    contigs, positions
        int64[n], sorted by contig and position.

    Returns
    -------
    int64[n]
        Block numbers from 0, not decreasing.
    """
    if not len(positions):
        return np.zeros(0, dtype=np.int64)
    cells = positions // size
    apart = (np.diff(contigs) != 0) | ((np.diff(cells) != 0) & (np.diff(positions) >= reach))
    return np.concatenate([[0], np.cumsum(apart)]).astype(np.int64)


def fitting_block_size(contigs: Ints, positions: Ints, largest: int, reach: int) -> int:
    """Halve ``largest`` until there are 30 blocks to share out, but not below ``reach``.

    Parameters
    ----------
    contigs, positions
        int64[n], sorted by contig and position.
    largest
        The size that suits the genome.
    """
    size = largest
    while size // 2 >= reach:
        blocks = locus_blocks(contigs, positions, size, reach)
        if len(blocks) and blocks[-1] + 1 >= ENOUGH_BLOCKS:
            break
        size //= 2
    return size


def split_blocks(blocks: Ints, seed: int, usable: Callable[[Ints], Bools]) -> Ints:
    """Give every block to train, dev or test, near 80/10/10 of the SNPs.

    Blocks come in random order, each to the split that lacks most SNPs. Of several orders the
    first whose usable SNPs are within 1 % of the shares is taken, else the nearest: where genes
    are few, an order may leave test with diseases that train lacks. No split stays empty.

    Parameters
    ----------
    blocks
        int64[n], block number of each SNP, from 0.
    usable
        Marks the SNPs, bool[n], that could be used if they were split so, int64[n].

    Returns
    -------
    int64[n]
        Index into ``SPLITS`` of each SNP.

    Raises
    ------
    UserError
        If there are fewer than three blocks.
    """
    sizes = np.bincount(blocks)
    if len(sizes) < len(SPLITS):
        raise UserError(
            f"the SNPs lie in {len(sizes)} blocks, three splits need three",
            remedy="choose a smaller --block-size, or --split random",
        )
    generator = np.random.default_rng(derive_seed(seed, "locus blocks"))
    best, nearest = np.zeros(0, dtype=np.int64), np.inf
    for _ in range(ORDERS):
        chosen = _assign(sizes, generator.permutation(len(sizes)))[blocks]
        kept = np.bincount(chosen, weights=usable(chosen), minlength=len(SPLITS))
        shares = kept / len(blocks)
        distance = float(np.abs(shares - SHARES).max())
        if distance < nearest:
            best, nearest = chosen, distance
        if nearest <= NEAR_ENOUGH:
            break
    return best


def split_rows(rows: int, seed: int) -> Ints:
    """Give every SNP to a split at random: the published 80/10/10, rounded down, rest to test."""
    order = np.random.default_rng(derive_seed(seed, "random split")).permutation(rows)
    train, dev = (int(share * rows) for share in SHARES[:2])
    splits = np.empty(rows, dtype=np.int64)
    splits[order] = np.repeat(np.arange(3), [train, dev, rows - train - dev])
    return splits


def neighbours_across(contigs: Ints, positions: Ints, splits: Ints, reach: int) -> dict[str, int]:
    """Count the dev and test SNPs whose window shares a base with one of train.

    Parameters
    ----------
    contigs, positions, splits
        int64[n], sorted by contig and position.
    reach
        Length of the windows.
    """
    counts = {}
    train = np.flatnonzero(splits == 0)
    # One number per place, with contigs too far apart to be neighbours.
    spread = positions + contigs * (int(positions.max(initial=0)) + reach + 1)
    for number, name in enumerate(SPLITS[1:], start=1):
        own = spread[splits == number]
        after = np.searchsorted(spread[train], own)
        near = np.full(len(own), reach)
        for side in (after - 1, after):
            inside = (side >= 0) & (side < len(train))
            gap = np.abs(spread[train][side[inside]] - own[inside])
            near[inside] = np.minimum(near[inside], gap)
        counts[name] = int((near < reach).sum())
    return counts


def _assign(sizes: Ints, order: Ints) -> Ints:
    """Give the blocks in ``order`` to the split that lacks most; then fill what is empty."""
    lacking = np.array(SHARES) * sizes.sum()
    chosen = np.zeros(len(sizes), dtype=np.int64)
    for block in order:
        chosen[block] = lacking.argmax()
        lacking[chosen[block]] -= sizes[block]
    fill_empty(chosen, sizes, order)
    return chosen
