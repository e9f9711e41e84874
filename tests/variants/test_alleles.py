from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pybmfm.variants.alleles import allele_states, trim, why_not_plain
from pybmfm.variants.symbols import STATES

_ALLELE = st.text("ACGT", min_size=1, max_size=6)


def _named(start: int, reference: str, alternate: str, before: str = "A") -> dict[int, str]:
    trimmed = trim(start, reference, alternate)
    base_before = (before + reference)[trimmed[0] - start]
    states = allele_states(*trimmed, "AGTCN".index(base_before))
    return {position: STATES[state] for position, state in states}


def _apply(start: int, reference: str, alternate: str, inserted: str) -> str:
    """Rebuild the alternate allele from its states, with the inserted bases given back."""
    by_position = _named(start, reference, alternate)
    rebuilt = ""
    for position in range(start - 1, start + len(reference)):
        base = "A" if position < start else reference[position - start]
        state = by_position.get(position, base)
        if state == "DEL":
            continue
        rebuilt += state[0] + (inserted if len(state) == 2 else "")
    return rebuilt[1:]


@settings(max_examples=200)
@given(_ALLELE, _ALLELE)
def test_states_rebuild_the_alternate_allele(reference: str, alternate: str) -> None:
    assume(reference != alternate)
    _, left, right = trim(100, reference, alternate)
    inserted = right[len(left) :]
    assert _apply(100, reference, alternate, inserted) == alternate


@settings(max_examples=200)
@given(_ALLELE, _ALLELE)
def test_trimming_takes_the_longest_suffix_then_the_longest_prefix(
    reference: str, alternate: str
) -> None:
    start, left, right = trim(0, reference, alternate)
    suffix = max(
        n
        for n in range(min(len(reference), len(alternate)) + 1)
        if n == 0 or reference[-n:] == alternate[-n:]
    )
    kept_left, kept_right = (allele[: len(allele) - suffix] for allele in (reference, alternate))
    prefix = max(
        n
        for n in range(min(len(kept_left), len(kept_right)) + 1)
        if kept_left[:n] == kept_right[:n]
    )
    assert (start, left, right) == (prefix, kept_left[prefix:], kept_right[prefix:])


@pytest.mark.parametrize(
    ("reference", "alternate", "states"),
    [
        ("A", "G", {10: "G"}),
        ("ACG", "TCA", {10: "T", 12: "A"}),
        ("TA", "T", {11: "DEL"}),
        ("AAA", "AA", {10: "DEL"}),  # the suffix goes first: the leftmost A is the deleted one
        ("A", "AC", {10: "AI"}),
        ("A", "CA", {9: "GI"}),  # nothing left of REF: marked on the base before, here G
        ("AC", "GTT", {10: "G", 11: "TI"}),
        ("ACC", "GT", {10: "G", 11: "T", 12: "DEL"}),
        ("CA", "CGA", {10: "CI"}),
        ("GCAT", "G", {11: "DEL", 12: "DEL", 13: "DEL"}),
        ("AC", "GCT", {10: "G", 11: "CI"}),  # the last paired base may equal the reference
    ],
)
def test_pairing_by_hand(reference: str, alternate: str, states: dict[int, str]) -> None:
    assert _named(10, reference, alternate, before="G") == states


def test_an_insertion_before_the_contig_has_no_place() -> None:
    assert allele_states(*trim(0, "A", "CA"), None) == []


@pytest.mark.parametrize(
    ("alternate", "reason"),
    [
        ("ACGT", None),
        ("*", "symbolic_allele"),
        ("<DEL>", "symbolic_allele"),
        ("<NON_REF>", "symbolic_allele"),
        ("G]17:198982]", "symbolic_allele"),
        (".A", "symbolic_allele"),
        ("N", "iupac_allele"),
        ("ACR", "iupac_allele"),
        ("", "symbolic_allele"),
    ],
)
def test_why_an_allele_is_not_plain(alternate: str, reason: str | None) -> None:
    assert why_not_plain(alternate) == reason
