"""The compiled loops against what they stand for, in plain Python."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.corpus import _row_kernels as kernels

CLS, SEP = 3, 1
ROWS = st.lists(st.lists(st.integers(0, 65_535), max_size=9), max_size=8)


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, data=st.data())
def test_rows_are_framed_at_their_places(rows: list[list[int]], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    wanted = [token for row in rows for token in (CLS, *row, SEP)]
    starts = [0, *accumulate(len(row) + 2 for row in rows)]
    ids = np.array([token for i in order for token in rows[i]], np.uint16)
    offsets = np.array([0, *accumulate(len(rows[i]) for i in order)], np.int64)
    places = np.array([starts[i] for i in order], np.int64)
    tokens = np.full(len(wanted), 9, np.uint16)
    kernels.frame_rows(ids, offsets, places, CLS, SEP, tokens)
    assert tokens.tolist() == wanted


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(0, 255), max_size=40))
def test_values_are_counted(values: list[int]) -> None:
    for dtype in (np.uint8, np.uint16):
        counts = np.zeros((4, 256), np.int64)
        kernels.count_values(np.array(values, dtype), counts)
        found = {value: n for value, n in enumerate(counts.sum(axis=0).tolist()) if n}
        assert found == Counter(values)
