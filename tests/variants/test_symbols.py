from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.variants import (
    ALPHABET,
    STATES,
    code_of_states,
    codes_to_text,
    is_encoded_text,
    states_of_code,
    text_to_codes,
)


def test_all_132_symbols_round_trip() -> None:
    codes = np.arange(132, dtype=np.uint8)
    assert len(set(ALPHABET)) == 132
    assert codes_to_text(codes) == ALPHABET
    assert np.array_equal(text_to_codes(ALPHABET), codes)


def test_the_pair_characters_are_the_published_ones_in_their_order() -> None:
    # SHA-256 of the 121 characters, character 11*i + j for states i and j.
    published = "074fbac9f233876b05a0d444211d8ea676d4f74ebfc738733833e43443c6a68e"
    assert hashlib.sha256(ALPHABET[11:].encode()).hexdigest() == published
    for i in range(11):
        for j in range(11):
            assert states_of_code(11 + 11 * i + j) == (i, j)


@pytest.mark.parametrize(
    ("a", "b", "character"),
    [
        ("A", "A", "A"),
        ("DEL", "DEL", "X"),
        ("AI", "AI", "B"),
        ("GI", "GI", "H"),
        ("TI", "TI", "U"),
        ("CI", "CI", "D"),
        ("NI", "NI", "O"),
        # Index 11*i + j into the poem, i and j in the order A G T C N DEL AI GI TI CI NI.
        ("A", "G", "高"),  # 1
        ("A", "C", "之"),  # 3
        ("C", "T", "则"),  # 3*11 + 2
        ("DEL", "T", "兰"),  # 5*11 + 2
    ],
)
def test_characters_of_states(a: str, b: str, character: str) -> None:
    for first, second in ((a, b), (b, a)):
        code = code_of_states(STATES.index(first), STATES.index(second))
        assert ALPHABET[code] == character


def test_66_codes_are_reachable_and_name_their_states_sorted() -> None:
    reachable = {code_of_states(a, b) for a in range(11) for b in range(11)}
    assert len(reachable) == 66
    for code in reachable:
        a, b = states_of_code(code)
        assert code_of_states(a, b) == code
        assert STATES[a] <= STATES[b]


def test_unsorted_pairs_are_read_as_written() -> None:
    assert states_of_code(11 + 11 * 2 + 3) == (2, 3)  # T_C, which is drawn as C_T


@settings(max_examples=50)
@given(st.text(max_size=30))
def test_any_text_gives_one_code_per_character(text: str) -> None:
    codes = text_to_codes(text)
    assert len(codes) == len(text)
    expected = [
        ALPHABET.index(c.upper()) if c.isascii() and c.upper() in ALPHABET else None for c in text
    ]
    for character, code, known in zip(text, codes, expected, strict=True):
        if known is not None:
            assert code == known
        elif character not in ALPHABET:
            assert code == 4


def test_encoded_text_is_known_by_the_pair_characters_alone() -> None:
    assert not is_encoded_text("ACGTNXBHUDO")
    assert not is_encoded_text("ACGTé")
    assert is_encoded_text("ACG高T")
