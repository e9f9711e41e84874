"""Compiled loops over tokens and codes; they trust their callers' bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core.compiled import njit


@njit
def frame_rows(
    ids: NDArray[np.uint16],
    offsets: NDArray[np.int64],
    places: NDArray[np.int64],
    cls: int,
    sep: int,
    tokens: NDArray[np.uint16],
) -> None:
    """Copy sequence ``i``, ``ids[offsets[i]:offsets[i + 1]]``, to ``tokens`` from ``places[i]``.

    ``[CLS]`` goes before it and ``[SEP]`` after it.
    """
    for row in range(len(places)):
        at = places[row]
        first, last = offsets[row], offsets[row + 1]
        tokens[at] = cls
        for place in range(first, last):
            tokens[at + 1 + place - first] = ids[place]
        tokens[at + 1 + last - first] = sep


@njit
def count_values(values: NDArray[Any], counts: NDArray[np.int64]) -> None:
    """Add the occurrences of each value to ``counts[4, values possible]``.

    Four counters per value: equal neighbours, common in DNA, would wait for one another.
    """
    whole = len(values) // 4 * 4
    for place in range(0, whole, 4):
        counts[0, values[place]] += 1
        counts[1, values[place + 1]] += 1
        counts[2, values[place + 2]] += 1
        counts[3, values[place + 3]] += 1
    for place in range(whole, len(values)):
        counts[0, values[place]] += 1
