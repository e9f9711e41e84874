from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.genome import complement_bases, decode_bases, encode_bases
from pybmfm.genome.bases import read_bases


@settings(max_examples=30)
@given(st.text("ACGTNacgtn"))
def test_letters_come_back_in_upper_case(text: str) -> None:
    codes, replaced = encode_bases(text)
    assert decode_bases(codes) == text.upper()
    assert replaced == 0


def test_letters_outside_acgtun_become_n_and_are_counted() -> None:
    codes, replaced = encode_bases("ARUyN-é")
    assert decode_bases(codes) == "ANTNNNN"
    assert replaced == 4


def test_kinds_of_letters_are_counted_apart() -> None:
    read = read_bases(b"ACuR-E \x00>\n", b"\n")
    assert decode_bases(read.codes) == "ACTNNNNNN"
    assert read[1:] == (6, 1, 5, 1, 2)


def test_complement_swaps_pairs_and_keeps_n() -> None:
    codes, _ = encode_bases("ACGTN")
    assert decode_bases(complement_bases(codes)) == "TGCAN"
    assert np.array_equal(complement_bases(complement_bases(codes)), codes)
