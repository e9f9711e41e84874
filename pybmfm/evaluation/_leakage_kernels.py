"""Compiled loops of the leakage audit: 32-mers of rows, and token ids written out as codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pybmfm.core.compiled import njit

K = 32  # letters of two bits that fill 64 bits

_TWO = np.uint64(2)
_TOP = np.uint64(62)
_HALF = np.uint64(32)
_FACTOR = np.uint64(0xD6E8FEB86659FD93)


@njit
def _mix(packed: np.uint64) -> np.uint64:
    """Permute the 64-bit numbers so that neighbours land far apart (xor-shift-multiply)."""
    packed ^= packed >> _HALF
    packed *= _FACTOR
    packed ^= packed >> _HALF
    packed *= _FACTOR
    packed ^= packed >> _HALF
    return packed


@njit
def hash_kmers(
    codes: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    highest: np.uint64,
    hashes: NDArray[np.uint64],
    places: NDArray[np.int64],
) -> tuple[int, int]:
    """Hash the canonical 32-mers of rows, and keep the hashes up to ``highest``.

    A 32-mer and its reverse complement are one: the smaller of the two packed numbers. One
    that holds anything but A, C, G, T is skipped.

    Parameters
    ----------
    codes, offsets
        Row ``i`` is ``codes[offsets[i]:offsets[i + 1]]``; A G T C are 0 1 2 3, so the
        complement is the code with its upper bit turned.
    highest
        Largest hash that is kept.
    hashes, places
        Filled with the hashes kept and where in ``codes`` each 32-mer begins; as long as
        ``codes``.

    Returns
    -------
    kept, plain
        32-mers kept, and 32-mers of A, C, G, T alone.
    """
    kept = 0
    plain = 0
    for row in range(len(offsets) - 1):
        forward = np.uint64(0)
        backward = np.uint64(0)
        run = 0
        for place in range(offsets[row], offsets[row + 1]):
            if codes[place] > 3:
                run = 0  # older letters have left both numbers once the run is 32 long
                continue
            base = np.uint64(codes[place])
            forward = (forward << _TWO) | base
            backward = (backward >> _TWO) | ((base ^ _TWO) << _TOP)
            run += 1
            if run < K:
                continue
            plain += 1
            mixed = _mix(min(forward, backward))
            if mixed <= highest:
                hashes[kept] = mixed
                places[kept] = place - K + 1
                kept += 1
    return kept, plain


@njit
def merge_hashes(a: NDArray[np.uint64], b: NDArray[np.uint64], merged: NDArray[np.uint64]) -> int:
    """Merge two ascending arrays of distinct hashes into a third; what is in both comes once.

    Returns
    -------
    int
        Hashes written to ``merged``, which is as long as both together.
    """
    i = 0
    j = 0
    number = 0
    while i < len(a) and j < len(b):
        one = a[i]
        two = b[j]
        merged[number] = min(one, two)
        number += 1
        i += one <= two
        j += two <= one
    while i < len(a):
        merged[number] = a[i]
        number += 1
        i += 1
    while j < len(b):
        merged[number] = b[j]
        number += 1
        j += 1
    return number


@njit
def find_hashes(
    known: NDArray[np.uint64],
    starts: NDArray[np.int64],
    shift: np.uint64,
    wanted: NDArray[np.uint64],
    found: NDArray[np.int64],
) -> None:
    """Find hashes in a sorted array, through the places where each range of hashes begins.

    Parameters
    ----------
    known
        Ascending.
    starts
        Hashes with ``hash >> shift == i`` are ``known[starts[i]:starts[i + 1]]``.
    wanted
        In any order.
    found
        Filled with the index of each wanted hash in ``known``, -1 if it is not there.
    """
    for number in range(len(wanted)):
        found[number] = -1
        part = wanted[number] >> shift
        if part >= np.uint64(len(starts) - 1):
            continue
        bucket = np.int64(part)
        for place in range(starts[bucket], starts[bucket + 1]):
            if known[place] == wanted[number]:
                found[number] = place
                break


@njit
def write_tokens(
    ids: NDArray[np.uint16],
    starts: NDArray[np.int64],
    letters: NDArray[np.uint8],
    codes: NDArray[np.uint8],
) -> None:
    """Write out the letters of token ``i``, ``letters[starts[i]:starts[i + 1]]``, id after id."""
    place = 0
    for token in ids:
        for letter in range(starts[token], starts[token + 1]):
            codes[place] = letters[letter]
            place += 1
