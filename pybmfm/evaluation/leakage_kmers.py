"""Sets of canonical 32-mers of bounded size, and what two sets share.

A set keeps the hashes of its 32-mers, a permutation of the 64-bit numbers, so that nothing
collides. Where there are more than ``MOST_HELD`` it keeps those in the lower half of all
hashes, then the lower quarter and so on (the fixed-fraction sketch of FracMinHash: Irber et
al. 2022). The same 32-mer is kept or not in every set of one fraction, so shares are unbiased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from pybmfm.corpus.windows_table import WindowColumns
from pybmfm.evaluation.leakage_sequences import Batch, SequenceSplit

K = 32
MOST_HELD = 50_000_000  # distinct 32-mers of a set, about those of 50 Mb

ALL = np.uint64(2**64 - 1)

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Kmers:
    """32-mers of a batch.

    Attributes
    ----------
    hashes
        uint64[n], in the order of the rows, repeated as they are.
    places
        int64[n], where in the batch's codes each begins.
    plain, skipped
        32-mers of A, C, G, T alone, and those with other letters, wanted or not.
    """

    hashes: Hashes
    places: NDArray[np.int64]
    plain: int
    skipped: int


@dataclass(frozen=True)
class KmerSet:
    """Distinct canonical 32-mers, or those of a fraction ``2**-halvings`` of all hashes.

    Attributes
    ----------
    hashes
        uint64, ascending, distinct.
    halvings
        How often the range of hashes was halved.
    """

    hashes: Hashes
    halvings: int = 0

    @property
    def one_in(self) -> int:
        """One 32-mer in so many is kept."""
        return 1 << self.halvings

    @property
    def estimate(self) -> int:
        """32-mers there are: those kept, times ``one_in``."""
        return len(self.hashes) * self.one_in

    def at(self, halvings: int) -> KmerSet:
        """Return the set of a smaller fraction."""
        kept = np.searchsorted(self.hashes, highest_hash(halvings), side="right")
        return KmerSet(self.hashes[:kept], halvings)

    def find(self, hashes: Hashes) -> NDArray[np.int64]:
        """Index of each hash in the set, int64[n], -1 for one that is not in it."""
        from pybmfm.evaluation._leakage_kernels import find_hashes

        found = np.empty(len(hashes), dtype=np.int64)
        starts, shift = self._ranges
        find_hashes(self.hashes, starts, shift, hashes, found)
        return found

    def shared_with(self, other: KmerSet) -> KmerSet:
        """32-mers of both sets, at the smaller of the two fractions."""
        halvings = max(self.halvings, other.halvings)
        one, two = self.at(halvings), other.at(halvings)
        return KmerSet(two.hashes[one.find(two.hashes) >= 0], halvings)

    @cached_property
    def _ranges(self) -> tuple[NDArray[np.int64], np.uint64]:
        """Where each of many equal ranges of hashes begins, and the shift to a hash's range.

        Hashes are uniform: ranges as many as an eighth of them hold a few each.
        """
        bits = max(1, (len(self.hashes) // 8).bit_length())
        shift = np.uint64(64 - self.halvings - bits)
        first = np.arange(1 << bits, dtype=np.uint64) << shift
        starts = np.append(np.searchsorted(self.hashes, first), len(self.hashes))
        return starts.astype(np.int64), shift


class KmerSetBuilder:
    """Collects the 32-mers of batches into one set, whatever the order of the batches.

    Parameters
    ----------
    most
        Most distinct 32-mers that the set may hold.
    """

    def __init__(self, most: int = MOST_HELD) -> None:
        self._most = most
        self._set = KmerSet(np.empty(0, dtype=np.uint64))
        self._waiting: list[Hashes] = []

    def add(self, hashes: Hashes) -> None:
        """Add hashes, ascending and distinct as :func:`distinct` gives them."""
        self._waiting.append(hashes)
        # Merging costs the size of the set: wait until it is worth it.
        if sum(map(len, self._waiting)) > max(len(self._set.hashes), self._most // 2) // 4:
            self._merge()

    @property
    def highest(self) -> np.uint64:
        """Largest hash that can still be kept."""
        return highest_hash(self._set.halvings)

    def build(self) -> KmerSet:
        """Return the set."""
        self._merge()
        # What was merged and halved is a view of a longer array.
        return KmerSet(self._set.hashes.copy(), self._set.halvings)

    def _merge(self) -> None:
        waiting, self._waiting = self._waiting, []
        # The set is the longest and comes last; each array is freed once it is merged.
        merged = reduce(_merged, waiting) if waiting else self._set.hashes[:0]
        del waiting
        self._set = KmerSet(_merged(self._set.hashes, merged)).at(self._set.halvings)
        while len(self._set.hashes) > self._most:
            self._set = self._set.at(self._set.halvings + 1)


def distinct(hashes: Hashes) -> Hashes:
    """Sorted distinct values."""
    ordered = np.sort(hashes)
    new = np.append(True, ordered[1:] != ordered[:-1])
    return np.asarray(ordered[new[: len(ordered)]])


def _merged(a: Hashes, b: Hashes) -> Hashes:
    from pybmfm.evaluation._leakage_kernels import merge_hashes

    merged = np.empty(len(a) + len(b), dtype=np.uint64)
    return merged[: merge_hashes(a, b, merged)]


def read_kmers(batch: Batch, highest: np.uint64 = ALL) -> Kmers:
    """Hash the canonical 32-mers of a batch.

    Parameters
    ----------
    batch
        Rows of codes; a 32-mer that holds anything but A, C, G, T is skipped.
    highest
        Largest hash wanted.
    """
    from pybmfm.evaluation._leakage_kernels import hash_kmers

    hashes = np.empty(len(batch.codes), dtype=np.uint64)
    places = np.empty(len(batch.codes), dtype=np.int64)
    kept, plain = hash_kmers(batch.codes, batch.offsets, highest, hashes, places)
    every = int(np.maximum(np.diff(batch.offsets) - K + 1, 0).sum())
    return Kmers(hashes[:kept], places[:kept], plain, every - plain)


def shares_of_rows(batch: Batch, known: KmerSet) -> NDArray[np.float64]:
    """Share of each row's 32-mers, of the set's fraction, that the set holds.

    Returns
    -------
    float64[rows]
        NaN for a row without such a 32-mer.
    """
    kmers = read_kmers(batch, highest_hash(known.halvings))
    row = np.searchsorted(batch.offsets, kmers.places, side="right") - 1
    total = np.bincount(row, minlength=batch.rows)
    found = np.bincount(row[known.find(kmers.hashes) >= 0], minlength=batch.rows)
    return np.where(total > 0, found / np.maximum(total, 1), np.nan)


def count_repeated(kmers: KmerSet, splits: Iterable[SequenceSplit]) -> int:
    """Count the 32-mers of a set that occur at more than one place of the splits.

    A place of the genome that is read in several passes, strands or splits is one place; every
    task row is a place of its own.
    """
    lowest = np.full(len(kmers.hashes), np.iinfo(np.int64).max)
    highest = np.full(len(kmers.hashes), np.iinfo(np.int64).min)
    contigs: dict[str, int] = {}
    for split in splits:
        locate = _locator(split.loci, contigs)
        for batch in split.batches() if split.batches else ():
            read = read_kmers(batch, highest_hash(kmers.halvings))
            index = kmers.find(read.hashes)
            place = locate(batch, read.places[index >= 0])
            np.minimum.at(lowest, index[index >= 0], place)
            np.maximum.at(highest, index[index >= 0], place)
    return int((lowest < highest).sum())


def _locator(
    loci: WindowColumns | None, contigs: dict[str, int]
) -> Callable[[Batch, NDArray[np.int64]], NDArray[np.int64]]:
    """Give each place in a batch a number that is the same for the same locus."""
    if loci is None:

        def place_in_table(batch: Batch, places: NDArray[np.int64]) -> NDArray[np.int64]:
            row = np.searchsorted(batch.offsets, places, side="right") - 1
            return ((row + batch.first) << 32) | (places - batch.offsets[row])

        return place_in_table
    numbers = [contigs.setdefault(name, len(contigs)) for name in loci.names]
    number = np.array(numbers, dtype=np.int64)

    def place_in_genome(batch: Batch, places: NDArray[np.int64]) -> NDArray[np.int64]:
        row = np.searchsorted(batch.offsets, places, side="right") - 1
        inside = places - batch.offsets[row]
        row += batch.first
        forward = np.where(loci.minus[row], loci.ends[row] - inside - K, loci.starts[row] + inside)
        return np.asarray((number[loci.contigs[row]] << 40) | forward)

    return place_in_genome


def highest_hash(halvings: int) -> np.uint64:
    """Largest hash of the fraction ``2**-halvings``."""
    return np.uint64((1 << (64 - halvings)) - 1)
