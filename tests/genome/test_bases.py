from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.genome import complement_bases, decode_bases, encode_bases, why_no_dna
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("MKVLAAGIEFQPLWYRNDHSTKVLEFILPQ", r"14 of 30 letters .* \(L, E, F, I, P, \.\.\.\)"),
        ("ACGTAC CGTACG", "blanks inside"),
        ("ACGT\tACGT", "blanks inside"),
        ("ACGT\0ACGT", "character 0x00 inside"),
        ("ACGT>chr2", "'>' inside"),
        ("ACGT--ACGT", r"2 of 10 letters .* \(-\)"),
        ("EF", "2 of 2 letters"),
    ],
)
def test_what_is_no_dna_is_told(text: str, problem: str) -> None:
    found = why_no_dna(text)
    assert found is not None
    assert re.search(problem, found[0])


@pytest.mark.parametrize("text", ["", "ACGUN", "RYSWKMBDHV", "acgtE", "E", "A" * 40 + "EF"])
def test_codes_of_several_bases_and_a_misprint_are_dna(text: str) -> None:
    assert why_no_dna(text) is None


def test_letters_of_another_alphabet_may_be_allowed() -> None:
    assert why_no_dna("ACXO", also="XO") is None
    assert why_no_dna("ACXO") is not None


def test_complement_swaps_pairs_and_keeps_n() -> None:
    codes, _ = encode_bases("ACGTN")
    assert decode_bases(complement_bases(codes)) == "TGCAN"
    assert np.array_equal(complement_bases(complement_bases(codes)), codes)
