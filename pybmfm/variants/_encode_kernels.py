"""Compiled loops behind `draws`, `strands` and `encoder`; they trust their callers' bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pybmfm.core.compiled import njit
from pybmfm.variants.strands import MARKS, NOT_KEPT, REVERSED, REVERSED_LOST
from pybmfm.variants.symbols import CODE_OF_STATES, N_STATES

PAPER, HARDY_WEINBERG, HAPLOID = range(3)
NO_MARK = np.uint8(0)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


@njit
def uniform(key: np.uint64, counter: np.uint64) -> float:
    """Number ``counter`` of the splitmix64 stream of ``key``, in [0, 1)."""
    x = key + counter * _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    x ^= x >> np.uint64(31)
    return np.float64(x >> np.uint64(11)) * _UNIT  # type: ignore[no-any-return]


@njit
def draw(
    positions: NDArray[np.int32],
    p: NDArray[np.float32],
    first: int,
    last: int,
    key: np.uint64,
    mode: int,
    out: NDArray[np.uint8],
) -> None:
    """Write the drawn code of rows ``[first, last)`` to ``out[0 : last - first]``.

    The two searches of the cumulative distribution are written out: handing the row to a
    function would cost more than searching it.
    """
    for row in range(first, last):
        counter = np.uint64(positions[row]) * np.uint64(2)
        total = 0.0
        for state in range(N_STATES):
            total += np.float64(p[row, state])
        threshold = uniform(key, counter + np.uint64(1)) * total
        one, cumulative = 0, 0.0
        for state in range(N_STATES):
            cumulative += np.float64(p[row, state])
            if cumulative > threshold:
                one = state
                break
        if mode == HAPLOID:
            out[row - first] = one
            continue
        without = one if mode == PAPER else -1
        if without >= 0:
            total = 0.0
            for state in range(N_STATES):
                if state != without:
                    total += np.float64(p[row, state])
        two = 0
        if total == 0.0:
            two = one
        threshold = uniform(key, counter + np.uint64(2)) * total
        cumulative = 0.0
        for state in range(N_STATES):
            if state != without:
                cumulative += np.float64(p[row, state])
                if cumulative > threshold:
                    two = state
                    break
        out[row - first] = CODE_OF_STATES[one, two]


@njit
def reverse_complement(codes: NDArray[np.uint8], arriving: np.uint8) -> tuple[int, int, np.uint8]:
    """Reverse complement in place.

    Returns the marks lost on DEL, those kept without their state, and those that leave the end.
    ``arriving`` holds the marks of the base before the first, one bit per sorted state.
    """
    lost, not_kept = 0, 0
    before = np.uint8(0)  # a plain base keeps all
    for place in range(len(codes)):
        code = codes[place]
        lost += REVERSED_LOST[arriving, code]
        not_kept += NOT_KEPT[before, code]
        codes[place] = REVERSED[arriving, code]
        arriving = MARKS[code]
        before = code
    low, high = 0, len(codes) - 1
    while low < high:
        codes[low], codes[high] = codes[high], codes[low]
        low += 1
        high -= 1
    return lost, not_kept, arriving


@njit
def encode_windows(
    reference: NDArray[np.uint8],
    positions: NDArray[np.int32],
    p: NDArray[np.float32],
    known: NDArray[np.uint8],
    key: np.uint64,
    mode: int,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    minus: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    codes: NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Encode windows of one contig into ``codes``, each at its offset.

    Varying positions have a code already (``known``) or it is drawn from their row of ``p``.

    Returns
    -------
    (on_deletion, at_end, not_kept)
        Marks that the minus strand dropped, or kept without their state.
    """
    on_deletion, at_end, not_kept = 0, 0, 0
    site_codes = np.empty(0, np.uint8)
    for window in range(len(starts)):
        start, end = starts[window], ends[window]
        # The base before a minus window may carry a mark that moves in.
        left = start - 1 if minus[window] and 0 < start < end else start
        first = np.searchsorted(positions, left)
        last = np.searchsorted(positions, end)
        if last - first > site_codes.size:
            site_codes = np.empty(2 * (last - first), np.uint8)
        if len(known):
            site_codes[: last - first] = known[first:last]
        else:
            draw(positions, p, first, last, key, mode, site_codes)
        encoded = codes[offsets[window] : offsets[window + 1]]
        encoded[:] = reference[start:end]
        arriving = NO_MARK
        for row in range(first, last):
            if positions[row] >= start:
                encoded[positions[row] - start] = site_codes[row - first]
            else:
                arriving = MARKS[site_codes[row - first]]
        if minus[window]:
            lost, exchanged, leaving = reverse_complement(encoded, arriving)
            on_deletion += lost
            not_kept += exchanged
            if end == len(reference):
                at_end += (leaving & 1) + (leaving >> 1)  # type: ignore[assignment]
    return on_deletion, at_end, not_kept
