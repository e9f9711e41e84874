"""Base pairs and windows that two splits of a genome share, by coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pybmfm.corpus.intervals import IntervalSet
from pybmfm.corpus.windows_table import WindowColumns


@dataclass(frozen=True)
class SharedLoci:
    """What split b shares with split a; both strands and all passes are one locus.

    Attributes
    ----------
    bases, covered
        Base pairs of b that a covers too, and base pairs that b covers.
    windows
        Windows of b that hold one of them.
    """

    bases: int
    covered: int
    windows: int


def find_shared_loci(a: WindowColumns, b: WindowColumns) -> SharedLoci:
    """Compare two splits of one genome, contig by contig."""
    rows_of_a = _rows_by_contig(a)
    bases = covered = windows = 0
    for contig, rows in _rows_by_contig(b).items():
        of_b = IntervalSet.merged(b.starts[rows], b.ends[rows])
        covered += of_b.total
        if contig not in rows_of_a:
            continue
        places = rows_of_a[contig]
        of_a = IntervalSet.merged(a.starts[places], a.ends[places])
        bases += of_a.shared_with(of_b)
        windows += int((of_a.count(b.starts[rows], b.ends[rows]) > 0).sum())
    return SharedLoci(bases, covered, windows)


def _rows_by_contig(windows: WindowColumns) -> dict[str, NDArray[np.int64]]:
    """Row indices of each contig that has any."""
    order = np.argsort(windows.contigs, kind="stable")
    edges = np.searchsorted(windows.contigs[order], np.arange(len(windows.names) + 1))
    parts = {name: order[edges[i] : edges[i + 1]] for i, name in enumerate(windows.names)}
    return {name: rows for name, rows in parts.items() if len(rows)}
