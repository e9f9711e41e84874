from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.variants import STATES, code_of_states, reverse_complement_codes, states_of_code
from pybmfm.variants.symbols import CODE_OF_STATES

from . import reference_encoding

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


@settings(max_examples=200, deadline=None)
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
    assert counted["mark_on_deletion"] + counted["mark_at_end_without_flank"] == dropped


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


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 131), max_size=30),
    st.none() | st.integers(0, 131),
    st.none() | st.integers(0, 131),
)
def test_the_compiled_loop_equals_numpy(
    codes: list[int], left: int | None, right: int | None
) -> None:
    counted: Counter[str] = Counter()
    given_ = np.array(codes, np.uint8)
    minus = reverse_complement_codes(given_, left, right, counted)
    expected, dropped = reference_encoding.reverse_complement_codes(given_, left, right)
    assert np.array_equal(minus, expected)
    assert counted == dropped
    assert np.array_equal(given_, np.array(codes, np.uint8))


def _marks(code: int) -> list[int]:
    return [number for number, name in enumerate(_sorted_names(code)) if name.endswith("I")]


def _place_on_minus(code: int, state: int) -> int:
    """Say whether a marked state stands first (0) or second (1) on the other strand."""
    bases = [_COMPLEMENT[_base_part(name)] for name in _sorted_names(code)]
    # Of two equal bases the marked one is written second.
    return 1 if bases[0] == bases[1] else int(bases[state] > bases[1 - state])


def _comes_back(code: int, following: int | None) -> bool:
    """Say whether reversing twice restores a position, from it and the one after it alone."""
    marks = _marks(code)
    if not marks:
        return True
    if following is None or any(_sorted_names(following)[k] == "DEL" for k in marks):
        return False  # dropped and counted
    bases = [_base_part(name) for name in _sorted_names(code)]
    if len(marks) == 2 or bases[0] == bases[1]:
        return True
    # One of two different bases is marked: the mark must find its way back to that one.
    return _place_on_minus(following, marks[0]) == _place_on_minus(code, marks[0])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_REACHABLE), min_size=1, max_size=8))
def test_exactly_which_positions_reversing_twice_does_not_restore(codes: list[int]) -> None:
    given_ = np.array(codes, dtype=np.uint8)
    dropped: Counter[str] = Counter()
    minus = reverse_complement_codes(given_, dropped=dropped)
    twice = reverse_complement_codes(minus)
    following = [*codes[1:], None]
    restored = [_comes_back(code, after) for code, after in zip(codes, following, strict=True)]
    assert (twice == given_).tolist() == restored
    lost = sum(
        after is None or _sorted_names(after)[k] == "DEL"
        for code, after in zip(codes, following, strict=True)
        for k in _marks(code)
    )
    not_kept = dropped.pop("mark_kept_without_its_state", 0)
    assert dropped.total() == lost
    # Nothing changes unseen: what is not dropped but comes back differently has its own count.
    moved = sum(
        not back
        and after is not None
        and all(_sorted_names(after)[k] != "DEL" for k in _marks(code))
        for code, after, back in zip(codes, following, restored, strict=True)
    )
    assert not_kept == moved


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_REACHABLE), min_size=1, max_size=8))
def test_without_insertions_twice_is_the_identity(codes: list[int]) -> None:
    given_ = np.array([code for code in codes if not _marks(code)], dtype=np.uint8)
    twice = reverse_complement_codes(reverse_complement_codes(given_))
    assert np.array_equal(twice, given_)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*_REACHABLE, 0, 1, 2, 3]), max_size=8), st.data())
def test_an_insertion_on_a_plain_base_comes_back(codes: list[int], data: st.DataObject) -> None:
    # The mark and both neighbours of the place where it stands do not vary otherwise.
    base = data.draw(st.sampled_from("AGTC"))
    given_ = np.array([0, *_codes(base, f"{base}_{base}I", "G"), 1], dtype=np.uint8)
    given_ = np.concatenate([np.array(codes, np.uint8), given_])
    twice = reverse_complement_codes(reverse_complement_codes(given_))
    assert np.array_equal(twice[len(codes) :], given_[len(codes) :])


def test_a_code_above_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="132 is not a code"):
        reverse_complement_codes(np.array([132], dtype=np.uint8))


def test_unsorted_and_doubled_pairs_are_read_as_what_they_mean() -> None:
    t_c, a_a = 11 + 11 * 2 + 3, 11
    minus = reverse_complement_codes(np.array([t_c, a_a], dtype=np.uint8))
    assert np.array_equal(minus, _codes("T", "A_G"))
