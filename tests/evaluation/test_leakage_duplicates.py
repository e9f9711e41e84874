"""Whole sequences in two splits, against sets of strings."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.evaluation.leakage_duplicates import Duplicates, RowDigests, find_duplicates

from .reference_leakage import batch_of, mosaic_rows, random_dna, turned


def compare(a: list[str], b: list[str], most_pairs: int = 1000) -> Duplicates:
    return find_duplicates(RowDigests.of(batch_of(a)), RowDigests.of(batch_of(b)), most_pairs)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_counts_and_pairs_are_those_of_sets_of_strings(seed: int, sizes: tuple[int, int]) -> None:
    rows = mosaic_rows(seed, sum(sizes), longest=1)
    a, b = rows[: sizes[0]], rows[sizes[0] :]
    found = compare(a, b)
    reverse = {text for text in b if turned(text) in a and turned(text) != text}
    assert found.exact == len(set(a) & set(b))
    assert found.reverse == len(reverse)
    assert found.distinct == len(set(b))
    assert found.rows == sum(text in a or text in reverse for text in b)
    exact = [(a.index(t), row, "exact") for row, t in enumerate(b) if t in a]
    turned_pairs = [
        (a.index(turned(t)), row, "reverse-complement") for row, t in enumerate(b) if t in reverse
    ]
    assert found.exact_rows.tolist() == [text in a for text in b]
    assert found.reverse_rows.tolist() == [text in reverse for text in b]
    assert sorted(found.pairs) == sorted(exact + turned_pairs)


def test_random_sequences_are_no_duplicates() -> None:
    rng = np.random.default_rng(0)
    a, b = ([random_dna(rng, 60) for _ in range(200)] for _ in range(2))
    found = compare(a, b)
    assert (found.exact, found.reverse, found.distinct, found.rows) == (0, 0, 200, 0)
    assert found.pairs == []


def test_encoded_text_is_compared_as_it_stands() -> None:
    assert compare(["AC帝GT"], ["AC帝GT"]).exact == 1
    assert compare(["AC帝GT"], ["ACAGT"]).rows == 0


def test_a_palindrome_is_one_duplicate_and_pairs_are_capped() -> None:
    found = compare(["ACGT", "ACGT"], ["ACGT"] * 5, most_pairs=2)
    assert (found.exact, found.reverse, found.rows) == (1, 0, 5)
    assert found.pairs == [(0, 0, "exact"), (0, 1, "exact")]


def test_digests_of_parts_join_to_those_of_the_whole() -> None:
    rows = mosaic_rows(1, 9)
    parts = [RowDigests.of(batch_of(rows[:4])), RowDigests.of(batch_of(rows[4:], 4))]
    joined, whole = RowDigests.joined(parts), RowDigests.of(batch_of(rows))
    assert np.array_equal(joined.forward, whole.forward)
    assert np.array_equal(joined.backward, whole.backward)
    assert len(RowDigests.joined([]).forward) == 0
