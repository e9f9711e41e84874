"""Drawing alleles with numbers that depend on (seed, pass, contig, position) alone.

The counter-based generator is splitmix64 (Steele, Lea and Flood, 2014): its key is derived from
seed, pass and contig, and position ``i`` uses the numbers ``2 i + 1`` and ``2 i + 2`` of that
stream. So a window draws the same alone or within its contig, in any order, on any thread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import derive_seed

STRATEGIES = ("paper", "hardy-weinberg", "haplotypes")


def allele_key(seed: int, pass_number: int, contig: str) -> np.uint64:
    """Return the key of a contig's draws in one pass."""
    return np.uint64(derive_seed(seed, "alleles", pass_number, contig))


def draw_mode(strategy: str, haploid: bool) -> int:
    """Return what the compiled loop calls a strategy."""
    from pybmfm.variants import _encode_kernels as kernels

    if haploid:
        return kernels.HAPLOID
    return kernels.PAPER if strategy == "paper" else kernels.HARDY_WEINBERG


def draw_codes(
    positions: NDArray[np.int32],
    p: NDArray[np.float32],
    key: np.uint64,
    strategy: str,
    haploid: bool = False,
) -> NDArray[np.uint8]:
    """Draw the code of each varying position.

    Parameters
    ----------
    positions
        int32[n], 0-based.
    p
        float32[n, 11], state probabilities; rows need not be normalised.
    key
        What `allele_key` returned.
    strategy
        ``paper``: two states without replacement, so a position with two states is always
        heterozygous and a position with one is that state alone (paper, section on sampling).
        ``hardy-weinberg``: two independent draws.
    haploid
        One draw, written as the lone symbol.

    Returns
    -------
    uint8[n]

    Raises
    ------
    ValueError
        If the shapes do not match.
    """
    from pybmfm.variants import _encode_kernels as kernels
    from pybmfm.variants.symbols import N_STATES

    if p.shape != (len(positions), N_STATES):
        raise ValueError(f"{len(positions)} positions need p of shape (n, {N_STATES})")
    codes = np.empty(len(positions), np.uint8)
    kernels.draw(positions, p, 0, len(positions), key, draw_mode(strategy, haploid), codes)
    return codes


def random_bit(key: int, position: int) -> bool:
    """Draw one bit for a position: the top bit of number ``position + 1`` of the key's stream."""
    mask = (1 << 64) - 1
    x = (key + (position + 1) * 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return bool((x ^ (x >> 31)) >> 63)
