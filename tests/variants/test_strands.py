from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.variants import STATES, code_of_states, reverse_complement_codes, states_of_code
from pybmfm.variants.symbols import CODE_OF_STATES

_REACHABLE = sorted({int(code) for code in CODE_OF_STATES.ravel()})
_COMPLEMENT = {"A": "T", "T": "A", "G": "C", "C": "G", "N": "N", "DEL": "DEL"}


def _code(*names: str) -> int:
    a, b = (STATES.index(name) for name in (names if len(names) == 2 else names * 2))
    return code_of_states(a, b)


def _codes(*positions: str) -> np.ndarray:
    return np.array([_code(*position.split("_")) for position in positions], dtype=np.uint8)


def _sorted_names(code: int) -> list[str]:
    return sorted(STATES[state] for state in states_of_code(code))


def _base_part(name: str) -> str:
    return name if name == "DEL" else name[0]


def _by_hand(codes: list[int], left: int, right: int) -> tuple[list[int], int]:
    """Follow the rule word by word: (codes of the minus strand, marks dropped on DEL)."""
    names = [_sorted_names(code) for code in [left, *codes, right]]
    result, dropped = [], 0
    for place in range(1, len(names) - 1):
        states = []
        for number in (0, 1):
            base = _COMPLEMENT[_base_part(names[place][number])]
            marked = names[place - 1][number].endswith("I")
            dropped += marked and base == "DEL"
            states.append(base + "I" if marked and base != "DEL" else base)
        result.append(_code(*states))
    return result[::-1], dropped


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(_REACHABLE), min_size=1, max_size=8),
    st.sampled_from(_REACHABLE),
    st.sampled_from(_REACHABLE),
)
def test_the_rule_word_by_word(codes: list[int], left: int, right: int) -> None:
    counted: Counter[str] = Counter()
    minus = reverse_complement_codes(np.array(codes, np.uint8), left, right, counted)
    expected, dropped = _by_hand(codes, left, right)
    assert minus.tolist() == expected
    assert counted.total() == dropped


def test_plain_bases() -> None:
    assert np.array_equal(
        reverse_complement_codes(_codes("A", "A", "C", "N", "G")), _codes("C", "N", "G", "T", "T")
    )
    assert reverse_complement_codes(np.empty(0, np.uint8)).size == 0


def test_a_mark_moves_to_the_base_that_comes_before_it_on_the_other_strand() -> None:
    # AC|insertion|GT: on the minus strand the insertion follows the complement of G.
    assert np.array_equal(
        reverse_complement_codes(_codes("A", "C_CI", "G", "T")), _codes("A", "C_CI", "G", "T")
    )
    assert np.array_equal(reverse_complement_codes(_codes("T", "AI", "G")), _codes("CI", "T", "A"))


def test_a_mark_comes_in_from_the_left_flank_and_leaves_to_the_right() -> None:
    counted: Counter[str] = Counter()
    minus = reverse_complement_codes(_codes("G", "T_TI"), _code(["A", "AI"][1]), 0, counted)
    assert np.array_equal(minus, _codes("A", "CI"))
    assert counted.total() == 0


def test_marks_on_a_deletion_and_at_an_end_are_dropped_and_counted() -> None:
    counted: Counter[str] = Counter()
    minus = reverse_complement_codes(_codes("A_AI", "DEL", "C_CI"), None, None, counted)
    assert np.array_equal(minus, _codes("G", "DEL", "T"))
    assert counted == {"mark_on_deletion": 1, "mark_at_end_without_flank": 1}


def _keeps_marks(code: int) -> bool:
    """No DEL, and a mark only where both states are of one base."""
    names = _sorted_names(code)
    marked = any(name.endswith("I") for name in names)
    return "DEL" not in names and not (marked and _base_part(names[0]) != _base_part(names[1]))


@settings(max_examples=300)
@given(st.lists(st.sampled_from([c for c in _REACHABLE if _keeps_marks(c)]), max_size=8))
def test_twice_is_the_identity_where_not_both_neighbours_of_a_mark_vary(codes: list[int]) -> None:
    given_ = [codes[0]] if codes else []
    for code in codes[1:]:
        # After a marked position comes a plain base, so that of the two only one varies.
        marked = any(name.endswith("I") for name in _sorted_names(given_[-1]))
        given_.append(states_of_code(code)[0] % 5 if marked else code)
    flanked = np.array([0, *given_, 1], dtype=np.uint8)
    once = reverse_complement_codes(flanked, 2, 2)
    assert np.array_equal(reverse_complement_codes(once, 2, 2), flanked)


def test_unsorted_and_doubled_pairs_are_read_as_what_they_mean() -> None:
    t_c, a_a = 11 + 11 * 2 + 3, 11
    minus = reverse_complement_codes(np.array([t_c, a_a], dtype=np.uint8))
    assert np.array_equal(minus, _codes("T", "A_G"))
