"""What two splits share, and what a task shares with pretraining, as rows of one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pybmfm.evaluation.leakage_duplicates import EXACT, REVERSE, Duplicates, find_duplicates
from pybmfm.evaluation.leakage_kmers import KmerSet, count_repeated
from pybmfm.evaluation.leakage_loci import find_shared_loci
from pybmfm.evaluation.leakage_profiles import SplitProfile, row_shares
from pybmfm.evaluation.leakage_sequences import SequenceCollection

NEAR = 0.8  # share of a row's 32-mers that makes it a near-duplicate of another split
OVERLAP = 0.5  # share of a row's 32-mers that makes it overlap with pretraining
MOST_PAIRS = 100  # duplicates named per pair of splits
ALL_SPLITS = "all"


@dataclass(frozen=True)
class Finding:
    """One row of ``leakage.tsv``.

    Attributes
    ----------
    kind
        ``corpus``, ``windows``, ``task``, or ``overlap`` of a task with pretraining.
    what
        The corpus, windows folder or task.
    split_a, split_b
        The splits compared; ``value`` and ``share`` say what of b is also in a. For an overlap
        ``split_a`` names the corpus whose training split it is.
    quantity
        What is counted.
    value, share
        Count, and its share of all there are in split b; None where not measured.
    note
        What to know about it.
    """

    kind: str
    what: str
    split_a: str
    split_b: str
    quantity: str
    value: int | None
    share: float | None
    note: str = ""


@dataclass(frozen=True)
class DuplicatePair:
    """One row of ``duplicates.tsv``: two rows with the same sequence on either strand."""

    kind: str
    what: str
    split_a: str
    id_a: str
    split_b: str
    id_b: str
    relation: str


@dataclass(frozen=True)
class RepeatedRow:
    """One row of ``repeated_rows.tsv``: a task row that training has as well, or nearly.

    Attributes
    ----------
    relation
        ``exact``, ``reverse-complement`` or ``near``: at least 80 % of its 32-mers are among
        those of the training rows.
    share
        Share of its 32-mers; NaN for a row without any.
    """

    task: str
    split: str
    id: str
    relation: str
    share: float


@dataclass(frozen=True)
class Pair:
    """Two splits of one collection, b compared with a."""

    collection: SequenceCollection
    a: SplitProfile
    b: SplitProfile
    threads: int

    @cached_property
    def duplicates(self) -> Duplicates | None:
        """What b repeats of a; None where the sequences are not known."""
        if self.a.digests is None or self.b.digests is None:
            return None
        return find_duplicates(self.a.digests, self.b.digests, MOST_PAIRS)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Share of the 32-mers of each row of b that are in a: this reads b again."""
        if self.a.kmers is None:
            return np.full(self.b.split.rows, np.nan)
        return row_shares(self.b.split, self.a.kmers, self.threads)

    def finding(
        self, quantity: str, value: int | None, whole: int | None = None, note: str = ""
    ) -> Finding:
        """Make a row of the table; ``whole`` is what the share is of."""
        return Finding(
            self.collection.kind,
            self.collection.name,
            self.a.split.split,
            self.b.split.split,
            quantity,
            value,
            value / whole if value is not None and whole else None,
            note,
        )


def split_pairs(
    collection: SequenceCollection, profiles: list[SplitProfile], threads: int
) -> Iterator[Pair]:
    """Every two splits that have rows, the earlier one first."""
    filled = [profile for profile in profiles if profile.split.rows]
    for a, b in combinations(filled, 2):
        yield Pair(collection, a, b, threads)


def compare_loci(pair: Pair) -> Iterator[Finding]:
    """Base pairs and windows shared, for what has coordinates."""
    a, b = pair.a.split.loci, pair.b.split.loci
    if a is None or b is None:
        return
    shared = find_shared_loci(a, b)
    yield pair.finding("shared_bp", shared.bases, shared.covered)
    yield pair.finding("rows_sharing_bp", shared.windows, len(b))


def compare_rows(pair: Pair) -> tuple[list[Finding], list[DuplicatePair]]:
    """Whole sequences that are in both splits, as they stand or as reverse complements."""
    found = pair.duplicates
    if found is None:
        return [pair.finding("exact_duplicates", None, note="the sequences are not known")], []
    findings = [
        pair.finding("exact_duplicates", found.exact, found.distinct, "distinct sequences"),
        pair.finding(
            "reverse_complement_duplicates", found.reverse, found.distinct, "distinct sequences"
        ),
        pair.finding("rows_with_a_duplicate", found.rows, pair.b.split.rows, "either strand"),
    ]
    a, b = pair.a.split, pair.b.split
    named = [
        DuplicatePair(
            pair.collection.kind,
            pair.collection.name,
            a.split,
            a.name(row_a),
            b.split,
            b.name(row_b),
            relation,
        )
        for row_a, row_b, relation in found.pairs
    ]
    return findings, named


def compare_kmers(pair: Pair) -> Iterator[Finding]:
    """32-mers in both splits, how many of them are repeats, and near-duplicate task rows."""
    a, b = pair.a, pair.b
    if a.kmers is None or b.kmers is None:
        yield pair.finding("shared_32mers", None, note="the sequences are not known")
        return
    shared = a.kmers.shared_with(b.kmers)
    note = _sampling(shared)
    number = shared.estimate
    yield pair.finding("shared_32mers", number, b.kmers.at(shared.halvings).estimate, note)
    yield _repeats(pair, shared)
    if pair.collection.kind == "task":
        yield _near_duplicates(pair, a.kmers)


def repeated_rows(pair: Pair) -> Iterator[RepeatedRow]:
    """Every row of a task's split b that its training split has, for scores without them."""
    found = pair.duplicates
    if found is None:
        return
    shares, split = pair.shares, pair.b.split
    near = shares >= NEAR
    for row in np.flatnonzero(found.exact_rows | found.reverse_rows | near).tolist():
        relation = "near"
        if found.reverse_rows[row]:
            relation = REVERSE
        if found.exact_rows[row]:
            relation = EXACT
        share = round(float(shares[row]), 6)
        yield RepeatedRow(pair.collection.name, split.split, split.name(row), relation, share)


def compare_with_pretraining(
    task: SequenceCollection, corpus: str, train: KmerSet | None, threads: int
) -> Iterator[Finding]:
    """Rows of each split of a task that overlap with the training windows of a corpus."""
    if train is None:
        yield _overlap(task, corpus, ALL_SPLITS, None, 0, "the sequences are not known")
        return
    rows = overlapping = 0
    for split in task.splits:
        shares = row_shares(split, train, threads)
        found = int((shares >= OVERLAP).sum())
        rows, overlapping = rows + split.rows, overlapping + found
        note = _join(_sampling(train), _without_kmers(shares))
        yield _overlap(task, corpus, split.split, found, split.rows, note)
    yield _overlap(task, corpus, ALL_SPLITS, overlapping, rows, _sampling(train))


def _repeats(pair: Pair, shared: KmerSet) -> Finding:
    """Of the shared 32-mers, those of repeats: what is left is shared in one place only."""
    where, splits = "both splits", [pair.a.split, pair.b.split]
    if pair.collection.kind == "task":
        where, splits = "split a", splits[:1]
    repeated = count_repeated(shared, splits) if shared.estimate else 0
    note = _join(f"at more than one place of {where}", _sampling(shared))
    return pair.finding("shared_32mers_repeated", repeated * shared.one_in, shared.estimate, note)


def _overlap(
    task: SequenceCollection, corpus: str, split: str, value: int | None, whole: int, note: str
) -> Finding:
    share = value / whole if value is not None and whole else None
    return Finding(
        "overlap", task.name, corpus, split, "rows_overlapping_pretraining", value, share, note
    )


def _near_duplicates(pair: Pair, known: KmerSet) -> Finding:
    note = _join(_sampling(known), _without_kmers(pair.shares))
    found = int((pair.shares >= NEAR).sum())
    return pair.finding("near_duplicate_rows", found, pair.b.split.rows, note)


def _without_kmers(shares: np.ndarray) -> str:
    number = int(np.isnan(shares).sum())
    return f"{number:,} rows have no 32-mer to compare" if number else ""


def _sampling(kmers: KmerSet) -> str:
    return f"from one 32-mer in {kmers.one_in:,}" if kmers.halvings else ""


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
