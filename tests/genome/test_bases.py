from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.genome import complement_bases, decode_bases, encode_bases


@settings(max_examples=30)
@given(st.text("ACGTNacgtn"))
def test_letters_come_back_in_upper_case(text: str) -> None:
    codes, replaced = encode_bases(text)
    assert decode_bases(codes) == text.upper()
    assert replaced == 0


def test_letters_outside_acgtn_become_n_and_are_counted() -> None:
    codes, replaced = encode_bases("ARUyN-é")
    assert decode_bases(codes) == "ANNNNNN"
    assert replaced == 5


def test_complement_swaps_pairs_and_keeps_n() -> None:
    codes, _ = encode_bases("ACGTN")
    assert decode_bases(complement_bases(codes)) == "TGCAN"
    assert np.array_equal(complement_bases(complement_bases(codes)), codes)
