"""k-mer and single-nucleotide tokenizers: what is a token, and that nothing is unknown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer
from pybmfm.tokenizer.kmers import LONGEST_K, count_kmers, frequent_kmers
from pybmfm.tokenizer.lines import join_lines
from pybmfm.variants import ALPHABET

K = 3
texts = st.one_of(
    st.text(alphabet="ACGT", max_size=50),
    st.text(alphabet=ALPHABET, max_size=50),
    st.text(alphabet="acgtnRYé ", max_size=30),
)


def train(out: Path, algorithm: str, alphabet: str = "all", **changes: Any) -> DnaTokenizer:
    rng = np.random.default_rng(3)
    letters = list("ACGT" * 9 + ALPHABET[9] + ALPHABET[40])
    lines = ["".join(rng.choice(letters, size=2000)) for _ in range(10)]
    chosen = TokenizerSettings(
        out=out, encoding="snp", algorithm=algorithm, alphabet=alphabet, **changes
    )
    train_tokenizer(chosen, lines, origin={}, inputs=[], counts={})
    return DnaTokenizer.load(out)


@pytest.fixture(scope="module")
def kmers(tmp_path_factory: pytest.TempPathFactory) -> DnaTokenizer:
    return train(tmp_path_factory.mktemp("kmers") / "kmer", "kmer", vocab_size=220, k=K)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> DnaTokenizer:
    return train(tmp_path_factory.mktemp("single") / "single", "single-nucleotide")


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.text(alphabet="ACG" + ALPHABET[129:], max_size=30), max_size=6),
    k=st.integers(2, LONGEST_K),
    most=st.integers(0, 20),
    min_frequency=st.integers(1, 3),
)
def test_frequent_kmers_are_those_of_a_plain_count(
    lines: list[str], k: int, most: int, min_frequency: int
) -> None:
    counts = Counter(line[i : i + k] for line in lines for i in range(len(line) - k + 1))
    found = frequent_kmers(join_lines(lines), k, most=most, min_frequency=min_frequency)
    enough = {kmer for kmer, count in counts.items() if count >= min_frequency}
    expected = sorted(enough, key=lambda one: (-counts[one], [ALPHABET.index(c) for c in one]))
    assert found == expected[:most]


def test_more_kmers_than_the_first_table_holds_are_counted() -> None:
    codes = np.random.default_rng(0).integers(132, size=150_000).astype(np.uint8)
    keys, counts = count_kmers(join_lines([codes]), 4)
    windows = np.lib.stride_tricks.sliding_window_view(codes, 4).astype(np.int64)
    expected, occurrences = np.unique(windows @ (132 ** np.arange(3, -1, -1)), return_counts=True)
    order = np.argsort(keys)
    assert keys[order].tolist() == expected.tolist()
    assert counts[order].tolist() == occurrences.tolist()


@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_pieces_of_k_letters_are_tokens_or_spelled_out(kmers: DnaTokenizer, text: str) -> None:
    known = set(kmers.tokens)
    clean = kmers.decode(kmers.encode(text))
    pieces = [clean[i : i + K] for i in range(0, len(clean), K)]
    expected = [t for piece in pieces for t in ([piece] if piece in known else piece)]
    assert [kmers.tokens[i] for i in kmers.encode(text)] == expected
    assert len(clean) == len(text)


@settings(max_examples=40, deadline=None)
@given(text=texts)
def test_single_nucleotides_are_letters(single: DnaTokenizer, text: str) -> None:
    assert (single.span_lengths[single.encode(text)] == 1).all()
    assert len(single.encode(text)) == len(text)


@pytest.mark.parametrize("name", ["kmers", "single"])
def test_auto_tokenizer_gives_the_same_ids(name: str, request: pytest.FixtureRequest) -> None:
    from transformers import AutoTokenizer

    ours: DnaTokenizer = request.getfixturevalue(name)
    theirs = AutoTokenizer.from_pretrained(ours.folder)
    rng = np.random.default_rng(4)
    for length in (0, 1, 2, 3, 4, 5, 100, 1001):
        text = "".join(rng.choice(list("ACGTacgtNRX" + ALPHABET[11:60]), size=length))
        ids = theirs(text)["input_ids"]
        assert ids == [ours.cls, *ours.encode(text).tolist(), ours.sep]
        assert ours.unk not in ids
        assert theirs.decode(ids, skip_special_tokens=True) == ours.decode(ours.encode(text))


def test_vocabularies_hold_what_they_shall(kmers: DnaTokenizer, single: DnaTokenizer) -> None:
    assert single.tokens[5:] == kmers.tokens[5:137] == sorted(ALPHABET)
    assert kmers.vocab_size == 220
    assert set(kmers.span_lengths[137:]) == {K}
    assert kmers.holds_variant[137:].any()
    assert not kmers.holds_variant[137:160].any(), "the frequent ones come first"


def test_observed_alphabet_holds_the_observed_letters_only(tmp_path: Path) -> None:
    observed = "ACGT" + ALPHABET[9] + ALPHABET[40]
    single = train(tmp_path / "single", "single-nucleotide", "observed", vocab_size=30)
    assert single.tokens[5:] == sorted(observed)
    kmers = train(tmp_path / "kmers", "kmer", "observed", vocab_size=30, k=2)
    assert kmers.tokens[5:11] == sorted(observed)
    plain = {a + b for a in "ACGT" for b in "ACGT"}
    assert set(kmers.tokens[11:27]) == plain, "rarer ones hold variants"
    assert kmers.vocab_size == 30


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"k": 1}, "--k 1 is outside 2 to 8"),
        ({"k": 9}, "--k 9 is outside 2 to 8"),
        ({"vocab_size": 137}, "is outside 138"),
        ({"min_frequency": 10_000}, "hold no 6-mer often enough"),
    ],
)
def test_impossible_kmers_are_refused(
    tmp_path: Path, changes: dict[str, int], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        train(tmp_path / "out", "kmer", **changes)
    assert list(tmp_path.iterdir()) == []
