from __future__ import annotations

import re

import pytest

from pybmfm.genome.dna import why_no_dna


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
