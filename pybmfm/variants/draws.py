"""Uniform numbers that depend on (seed, pass, contig, position) alone, not on any order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import derive_seed
from pybmfm.variants.symbols import CODE_OF_STATES

STRATEGIES = ("paper", "hardy-weinberg")
_GOLDEN = 0x9E3779B97F4A7C15


def uniform_draws(
    seed: int, pass_number: int, contig: str, positions: NDArray[np.integer], draws: int = 2
) -> NDArray[np.float64]:
    """Draw ``draws`` numbers in [0, 1) for each position.

    The counter-based generator is splitmix64 (Steele, Lea and Flood, 2014) with a key derived
    from seed, pass and contig, and the counter ``draws * position + k``.

    Returns
    -------
    float64[n, draws]
    """
    key = np.uint64(derive_seed(seed, "alleles", pass_number, contig))
    counter = positions.astype(np.uint64)[:, None] * np.uint64(draws) + np.arange(
        1, draws + 1, dtype=np.uint64
    )
    x: NDArray[np.uint64] = np.add(key, counter * np.uint64(_GOLDEN), dtype=np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    top: NDArray[np.uint64] = x >> np.uint64(11)
    return np.multiply(top, 2.0**-53, dtype=np.float64)


def draw_codes(
    p: NDArray[np.floating], uniforms: NDArray[np.float64], strategy: str, haploid: bool = False
) -> NDArray[np.uint8]:
    """Draw the code of each varying position.

    Parameters
    ----------
    p
        float[n, 11], state probabilities, rows summing to 1.
    uniforms
        float64[n, 2] in [0, 1).
    strategy
        ``paper``: two states without replacement, so a position with two states is always
        heterozygous and a position with one is that state alone (paper, section on sampling).
        ``hardy-weinberg``: two independent draws.
    haploid
        One draw, written as the lone symbol.

    Returns
    -------
    uint8[n]
    """
    mass: NDArray[np.float64] = p.astype(np.float64)
    first = _draw(mass, uniforms[:, 0])
    if haploid:
        return first.astype(np.uint8)
    if strategy == "paper":
        mass[np.arange(len(mass)), first] = 0.0
        second = np.where(mass.any(axis=1), _draw(mass, uniforms[:, 1]), first)
    else:
        second = _draw(mass, uniforms[:, 1])
    return CODE_OF_STATES[first, second]


def _draw(p: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.intp]:
    """Invert the cumulative distribution; rows need not be normalised."""
    cumulative = np.cumsum(p, axis=1)
    threshold = uniforms * cumulative[:, -1]
    return np.asarray(np.argmax(cumulative > threshold[:, None], axis=1))
