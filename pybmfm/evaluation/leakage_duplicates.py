"""Rows whose whole sequence, or its reverse complement, is in another split too."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pybmfm.evaluation.leakage_sequences import Batch
from pybmfm.variants import reverse_complement_codes

EXACT = "exact"
REVERSE = "reverse-complement"
DIGEST_BYTES = 16
Digests = np.ndarray  # dtype S16


@dataclass(frozen=True)
class RowDigests:
    """Digest of every row of a split, and of its reverse complement.

    Attributes
    ----------
    forward, backward
        S16[rows].
    """

    forward: Digests
    backward: Digests

    @classmethod
    def of(cls, batch: Batch) -> RowDigests:
        """Digest the rows of a batch; encoded text with its variants as it stands."""
        edges = batch.offsets.tolist()
        rows = [batch.codes[a:b] for a, b in pairwise(edges)]
        return cls(_digests(rows), _digests([reverse_complement_codes(row) for row in rows]))

    @classmethod
    def joined(cls, parts: list[RowDigests]) -> RowDigests:
        """Join the parts of a split in order."""
        empty = np.empty(0, dtype=f"S{DIGEST_BYTES}")
        return cls(
            np.concatenate([empty, *(part.forward for part in parts)]),
            np.concatenate([empty, *(part.backward for part in parts)]),
        )


@dataclass(frozen=True)
class Duplicates:
    """What split b repeats of split a.

    Attributes
    ----------
    exact
        Distinct sequences that are in both.
    reverse
        Distinct sequences of b, other than their own reverse complement, whose reverse
        complement is in a.
    distinct
        Distinct sequences of b.
    exact_rows, reverse_rows
        bool[rows of b]: which rows those are.
    pairs
        ``(row of a, row of b, kind)`` with the first row of a, in the order of b's rows.
    """

    exact: int
    reverse: int
    distinct: int
    exact_rows: NDArray[np.bool_]
    reverse_rows: NDArray[np.bool_]
    pairs: list[tuple[int, int, str]]

    @property
    def rows(self) -> int:
        """Rows of b that have either."""
        return int((self.exact_rows | self.reverse_rows).sum())


def find_duplicates(a: RowDigests, b: RowDigests, most_pairs: int) -> Duplicates:
    """Compare two splits; at most ``most_pairs`` pairs are named."""
    known, first_of_a = np.unique(a.forward, return_index=True)
    _, first_of_b = np.unique(b.forward, return_index=True)
    same = _places(known, b.forward)
    turned = np.where(b.forward == b.backward, -1, _places(known, b.backward))
    hits = np.flatnonzero((same >= 0) | (turned >= 0))[:most_pairs].tolist()
    pairs = [
        (int(first_of_a[found[row]]), row, kind)
        for row in hits
        for kind, found in ((EXACT, same), (REVERSE, turned))
        if found[row] >= 0
    ]
    return Duplicates(
        exact=int((same[first_of_b] >= 0).sum()),
        reverse=int((turned[first_of_b] >= 0).sum()),
        distinct=len(first_of_b),
        exact_rows=same >= 0,
        reverse_rows=turned >= 0,
        pairs=pairs,
    )


def _places(known: Digests, wanted: Digests) -> NDArray[np.int64]:
    """Index of each wanted digest among the known ones, -1 if it is not there."""
    if not len(known):
        return np.full(len(wanted), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, place, -1)


def _digests(rows: list[NDArray[np.uint8]]) -> Digests:
    digests = [hashlib.blake2b(row.tobytes(), digest_size=DIGEST_BYTES).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype=f"S{DIGEST_BYTES}")
