"""Drawing and strands in plain numpy, one step after the other: what the kernels must equal."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import derive_seed
from pybmfm.genome import complement_bases
from pybmfm.variants.symbols import (
    CODE_OF_STATES,
    DELETION,
    INSERTION,
    N_STATES,
    SORTED_STATES_OF_CODE,
    STATES,
)

_STATE = np.arange(N_STATES, dtype=np.uint8)
_MARK = _STATE >= INSERTION
_BASE_PART = np.where(_MARK, _STATE - INSERTION, _STATE).astype(np.uint8)
_COMPLEMENT = np.append(complement_bases(_STATE[:DELETION]), np.uint8(DELETION))


def uniform_draws(
    seed: int, pass_number: int, contig: str, positions: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Two numbers in [0, 1) for each position: float64[n, 2]."""
    key = np.uint64(derive_seed(seed, "alleles", pass_number, contig))
    counter = positions.astype(np.uint64)[:, None] * np.uint64(2) + np.arange(1, 3, dtype=np.uint64)
    x = np.add(key, counter * np.uint64(0x9E3779B97F4A7C15), dtype=np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return np.multiply(x >> np.uint64(11), 2.0**-53, dtype=np.float64)


def draw_codes(
    p: NDArray[np.floating], uniforms: NDArray[np.float64], strategy: str, haploid: bool = False
) -> NDArray[np.uint8]:
    mass = p.astype(np.float64)
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
    cumulative = np.cumsum(p, axis=1)
    threshold = uniforms * cumulative[:, -1]
    return np.argmax(cumulative > threshold[:, None], axis=1)


def reverse_complement_codes(
    codes: NDArray[np.uint8], left_flank: int | None, right_flank: int | None
) -> tuple[NDArray[np.uint8], Counter[str]]:
    dropped: Counter[str] = Counter()
    if codes.size == 0:
        return codes.copy(), dropped
    states = SORTED_STATES_OF_CODE[codes]
    marks = _MARK[states]
    arriving = np.zeros_like(marks)
    arriving[1:] = marks[:-1]
    if left_flank is not None:
        arriving[0] = _MARK[SORTED_STATES_OF_CODE[left_flank]]
    parts = _COMPLEMENT[_BASE_PART[states]]
    lost = arriving & (parts == DELETION)
    dropped["mark_on_deletion"] = int(lost.sum())
    dropped["mark_at_end_without_flank"] = int(marks[-1].sum()) if right_flank is None else 0
    dropped["mark_kept_without_its_state"] = sum(_exchanges(*pair) for pair in pairwise(states))
    moved = np.where(arriving & ~lost, parts + np.uint8(INSERTION), parts)
    return CODE_OF_STATES[moved[:, 0], moved[:, 1]][::-1].copy(), +dropped


def _exchanges(states: NDArray[np.uint8], following: NDArray[np.uint8]) -> bool:
    """Whether the single mark of two different bases would come back on the other one."""
    (numbers,) = np.nonzero(_MARK[states])
    bases = _COMPLEMENT[_BASE_PART[states]]
    if len(numbers) != 1 or bases[0] == bases[1]:
        return False
    after = _COMPLEMENT[_BASE_PART[following]]
    (number,) = numbers
    if after[number] == DELETION:
        return False
    return _place(after, number) != _place(bases, number)


def _place(bases: NDArray[np.uint8], number: int) -> int:
    """Where a state stands on the other strand; of two equal bases the marked one is second."""
    names = [STATES[base] for base in bases]
    return 1 if names[0] == names[1] else int(names[number] > names[1 - number])
