"""Use of k-mer space (Figure 3F) against brute force over all choices of states."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.tokenizer.kmer_space import MAX_K, expand_codes, kmer_space_table
from pybmfm.variants import ALPHABET, STATES, states_of_code, text_to_codes

from .vocabularies import symbol, vocabulary

AG, CT, AC = symbol("A", "G"), symbol("C", "T"), symbol("A", "C")
A_DEL, A_INS, N_T = symbol("A", "DEL"), symbol("A", "AI"), symbol("N", "T")


def brute_force(token: str, *, indels: bool) -> set[str]:
    """Every DNA text that a token may stand for, by the stated rule."""
    names = [
        [STATES[state] for state in states_of_code(int(code))] for code in text_to_codes(token)
    ]
    if not indels and any(len(name) > 1 or name == "N" for pair in names for name in pair):
        return set()
    written = {"DEL": "", "AI": "A", "GI": "G", "TI": "T", "CI": "C", "NI": "N"}
    texts = {"".join(written.get(name, name) for name in choice) for choice in product(*names)}
    return {text for text in texts if text and "N" not in text and len(text) <= MAX_K}


def texts_of(kmers: dict[int, np.ndarray]) -> set[str]:
    """K-mer numbers as text."""
    return {
        "".join("AGTC"[int(value) // 4 ** (k - 1 - place) % 4] for place in range(k))
        for k, values in kmers.items()
        for value in values
    }


@pytest.mark.parametrize(
    ("token", "published_rule", "with_indels"),
    [
        ("ACG", {"ACG"}, {"ACG"}),
        ("T" + AG, {"TA", "TG"}, {"TA", "TG"}),
        (AG + CT, {"AC", "AT", "GC", "GT"}, {"AC", "AT", "GC", "GT"}),
        ("C" + A_DEL, set(), {"CA", "C"}),
        (A_DEL * 3, set(), {"A", "AA", "AAA"}),
        ("C" + A_INS, set(), {"CA"}),
        ("C" + N_T, set(), {"CT"}),
        ("AN", set(), set()),
        (symbol("DEL"), set(), set()),
        (symbol("TI") + "C", set(), {"TC"}),
    ],
)
def test_symbols_expand_to_their_bases(
    token: str, published_rule: set[str], with_indels: set[str]
) -> None:
    codes = text_to_codes(token).tolist()
    assert texts_of(expand_codes(codes, indels=False)) == published_rule
    assert texts_of(expand_codes(codes, indels=True)) == with_indels


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet=ALPHABET, min_size=1, max_size=7), st.booleans())
def test_expansion_equals_brute_force(token: str, indels: bool) -> None:
    found = expand_codes(text_to_codes(token).tolist(), indels=indels)
    assert texts_of(found) == brute_force(token, indels=indels)
    assert all(np.array_equal(values, np.unique(values)) for values in found.values())


def test_counts_of_a_vocabulary_equal_brute_force() -> None:
    tokens = [
        "A",
        "C",
        "AC",
        "GG",
        "TTT",
        AG,
        AG + "C",
        "A" + CT + AC,
        A_DEL + "G",
        "ANA",
        "A" * 12,
    ]
    tokens += [A_DEL * 12 + "C", AG * MAX_K]
    rows = kmer_space_table([vocabulary("snp", dict.fromkeys(tokens, 1))]).set_index("k")
    bases_only = {token for token in tokens if set(token) <= set("ACGT")}
    for k in range(1, MAX_K + 1):
        expanded = {t for token in tokens for t in brute_force(token, indels=False) if len(t) == k}
        everything = {t for token in tokens for t in brute_force(token, indels=True) if len(t) == k}
        row = rows.loc[k]
        assert row["possible"] == 4**k
        assert row["plain"] == sum(len(token) == k for token in bases_only)
        assert row["expanded"] == len(expanded)
        assert row["with_indels"] == len(everything)
        assert row["expanded_percent"] == round(100 * len(expanded) / 4**k, 5)


def test_a_long_run_of_deletions_stays_small() -> None:
    kmers = expand_codes(text_to_codes(A_DEL * 200).tolist(), indels=True)
    assert texts_of(kmers) == {"A" * k for k in range(1, MAX_K + 1)}
