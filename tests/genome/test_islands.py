from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.genome import encode_bases, sequence_intervals


def _intervals(text: str, min_run: int, flank: int) -> list[tuple[int, int]]:
    return sequence_intervals(encode_bases(text)[0], min_run, flank)


def test_islands_are_cut_with_their_flanks_kept() -> None:
    text = "N" * 10 + "ACGT" + "N" * 10 + "AC" + "NNN" + "GT" + "N" * 10
    assert _intervals(text, 10, 2) == [(8, 16), (22, 33)]


def test_a_contig_without_islands_is_one_interval() -> None:
    assert _intervals("ACGTNNACGT", 3, 1) == [(0, 10)]


def test_a_contig_of_n_alone_has_none() -> None:
    assert _intervals("N" * 50, 10, 2) == []
    assert _intervals("NNN", 10, 2) == []
    assert _intervals("", 10, 2) == []


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("ACGTN"), st.integers(1, 30)), max_size=8))
def test_every_base_is_in_exactly_one_interval(runs: list[tuple[str, int]]) -> None:
    codes = encode_bases("".join(base * length for base, length in runs))[0]
    covered = np.zeros(len(codes), dtype=int)
    for start, end in sequence_intervals(codes, min_run=12, flank=3):
        covered[start:end] += 1
        assert (codes[start:end] != 4).any()
    assert (covered[codes != 4] == 1).all()
    assert (covered <= 1).all()
