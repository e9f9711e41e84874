"""Sets of half-open intervals on one contig, as sorted disjoint arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IntervalSet:
    """Sorted, disjoint, half-open intervals.

    Attributes
    ----------
    starts, ends
        int64, shape (n,), ``starts[i] < ends[i] < starts[i + 1]``.
    """

    starts: Places
    ends: Places

    @classmethod
    def merged(cls, starts: npt.ArrayLike, ends: npt.ArrayLike) -> IntervalSet:
        """Join overlapping and touching intervals, given in any order."""
        first = np.asarray(starts, dtype=np.int64)
        last = np.asarray(ends, dtype=np.int64)
        order = np.argsort(first, kind="stable")
        first, last = first[order], np.maximum.accumulate(last[order])
        if not len(first):
            return cls(first, last)
        new = np.flatnonzero(first[1:] > last[:-1]) + 1
        return cls(first[np.r_[0, new]], last[np.r_[new - 1, len(last) - 1]])

    @classmethod
    def where(cls, mask: npt.NDArray[np.bool_]) -> IntervalSet:
        """Runs of ``True`` in a mask over the contig."""
        edges = np.flatnonzero(np.diff(mask.view(np.int8), prepend=0, append=0)).astype(np.int64)
        return cls(edges[0::2], edges[1::2])

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def total(self) -> int:
        """Base pairs covered."""
        return int((self.ends - self.starts).sum())

    def pairs(self) -> Iterable[tuple[int, int]]:
        """Yield the intervals as plain integers."""
        return zip(self.starts.tolist(), self.ends.tolist(), strict=True)

    def count(self, starts: npt.ArrayLike, ends: npt.ArrayLike) -> Places:
        """Base pairs of this set inside each interval ``[start, end)``."""
        return self._below(ends) - self._below(starts)

    def shared_with(self, other: IntervalSet) -> int:
        """Base pairs that lie in both sets."""
        return int(self.count(other.starts, other.ends).sum())

    def _below(self, places: npt.ArrayLike) -> Places:
        """Base pairs of this set before each place."""
        at = np.asarray(places, dtype=np.int64)
        before = np.r_[0, np.cumsum(self.ends - self.starts)]
        index = np.searchsorted(self.starts, at, side="right")
        # The last interval that begins before the place may reach beyond it.
        overshoot = np.maximum(np.r_[0, self.ends][index] - at, 0)
        return np.asarray(before[index] - overshoot, dtype=np.int64)
