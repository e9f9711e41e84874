from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from pybmfm.variants import ALPHABET
from pybmfm.variants.draws import allele_key, draw_codes, random_bit
from pybmfm.variants.symbols import STATES, code_of_states

from . import reference_encoding

DRAWS = 40_000
CHANCE = 1e-4
ROWS = [
    {"A": 0.6, "DEL": 0.3, "T": 0.1},
    {"C": 0.5, "T": 0.5},
    {"G": 0.97, "GI": 0.02, "A": 0.01},
    {"A": 0.3, "G": 0.2, "T": 0.2, "C": 0.1, "DEL": 0.1, "AI": 0.1},
    {"TI": 1.0},
]

_ROW = st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.25, 0.5, 1.0]), min_size=11, max_size=11)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(_ROW, max_size=12),
    first=st.integers(0, 2**31 - 20),
    seed=st.integers(0, 2**40),
    strategy=st.sampled_from(["paper", "hardy-weinberg"]),
    haploid=st.booleans(),
)
def test_the_compiled_loop_equals_numpy(
    rows: list[list[float]], first: int, seed: int, strategy: str, haploid: bool
) -> None:
    p = np.array(rows, dtype=np.float32).reshape(-1, 11)
    positions = np.arange(first, first + len(p), dtype=np.int32)
    drawn = draw_codes(positions, p, allele_key(seed, 3, "chr1"), strategy, haploid)
    uniforms = reference_encoding.uniform_draws(seed, 3, "chr1", positions)
    assert np.array_equal(drawn, reference_encoding.draw_codes(p, uniforms, strategy, haploid))


def _drawn(row: dict[str, float], strategy: str, haploid: bool = False, **key: int) -> np.ndarray:
    p = np.zeros((DRAWS, 11), dtype=np.float32)
    for name, value in row.items():
        p[:, STATES.index(name)] = value
    positions = np.arange(DRAWS, dtype=np.int32)
    alleles = allele_key(key.get("seed", 7), key.get("pass_number", 0), "chr1")
    return draw_codes(positions, p, alleles, strategy, haploid)


def _exact(row: dict[str, float], strategy: str, haploid: bool) -> Counter[str]:
    """Probability of each character."""
    exact: Counter[str] = Counter()
    for a, p in row.items():
        if haploid or len(row) == 1:
            exact[_character(a, a)] += p  # type: ignore[assignment]
            continue
        for b, q in row.items():
            if strategy == "hardy-weinberg":
                exact[_character(a, b)] += p * q  # type: ignore[assignment]
            elif a != b:
                exact[_character(a, b)] += p * q / (1 - p)  # type: ignore[assignment]
    return exact


def _character(a: str, b: str) -> str:
    return ALPHABET[code_of_states(STATES.index(a), STATES.index(b))]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(
    ("strategy", "haploid"),
    [("paper", False), ("hardy-weinberg", False), ("paper", True), ("hardy-weinberg", True)],
)
def test_characters_come_with_their_exact_probabilities(
    row: dict[str, float], strategy: str, haploid: bool
) -> None:
    counted = Counter(ALPHABET[code] for code in _drawn(row, strategy, haploid).tolist())
    exact = _exact(row, strategy, haploid)
    assert set(counted) <= set(exact)
    expected = np.array(list(exact.values())) * DRAWS
    found = np.array([counted[character] for character in exact])
    enough = expected >= 5  # rarer characters are judged together
    if not enough.all():
        expected = np.append(expected[enough], expected[~enough].sum())
        found = np.append(found[enough], found[~enough].sum())
    assert len(expected) == 1 or chisquare(found, expected * DRAWS / expected.sum()).pvalue > CHANCE


def test_paper_is_always_heterozygous_at_two_states_and_lone_at_one() -> None:
    assert set(_drawn({"A": 0.999, "G": 0.001}, "paper")) == {code_of_states(0, 1)}
    assert set(_drawn({"TI": 1.0}, "paper")) == {STATES.index("TI")}


def test_passes_seeds_and_neighbours_are_independent() -> None:
    row = {"A": 0.5, "G": 0.5}
    key = [{"pass_number": n} for n in range(3)] + [{"seed": n} for n in range(2)]
    drawings = [_drawn(row, "hardy-weinberg", haploid=True, **one) for one in key]
    pairs = [*combinations(drawings, 2), (drawings[0][1:], drawings[0][:-1])]
    for one, two in pairs:
        together = np.bincount(one * 2 + two, minlength=4)
        assert chisquare(together).pvalue > CHANCE


def test_both_draws_of_a_position_are_independent() -> None:
    uniforms = reference_encoding.uniform_draws(0, 0, "chr1", np.arange(100_000))
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    cells = (uniforms * 10).astype(int)
    assert chisquare(np.bincount(cells[:, 0] * 10 + cells[:, 1], minlength=100)).pvalue > CHANCE


@given(st.integers(0, 1000), st.integers(0, 2**31 - 1))
def test_a_random_bit_is_the_top_of_the_same_stream(seed: int, position: int) -> None:
    # Number 2 i + 1 of the stream is the first that position i uses.
    uniforms = reference_encoding.uniform_draws(seed, 0, "chr1", np.array([position]))
    key = int(allele_key(seed, 0, "chr1"))
    assert random_bit(key, 2 * position) == (uniforms[0, 0] >= 0.5)


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="2 positions"):
        draw_codes(
            np.arange(2, dtype=np.int32), np.zeros((1, 11), np.float32), np.uint64(0), "paper"
        )
