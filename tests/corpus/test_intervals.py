from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.corpus.intervals import IntervalSet

SIZE = 40
interval_lists = st.lists(
    st.tuples(st.integers(0, SIZE - 1), st.integers(1, 12)).map(
        lambda pair: (pair[0], min(pair[0] + pair[1], SIZE))
    ),
    max_size=8,
)


def mask_of(intervals: list[tuple[int, int]]) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    for start, end in intervals:
        mask[start:end] = True
    return mask


def merged(intervals: list[tuple[int, int]]) -> IntervalSet:
    return IntervalSet.merged([a for a, _ in intervals], [b for _, b in intervals])


@settings(max_examples=60, deadline=None)
@given(interval_lists)
def test_merged_intervals_are_the_runs_of_the_mask(intervals: list[tuple[int, int]]) -> None:
    runs = IntervalSet.where(mask_of(intervals))
    assert list(merged(intervals).pairs()) == list(runs.pairs())


@settings(max_examples=60, deadline=None)
@given(interval_lists, interval_lists)
def test_shared_base_pairs_are_those_in_both_masks(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    shared = int((mask_of(one) & mask_of(other)).sum())
    assert merged(one).shared_with(merged(other)) == shared
    assert merged(one).total == int(mask_of(one).sum())


@settings(max_examples=60, deadline=None)
@given(interval_lists, st.integers(0, SIZE), st.integers(0, SIZE))
def test_count_inside_an_interval(intervals: list[tuple[int, int]], a: int, b: int) -> None:
    start, end = min(a, b), max(a, b)
    assert merged(intervals).count(start, end) == mask_of(intervals)[start:end].sum()
