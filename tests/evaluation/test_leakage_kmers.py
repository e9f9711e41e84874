"""32-mers against sets of strings, and sets of bounded size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.corpus.windows_table import WindowColumns
from pybmfm.evaluation.leakage_kmers import (
    Hashes,
    KmerSet,
    KmerSetBuilder,
    count_repeated,
    distinct,
    highest_hash,
    read_kmers,
    shares_of_rows,
)
from pybmfm.evaluation.leakage_sequences import SequenceSplit

from .reference_leakage import (
    batch_of,
    distinct_kmers,
    kmers,
    mosaic_rows,
    random_dna,
    repeated_kmers,
    share_in,
    split_of,
    turned,
)

SEEDS = st.integers(0, 2**32 - 1)
HASHES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 2**60), max_size=60)


def set_of(rows: list[str]) -> KmerSet:
    return KmerSet(distinct(read_kmers(batch_of(rows)).hashes))


def array(hashes: list[int]) -> Hashes:
    return np.array(hashes, dtype=np.uint64)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, size=st.integers(1, 8))
def test_32mers_are_those_of_plain_python(seed: int, size: int) -> None:
    rows = mosaic_rows(seed, size)
    found = read_kmers(batch_of(rows))
    assert found.plain == len(found.hashes) == sum(len(kmers(row)) for row in rows)
    assert found.plain + found.skipped == sum(max(0, len(row) - 31) for row in rows)
    assert len(distinct(found.hashes)) == len(distinct_kmers(rows))
    text = "".join(rows)
    starts = [kmers(text[place : place + 32]) for place in found.places.tolist()]
    assert [len(kmer) for kmer in starts] == [1] * found.plain


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, size=st.integers(2, 8))
def test_what_two_splits_share_is_what_sets_of_strings_share(seed: int, size: int) -> None:
    rows = mosaic_rows(seed, 2 * size)
    a, b = rows[:size], rows[size:]
    shared = set_of(a).shared_with(set_of(b))
    assert shared.estimate == len(distinct_kmers(a) & distinct_kmers(b))
    expected = [share_in(row, distinct_kmers(a)) for row in b]
    found = shares_of_rows(batch_of(b), set_of(a))
    assert [None if np.isnan(share) else share for share in found.tolist()] == expected
    repeated = count_repeated(shared, [split_of("a", a)])
    assert repeated == len(repeated_kmers(a) & distinct_kmers(b))


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, length=st.integers(32, 200))
def test_a_sequence_and_its_reverse_complement_have_the_same_32mers(seed: int, length: int) -> None:
    text = random_dna(np.random.default_rng(seed), length)
    assert np.array_equal(set_of([text]).hashes, set_of([turned(text)]).hashes)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, offset=st.integers(0, 400), flip=st.booleans())
def test_a_planted_piece_of_100_nt_shares_69_32mers(seed: int, offset: int, flip: bool) -> None:
    rng = np.random.default_rng(seed)
    a = [random_dna(rng, 500) for _ in range(4)]
    b = [random_dna(rng, 500) for _ in range(4)]
    assert set_of(a).shared_with(set_of(b)).estimate == 0
    piece = a[1][137:237]
    b[2] = b[2][:offset] + (turned(piece) if flip else piece) + b[2][offset:]
    # A neighbouring base is equal by chance now and then.
    assert 69 <= set_of(a).shared_with(set_of(b)).estimate <= 69 + 20
    assert set_of(a).shared_with(set_of(b)).estimate == len(distinct_kmers(a) & distinct_kmers(b))
    shares = shares_of_rows(batch_of(b), set_of(a))
    assert np.flatnonzero(shares > 0).tolist() == [2]


def test_a_row_without_a_plain_32mer_has_no_share() -> None:
    rows = ["ACGT" * 7, "", "A" * 31 + "N" + "C" * 31, "G" * 32]
    shares = shares_of_rows(batch_of(rows), set_of(["C" * 32]))
    assert np.isnan(shares[:3]).all()
    assert shares[3] == 1


@settings(max_examples=60, deadline=None)
@given(hashes=HASHES, most=st.integers(8, 40), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_a_bounded_set_depends_on_its_content_alone(
    hashes: list[int], most: int, cuts: list[int]
) -> None:
    builder = KmerSetBuilder(most)
    for part in np.split(array(hashes), sorted(cuts)):
        builder.add(distinct(part))
    found = builder.build()
    everything = np.array(sorted(set(hashes)), dtype=np.uint64)
    kept = everything[everything <= highest_hash(found.halvings)]
    assert np.array_equal(found.hashes, kept)
    assert len(kept) <= most
    if found.halvings:
        assert (everything <= highest_hash(found.halvings - 1)).sum() > most


@settings(max_examples=60, deadline=None)
@given(a=HASHES, b=HASHES, levels=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_sets_of_two_fractions_share_what_both_would_keep(
    a: list[int], b: list[int], levels: tuple[int, int]
) -> None:
    one, two = (KmerSet(distinct(array(x))).at(n) for x, n in zip((a, b), levels, strict=True))
    shared = one.shared_with(two)
    limit = int(highest_hash(max(levels)))
    assert shared.hashes.tolist() == sorted(h for h in set(a) & set(b) if h <= limit)
    assert shared.one_in == 2 ** max(levels)


@settings(max_examples=60, deadline=None)
@given(known=HASHES, wanted=HASHES, halvings=st.integers(0, 5))
def test_find_is_the_index_in_the_set_or_minus_one(
    known: list[int], wanted: list[int], halvings: int
) -> None:
    kmer_set = KmerSet(distinct(array(known))).at(halvings)
    place = {value: index for index, value in enumerate(kmer_set.hashes.tolist())}
    queries = wanted + known
    assert kmer_set.find(array(queries)).tolist() == [place.get(query, -1) for query in queries]


def test_a_sample_estimates_the_whole() -> None:
    rng = np.random.default_rng(3)
    a, common, b = (random_dna(rng, 40_000) for _ in range(3))
    builder = KmerSetBuilder(most=12_000)
    builder.add(distinct(read_kmers(batch_of([a, common])).hashes))
    sampled = builder.build()
    assert sampled.one_in == 8
    shared = sampled.shared_with(set_of([common, b]))
    assert shared.one_in == 8
    assert shared.estimate == pytest.approx(40_000, rel=0.05)


def windows_split(rows: list[tuple[str, int, int, bool]], genome: dict[str, str]) -> SequenceSplit:
    names = sorted({contig for contig, *_ in rows})
    texts = [genome[contig][start:end] for contig, start, end, _ in rows]
    texts = [turned(text) if row[3] else text for row, text in zip(rows, texts, strict=True)]
    columns = WindowColumns(
        names,
        np.array([names.index(contig) for contig, *_ in rows]),
        np.array([start for _, start, *_ in rows]),
        np.array([end for *_, end, _ in rows]),
        np.array([minus for *_, minus in rows]),
        np.zeros(len(rows), dtype=np.int32),
    )
    plain = split_of("train", texts)
    return SequenceSplit("train", len(rows), plain.batches, plain.name, columns)


def test_a_place_read_in_other_passes_strands_and_splits_is_no_repeat() -> None:
    rng = np.random.default_rng(5)
    genome = {"chr1": random_dna(rng, 300), "chr2": random_dna(rng, 300)}
    train = windows_split([("chr2", 0, 200, False), ("chr2", 50, 250, True)], genome)
    dev = windows_split([("chr1", 0, 300, True), ("chr2", 40, 300, False)], genome)
    shared = set_of([genome["chr2"][40:250]])
    assert count_repeated(shared, [train, dev]) == 0
    genome["chr1"] = genome["chr1"][:100] + genome["chr2"][60:100] + genome["chr1"][140:]
    dev = windows_split([("chr1", 0, 300, True), ("chr2", 40, 300, False)], genome)
    assert count_repeated(shared, [train, dev]) == len(kmers(genome["chr2"][60:100])) == 9
    assert count_repeated(shared, [train]) == 0
