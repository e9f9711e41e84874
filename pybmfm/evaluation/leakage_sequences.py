"""The splits that the leakage audit compares: their sequences, in batches of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pybmfm.corpus.windows_table import WindowColumns

BATCH_LETTERS = 4_000_000  # letters of the rows that are in memory at once


@dataclass(frozen=True)
class Batch:
    """Consecutive rows: row ``first + i`` is ``codes[offsets[i]:offsets[i + 1]]``.

    Attributes
    ----------
    first
        Index of the first row in its split.
    codes
        uint8, codes 0-131.
    offsets
        int64, one more than rows.
    """

    first: int
    codes: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1


@dataclass(frozen=True)
class SequenceSplit:
    """One split of a corpus, of a windows folder or of a task.

    Attributes
    ----------
    split
        ``train``, ``dev``, ``test`` or another name.
    rows
        Number of rows.
    batches
        Reads all rows anew; None where there is no way to know the sequences.
    name
        Name of a row, for people.
    loci
        Coordinates of windows; None for task rows.
    """

    split: str
    rows: int
    batches: Callable[[], Iterator[Batch]] | None
    name: Callable[[int], str]
    loci: WindowColumns | None = None


@dataclass(frozen=True)
class SequenceCollection:
    """The splits of one corpus, windows folder or task.

    Attributes
    ----------
    kind
        ``corpus``, ``windows`` or ``task``.
    name
        Folder or task.
    splits
        In the order train, dev, test, others.
    sequences
        Where sequences come from: ``tokens``, ``reference``, ``table`` or ``not known``.
    """

    kind: str
    name: str
    splits: tuple[SequenceSplit, ...]
    sequences: str


def row_groups(lengths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut rows into runs of about ``BATCH_LETTERS`` letters, at least one row each."""
    begin_of_row = np.cumsum(lengths) - lengths
    group = begin_of_row // BATCH_LETTERS
    first = np.flatnonzero(np.diff(group, prepend=-1))
    edges = [*first.tolist(), len(lengths)]
    yield from pairwise(edges)
