from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.variants import (
    ALPHABET,
    FrequencyTable,
    WindowEncoder,
    codes_to_text,
    reverse_complement_codes,
)
from pybmfm.variants.draws import draw_codes, uniform_draws
from pybmfm.variants.symbols import STATES

from .conftest import MakeTable

LENGTH = 300
_RANDOM = random.Random(3)
SEQUENCE = "".join(_RANDOM.choices("ACGT", k=LENGTH))


def _dense_records() -> list[str]:
    """Substitutions, insertions and deletions at every third position."""
    records = []
    for start in range(3, LENGTH - 6, 3):
        base = SEQUENCE[start]
        other = "ACGT"[("ACGT".index(base) + start) % 4]
        alternates = {
            0: (base, other if other != base else "ACGT"[("ACGT".index(base) + 1) % 4]),
            1: (base, base + "AC"),
            2: (SEQUENCE[start : start + 3], base),
        }
        reference, alternate = alternates[start // 3 % 3]
        records.append(f"chr1 {start + 1} {reference} {alternate} AF=0.{3 + start % 6}")
    return records


@pytest.fixture
def dense(make_table: MakeTable) -> FrequencyTable:
    return make_table({"chr1": SEQUENCE, "chrY": SEQUENCE}, *_dense_records(), "Y 1 A C AF=0.5")


@pytest.fixture
def genome(dense: FrequencyTable) -> Iterator[Genome]:
    with Genome(dense.folder.parent / "genome.fa") as opened:
        yield opened


_WINDOWS = st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(sorted)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    window=_WINDOWS,
    strand=st.sampled_from("+-"),
    pass_number=st.integers(0, 3),
    strategy=st.sampled_from(["paper", "hardy-weinberg"]),
)
def test_a_window_alone_equals_that_stretch_of_the_contig(
    dense: FrequencyTable,
    genome: Genome,
    window: list[int],
    strand: str,
    pass_number: int,
    strategy: str,
) -> None:
    start, end = window
    encoder = WindowEncoder(genome, dense, seed=5, strategy=strategy)
    whole = encoder.encode("chr1", 0, LENGTH, strand=strand, pass_number=pass_number)
    if strand == "-":
        whole = whole[::-1]
    expected = whole[start:end][::-1] if strand == "-" else whole[start:end]
    alone = WindowEncoder(genome, dense, seed=5, strategy=strategy).encode(
        "chr1", start, end, strand=strand, pass_number=pass_number
    )
    assert np.array_equal(alone, expected)


def test_minus_is_the_reverse_complement_of_the_same_draw(
    dense: FrequencyTable, genome: Genome
) -> None:
    encoder = WindowEncoder(genome, dense)
    plus = encoder.encode("chr1", 9, 91)
    minus = encoder.encode("chr1", 10, 90, strand="-")
    expected = reverse_complement_codes(plus[1:-1], int(plus[0]), int(plus[-1]))
    assert np.array_equal(minus, expected)
    assert (minus >= 5).any()


def test_marks_that_the_minus_strand_cannot_keep_are_counted(make_table: MakeTable) -> None:
    records = ["chr1 2 C CT AF=1", "chr1 3 GT T AF=1", "chr1 4 T TA AF=1"]
    table = make_table({"chr1": "ACGT"}, *records)
    with Genome(table.folder.parent / "genome.fa") as genome:
        encoder = WindowEncoder(genome, table)
        assert codes_to_text(encoder.encode("chr1", 0, 4)) == "ADXU"
        assert codes_to_text(encoder.encode("chr1", 0, 4, strand="-")) == "AXGT"
        # Both states carry the mark: two marks each.
        assert encoder.dropped_marks == {"mark_on_deletion": 2, "mark_at_end_without_flank": 2}


def test_pass_seed_and_contig_each_draw_anew(dense: FrequencyTable, genome: Genome) -> None:
    # Not the paper's strategy: with two states at a site it has nothing to choose.
    first = WindowEncoder(genome, dense, seed=0, strategy="hardy-weinberg")
    other = WindowEncoder(genome, dense, seed=1, strategy="hardy-weinberg")
    other_seed = other.encode("chr1", 0, LENGTH)
    draws = [first.encode("chr1", 0, LENGTH, pass_number=n) for n in range(3)] + [other_seed]
    for i, one in enumerate(draws):
        for two in draws[:i]:
            assert not np.array_equal(one, two)
    positions = np.arange(100)
    assert not np.allclose(uniform_draws(0, 0, "a", positions), uniform_draws(0, 0, "b", positions))


def test_without_a_table_the_reference_stays(genome: Genome) -> None:
    encoder = WindowEncoder(genome, None)
    assert codes_to_text(encoder.encode("chr1", 0, LENGTH)) == SEQUENCE
    complement = SEQUENCE.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    assert codes_to_text(encoder.encode("chr1", 0, LENGTH, strand="-")) == complement


def test_haploid_chromosomes_get_one_draw_and_lone_symbols(make_table: MakeTable) -> None:
    records = [f"Y {n + 1} {base} {base}A AF=0.5" for n, base in enumerate(SEQUENCE) if base != "A"]
    table = make_table({"chrY": SEQUENCE}, *records)
    with Genome(table.folder.parent / "genome.fa") as genome:
        codes = WindowEncoder(genome, table).encode("chrY", 0, LENGTH)
    assert codes.max() < 11
    drawn = Counter((codes[[base != "A" for base in SEQUENCE]] >= 5).tolist())
    assert min(drawn.values()) > 60


def test_another_sequence_under_the_same_name_is_refused(
    dense: FrequencyTable, tmp_path: Path
) -> None:
    other = tmp_path / "other.fa"
    other.write_text(f">chr1\n{SEQUENCE[::-1]}\n")
    with Genome(other) as genome, pytest.raises(UserError, match="another sequence of contig chr1"):
        WindowEncoder(genome, dense).encode("chr1", 0, 10)


def test_unknown_strategies_are_refused(genome: Genome) -> None:
    with pytest.raises(UserError, match="phased VCF"):
        WindowEncoder(genome, None, strategy="haplotypes")


def _draw_many(row: dict[str, float], strategy: str, n: int = 40_000) -> dict[str, float]:
    p = np.zeros((n, 11), dtype=np.float32)
    for name, value in row.items():
        p[:, STATES.index(name)] = value
    codes = draw_codes(p, uniform_draws(7, 0, "chr1", np.arange(n)), strategy)
    counted = Counter(codes.tolist())
    return {ALPHABET[code]: number / n for code, number in counted.items()}


def _pair(a: str, b: str) -> str:
    return ALPHABET[11 + 11 * STATES.index(a) + STATES.index(b)]


def _assert_close(found: dict[str, float], expected: dict[str, float], n: int = 40_000) -> None:
    assert set(found) == set(expected)
    # Each count is binomial: five standard deviations, so that a right program never fails.
    for character, probability in expected.items():
        spread = 5 * (probability * (1 - probability) / n) ** 0.5
        assert abs(found[character] - probability) <= spread, character


def test_paper_draws_two_states_without_replacement() -> None:
    p = {"A": 0.6, "DEL": 0.3, "T": 0.1}
    expected = {
        _pair(a, b): p[a] * p[b] / (1 - p[a]) + p[b] * p[a] / (1 - p[b])
        for a, b in (("A", "DEL"), ("A", "T"), ("DEL", "T"))
    }
    _assert_close(_draw_many(p, "paper"), expected)


def test_paper_is_always_heterozygous_at_two_states_and_lone_at_one() -> None:
    assert _draw_many({"A": 0.999, "G": 0.001}, "paper", 1000) == {_pair("A", "G"): 1.0}
    assert _draw_many({"TI": 1.0}, "paper", 1000) == {"U": 1.0}


def test_hardy_weinberg_draws_with_replacement() -> None:
    p = {"A": 0.7, "AI": 0.3}
    expected = {"A": 0.49, "B": 0.09, _pair("A", "AI"): 0.42}
    _assert_close(_draw_many(p, "hardy-weinberg"), expected)


def test_uniforms_are_uniform_and_independent_between_neighbours() -> None:
    draws = uniform_draws(0, 0, "chr1", np.arange(100_000))
    assert draws.min() >= 0
    assert draws.max() < 1
    for column in draws.T:
        counts, _ = np.histogram(column, bins=100, range=(0, 1))
        # chi-square with 99 degrees of freedom: mean 99, standard deviation 14
        assert ((counts - 1000) ** 2 / 1000).sum() < 99 + 5 * 14.1
    flat = draws.ravel()
    assert abs(np.corrcoef(flat[1:], flat[:-1])[0, 1]) < 5 / flat.size**0.5
