"""The stretches of a contig that hold sequence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pybmfm.genome.bases import N_CODE


def sequence_intervals(
    codes: NDArray[np.uint8], min_run: int = 1000, flank: int = 100
) -> list[tuple[int, int]]:
    """Cut N islands out of a contig.

    Parameters
    ----------
    codes
        uint8[length], the contig.
    min_run
        Shortest run of N, in nucleotides, that is cut out.
    flank
        Nucleotides of an island that stay on either side of it.

    Returns
    -------
    list of (start, end)
        0-based half-open, in order; pieces of N alone are skipped (paper, section on sampling).
    """
    intervals = []
    start = 0
    for island_start, island_end in [*_islands(codes, min_run), (len(codes), len(codes))]:
        kept = min(flank, (island_end - island_start) // 2)
        end = island_start + kept
        if start < end and bool((codes[start:end] != N_CODE).any()):
            intervals.append((start, end))
        start = island_end - kept
    return intervals


def _islands(codes: NDArray[np.uint8], min_run: int) -> list[tuple[int, int]]:
    is_n = np.concatenate(([False], codes == N_CODE, [False]))
    edges = np.flatnonzero(is_n[1:] != is_n[:-1])
    return [
        (int(start), int(end))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end - start >= min_run
    ]
