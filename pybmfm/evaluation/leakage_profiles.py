"""One pass over a split: its 32-mers and the digests of its rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import progress
from pybmfm.core.parallel import in_order
from pybmfm.evaluation.leakage_duplicates import RowDigests
from pybmfm.evaluation.leakage_kmers import (
    Hashes,
    KmerSet,
    KmerSetBuilder,
    distinct,
    read_kmers,
    shares_of_rows,
)
from pybmfm.evaluation.leakage_sequences import Batch, SequenceSplit


@dataclass(frozen=True)
class SplitProfile:
    """What is compared between splits.

    Attributes
    ----------
    split
        Whose it is.
    kmers, digests
        None where the sequences are not known.
    counts
        ``rows``, and 32-mer places ``kmers_read`` and ``kmers_with_other_letters``, which are
        not compared.
    """

    split: SequenceSplit
    kmers: KmerSet | None
    digests: RowDigests | None
    counts: dict[str, int]


def profile_split(split: SequenceSplit, label: str, threads: int) -> SplitProfile:
    """Read a split once; the result is the same for any number of threads."""
    if split.batches is None:
        return SplitProfile(split, None, None, {"rows": split.rows})
    builder = KmerSetBuilder()

    def read(batch: Batch) -> tuple[Hashes, int, int, RowDigests]:
        kmers = read_kmers(batch, builder.highest)
        return distinct(kmers.hashes), kmers.plain, kmers.skipped, RowDigests.of(batch)

    plain = skipped = 0
    digests = []
    batches = progress(split.batches(), label, unit="batches")
    with ThreadPoolExecutor(threads) as pool:
        for hashes, plain_here, skipped_here, digests_here in in_order(
            read, batches, pool, threads
        ):
            builder.add(hashes)
            plain += plain_here
            skipped += skipped_here
            digests.append(digests_here)
    counts = {
        "rows": split.rows,
        "kmers_read": plain + skipped,
        "kmers_with_other_letters": skipped,
    }
    return SplitProfile(split, builder.build(), RowDigests.joined(digests), counts)


def row_shares(split: SequenceSplit, known: KmerSet, threads: int) -> NDArray[np.float64]:
    """Share of each row's 32-mers that a set holds, float64[rows], NaN where it has none."""
    batches = split.batches() if split.batches else iter(())
    with ThreadPoolExecutor(threads) as pool:
        parts = in_order(lambda batch: shares_of_rows(batch, known), batches, pool, threads)
        return np.concatenate([np.empty(0), *parts])
