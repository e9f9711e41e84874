from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.variants import (
    FrequencyTable,
    WindowEncoder,
    codes_to_text,
    reverse_complement_codes,
)
from pybmfm.variants.draws import allele_key, draw_codes
from pybmfm.variants.table import write_rows

from . import reference_encoding
from .conftest import MakeTable

LENGTH = 300
_RANDOM = random.Random(3)
SEQUENCE = "".join(_RANDOM.choices("ACGT", k=LENGTH))


def _dense_records() -> list[str]:
    """Substitutions, insertions and deletions at every third position, and one at the end."""
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
    last = SEQUENCE[-1]
    return [*records, f"chr1 {LENGTH} {last} {last}GT AF=0.9"]


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


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    windows=st.lists(st.tuples(_WINDOWS, st.booleans()), max_size=12),
    strategy=st.sampled_from(["paper", "hardy-weinberg"]),
    contig=st.sampled_from(["chr1", "chrY"]),
)
def test_windows_in_bulk_equal_numpy_one_by_one(
    dense: FrequencyTable,
    genome: Genome,
    windows: list[tuple[list[int], bool]],
    strategy: str,
    contig: str,
) -> None:
    encoder = WindowEncoder(genome, dense, seed=5, strategy=strategy)
    starts, ends = ([window[side] for window, _ in windows] for side in (0, 1))
    minus = [reverse for _, reverse in windows]
    codes, offsets = encoder.encode_many(contig, starts, ends, minus, pass_number=2)
    assert codes.dtype == np.uint8
    assert (
        offsets.tolist()
        == np.cumsum([0, *(end - start for start, end in zip(starts, ends, strict=True))]).tolist()
    )
    dropped: Counter[str] = Counter()
    for number, ((start, end), reverse) in enumerate(windows):
        expected, lost = _by_numpy(genome, dense, contig, start, end, reverse, strategy)
        dropped += lost
        assert np.array_equal(codes[offsets[number] : offsets[number + 1]], expected)
        alone = encoder.encode(contig, start, end, strand="+-"[reverse], pass_number=2)
        assert np.array_equal(alone, expected)
    assert encoder.dropped_marks == dropped + dropped  # in bulk, and alone


def _by_numpy(
    genome: Genome,
    table: FrequencyTable,
    contig: str,
    start: int,
    end: int,
    reverse: bool,
    strategy: str,
) -> tuple[np.ndarray, Counter[str]]:
    positions, p = table.rows(contig)
    uniforms = reference_encoding.uniform_draws(5, 2, contig, positions)
    whole = genome.codes(contig).copy()
    whole[positions] = reference_encoding.draw_codes(p, uniforms, strategy, contig in table.haploid)
    if not reverse:
        return whole[start:end], Counter()
    left = int(whole[start - 1]) if start else None
    right = int(whole[end]) if end < len(whole) else None
    return reference_encoding.reverse_complement_codes(whole[start:end], left, right)


def test_threads_and_order_change_nothing(dense: FrequencyTable, genome: Genome) -> None:
    encoder = WindowEncoder(genome, dense, seed=5)
    windows = [(start, start + 40, start % 2 == 0) for start in range(LENGTH - 40, 0, -3)]
    tasks = [
        (contig, window, n) for contig in ("chr1", "chrY") for window in windows for n in (0, 1)
    ]

    def encode(task: tuple[str, tuple[int, int, bool], int]) -> bytes:
        contig, (start, end, minus), pass_number = task
        return encoder.encode_many(contig, [start], [end], [minus], pass_number)[0].tobytes()

    in_order = list(map(encode, tasks))
    dropped = Counter(encoder.dropped_marks)
    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(encode, tasks[::-1]))
    assert backwards == in_order[::-1]
    assert encoder.dropped_marks == dropped + dropped
    assert dropped


def test_a_contig_encoder_outlives_the_turn_of_another_contig(
    dense: FrequencyTable, genome: Genome
) -> None:
    encoder = WindowEncoder(genome, dense)
    first, other = encoder.contig("chr1"), encoder.contig("chrY")
    assert (first.contig, first.length) == ("chr1", LENGTH)
    windows = ([0], [LENGTH], [False])
    assert np.array_equal(first.encode_many(*windows)[0], encoder.encode("chr1", 0, LENGTH))
    assert np.array_equal(other.encode_many(*windows)[0], encoder.encode("chrY", 0, LENGTH))


@pytest.mark.parametrize("window", [(-1, 5), (6, 5), (0, LENGTH + 1)])
def test_windows_outside_the_contig_are_refused(genome: Genome, window: tuple[int, int]) -> None:
    start, end = window
    with pytest.raises(ValueError, match="outside its 300 nucleotides"):
        WindowEncoder(genome, None).encode_many("chr1", [0, start], [5, end], [False, True])
    with pytest.raises(ValueError, match="one length"):
        WindowEncoder(genome, None).encode_many("chr1", [0], [5], [])


def test_rows_out_of_order_are_refused(dense: FrequencyTable, genome: Genome) -> None:
    positions, p = (np.array(column) for column in dense.rows("chr1"))  # not of the file
    for broken in (positions[::-1], positions + np.int32(LENGTH)):
        dense.file("chr1").unlink()
        write_rows(
            dense.folder, "chr1", broken, p,
            length=LENGTH, sequence_digest=dense.digests["chr1"], haploid=False,
        )  # fmt: skip
        with pytest.raises(UserError, match="do not ascend"):
            WindowEncoder(genome, FrequencyTable.open(dense.folder)).encode("chr1", 0, 9)


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
    # The two contigs of the table have one sequence; only their draws differ.
    rows = dense.rows("chr1")
    keys = [allele_key(0, 0, contig) for contig in ("chr1", "chr2")]
    assert not np.array_equal(*(draw_codes(*rows, key, "hardy-weinberg") for key in keys))


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
    with pytest.raises(UserError, match="unknown strategy 'twins'"):
        WindowEncoder(genome, None, strategy="twins")
