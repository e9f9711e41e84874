from __future__ import annotations

import gzip
import importlib.util
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from pybmfm.tokenizer import DnaTokenizer, dna_tokenizer
from pybmfm.tokenizer.bpe_model import UnsupportedTokenizer, read_bpe_model
from pybmfm.tokenizer.dna_tokenizer import SPECIAL_TOKENS
from pybmfm.tokenizer.fast_encoding import CHUNK_LETTERS, FastEncoding
from pybmfm.tokenizer.tokenizer_folder import kmer_tokenizer
from pybmfm.variants import ALPHABET, codes_to_text, text_to_codes

PAIR = ALPHABET[40]  # stands in the fixtures' training lines


def bpe(
    merges: Sequence[tuple[str, str]],
    *,
    letters: str = ALPHABET,
    unused: Sequence[str] = (),
    **more: Any,
) -> Tokenizer:
    """A published-style tokenizer: special tokens 0 to 4, no normalizer, Whitespace."""
    tokens = dict.fromkeys([*SPECIAL_TOKENS, *letters, *(a + b for a, b in merges), *unused])
    vocab = {token: place for place, token in enumerate(tokens)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocab, merges=list(merges), **{"unk_token": "[UNK]", **more})
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def fast(tokenizer: Tokenizer) -> FastEncoding:
    return FastEncoding(read_bpe_model(json.loads(tokenizer.to_str())))


def assert_same(tokenizer: Tokenizer, encoding: FastEncoding, texts: Sequence[str]) -> None:
    offsets = np.cumsum([0, *map(len, texts)])
    ids, bounds = encoding.encode(text_to_codes("".join(texts)), offsets)
    assert ids.dtype == np.uint16
    assert bounds.dtype == np.int64
    for place, expected in enumerate(tokenizer.encode_batch(texts, add_special_tokens=False)):
        assert ids[bounds[place] : bounds[place + 1]].tolist() == expected.ids, texts[place][:100]


def repeated(alphabet: str, most: int) -> st.SearchStrategy[str]:
    """Microsatellites, with an end that does not fit."""
    unit = st.text(alphabet=alphabet, min_size=1, max_size=5)
    return st.builds(
        lambda unit, length, tail: (unit * length)[:length] + tail,
        unit,
        st.integers(1, most),
        st.text(alphabet=alphabet, max_size=5),
    )


@st.composite
def merge_lists(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Merges in an order that no training would give; several may make the same token."""
    tokens = list("AG" + draw(st.sampled_from(["", "T", "TC", PAIR])))
    merges = []
    for _ in range(draw(st.integers(1, 25))):
        pair = (draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens)))
        if len(pair[0] + pair[1]) <= 12:
            merges.append(pair)
            tokens.append(pair[0] + pair[1])
    return draw(st.permutations(merges))


@settings(max_examples=60, deadline=None)
@given(
    merges=merge_lists(),
    texts=st.lists(
        st.one_of(st.text("AGT" + PAIR, max_size=40), repeated("AGTC" + PAIR, 40)),
        min_size=1,
        max_size=8,
    ),
    letters=st.sampled_from([ALPHABET, "AGTC" + PAIR, "AGT" + PAIR]),
    fuse=st.booleans(),
)
def test_any_list_of_merges_gives_the_ids_of_the_library(
    merges: list[tuple[str, str]], texts: list[str], letters: str, fuse: bool
) -> None:
    tokenizer = bpe(merges, letters=letters + "C", unused=["GGGA", "ATA"], fuse_unk=fuse)
    assert_same(tokenizer, fast(tokenizer), [*texts, "NXA" + texts[0] + "NN", ""])


def test_longest_match_is_not_enough() -> None:
    tokenizer = bpe([("A", "T"), ("AT", "C"), ("G", "A"), ("G", "AT")])
    assert_same(tokenizer, fast(tokenizer), ["GATC", "GATTC", "AATCGATCATC", "ATATC"])
    ids = tokenizer.encode("GATC", add_special_tokens=False).tokens
    assert ids == ["G", "ATC"]  # although GAT is a token


def test_a_token_that_two_merges_make_and_a_merge_that_must_wait() -> None:
    # ATA comes from (AT, A), or from (A, TA) later than the merge that wants it.
    merges = [("T", "A"), ("ATA", "C"), ("A", "TA"), ("AT", "A"), ("A", "T")]
    tokenizer = bpe(merges)
    assert_same(tokenizer, fast(tokenizer), ["ATAC", "ATATAC", "AATACC", "TATAATAC" * 9])


@pytest.fixture(scope="module", params=["all", "observed"])
def trained(
    request: pytest.FixtureRequest, tokenizer_folders: dict[str, Path]
) -> tuple[Tokenizer, FastEncoding]:
    tokenizer = Tokenizer.from_file(str(tokenizer_folders[request.param] / "tokenizer.json"))
    return tokenizer, fast(tokenizer)


@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(
        st.one_of(
            st.text("ACGT", max_size=300),
            st.text("ACGTN", max_size=100),
            st.text("ACGT" * 4 + ALPHABET[4:], max_size=300),
            repeated("ACGTN" + PAIR, 300),
        ),
        max_size=6,
    )
)
def test_trained_vocabularies_give_the_ids_of_the_library(
    trained: tuple[Tokenizer, FastEncoding], texts: list[str]
) -> None:
    assert_same(*trained, texts)


def test_a_million_letters_of_everything(trained: tuple[Tokenizer, FastEncoding]) -> None:
    rng = np.random.default_rng(1)
    pieces = []
    while sum(map(len, pieces)) < 1_000_000:
        unit = rng.integers(0, 4, rng.integers(1, 7)).astype(np.uint8)
        variants = rng.integers(0, 132, 2_000).astype(np.uint8)
        dense = np.where(rng.random(2_000) < 0.1, variants, rng.integers(0, 4, 2_000))
        pieces += [
            rng.integers(0, 4, 10_000).astype(np.uint8),
            np.tile(unit, 400),
            dense.astype(np.uint8),
            np.full(rng.integers(1, 3_000), 4, dtype=np.uint8),
        ]
    assert_same(*trained, [codes_to_text(np.concatenate(pieces)[:1_000_000])])


def test_long_runs_with_tokens_of_many_lengths() -> None:
    doubled = [("N" * 2**k, "N" * 2**k) for k in range(9)]
    tokenizer = bpe([*doubled, ("NN", "N"), ("N" * 64, "NNN"), ("A", "N"), ("T", "A")])
    texts = ["N" * 5_000, "A" + "N" * 1_023 + "TA" + "N" * 70, "TAN" * 30, "N" * 511]
    assert_same(tokenizer, fast(tokenizer), texts)


@pytest.mark.real_data
def test_real_dna_soft_masked_gives_the_ids_of_the_library(
    repository: Path, tokenizer_folders: dict[str, Path], compiled_from_the_first_letter: None
) -> None:
    reference = repository / "../shared/data/mini/GRCh37/reference.fa.gz"
    if not reference.is_file():
        pytest.skip("the shared data is absent")
    with gzip.open(reference, "rt") as file:
        contig = file.read().split(">")[1]
    text = "".join(contig.split("\n")[1:])[5_000:605_000]
    text = text[:300_000] + text[300_000:].lower()
    tokenizer = DnaTokenizer.load(tokenizer_folders["all"])
    expected = Tokenizer.from_file(str(tokenizer_folders["all"] / "tokenizer.json"))
    assert tokenizer.encode(text).tolist() == expected.encode(text).ids[1:-1]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_and_chunks_change_nothing(
    trained: tuple[Tokenizer, FastEncoding], threads: int
) -> None:
    rng = np.random.default_rng(threads)
    codes = rng.integers(0, 4, 3 * CHUNK_LETTERS + 12_345).astype(np.uint8)
    cuts = np.sort(rng.integers(0, len(codes), 400))
    # Empty sequences, and one longer than a chunk.
    cuts = np.concatenate([cuts[cuts < CHUNK_LETTERS], cuts[cuts > 5 * CHUNK_LETTERS // 2]])
    offsets = np.concatenate([[0, 0], cuts, [len(codes), len(codes)]])
    encoding = trained[1]
    ids, bounds = encoding.encode(codes, offsets)
    again, bounds_again = encoding.encode(codes, offsets, threads)
    assert np.array_equal(ids, again)
    assert np.array_equal(bounds, bounds_again)
    for place in (0, 1, 7, len(cuts), len(cuts) + 2):
        part = codes[offsets[place] : offsets[place + 1]]
        alone, _ = encoding.encode(part, np.array([0, len(part)]))
        assert np.array_equal(alone, ids[bounds[place] : bounds[place + 1]])


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.one_of(st.text("ACGTN" + PAIR, max_size=60), repeated("ACGT", 60))),
    kmers=st.lists(st.text("ACGT" + PAIR, min_size=3, max_size=3)),
    letters=st.sampled_from([ALPHABET, "ACGT"]),
)
def test_kmers_are_pieces_or_letters(texts: list[str], kmers: list[str], letters: str) -> None:
    tokenizer = kmer_tokenizer(list(dict.fromkeys([*SPECIAL_TOKENS, *letters, *kmers])), 3)
    assert_same(tokenizer, fast(tokenizer), texts)


def test_single_nucleotides_are_merges_without_merges() -> None:
    tokenizer = bpe([])
    assert_same(tokenizer, fast(tokenizer), ["ACGTN" + ALPHABET, "", "A"])


def _with_added_token(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens([AddedToken("GATTACA", special=False)])


UNSUPPORTED = {
    "another normalizer": lambda t: setattr(t, "normalizer", normalizers.Lowercase()),
    "another pre-tokenizer": lambda t: setattr(
        t, "pre_tokenizer", pre_tokenizers.Split(Regex("GA"), "isolated")
    ),
    "a rare mix": lambda t: setattr(
        t, "pre_tokenizer", pre_tokenizers.Split(Regex(".{4}"), "isolated")
    ),
    "dropout": lambda t: setattr(t.model, "dropout", 0.5),
    "byte_fallback": lambda t: setattr(t.model, "byte_fallback", True),
    "end_of_word_suffix": lambda t: setattr(t.model, "end_of_word_suffix", "</w>"),
    "continuing_subword_prefix": lambda t: setattr(t.model, "continuing_subword_prefix", "##"),
    "a rare mix of": lambda t: setattr(t.model, "ignore_merges", True),
    "added tokens of symbols": _with_added_token,
    "no unknown token": lambda t: setattr(t.model, "unk_token", None),
}


@pytest.mark.parametrize("reason", UNSUPPORTED)
def test_what_might_change_ids_is_not_supported(reason: str) -> None:
    tokenizer = bpe([("G", "A")], letters="ACGT")
    read_bpe_model(json.loads(tokenizer.to_str()))
    UNSUPPORTED[reason](tokenizer)
    with pytest.raises(UnsupportedTokenizer, match=reason):
        read_bpe_model(json.loads(tokenizer.to_str()))


def test_unknown_parts_of_the_file_are_not_supported() -> None:
    parsed = json.loads(bpe([("G", "A")]).to_str())
    for place in (parsed, parsed["model"]):
        place["novelty"] = True
        with pytest.raises(UnsupportedTokenizer, match="unknown parts"):
            read_bpe_model(parsed)
        del place["novelty"]


def test_a_word_piece_model_is_encoded_by_the_library_and_said_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, compiled_from_the_first_letter: None
) -> None:
    vocab = {token: place for place, token in enumerate([*SPECIAL_TOKENS, *ALPHABET, "##A"])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=99))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = DnaTokenizer.load(tmp_path)
    with caplog.at_level(logging.INFO, "pybmfm"):
        batch = [ids.tolist() for ids in loaded.encode_batch(["GAAA", "", "A"])]
        loaded.encode("GA")
    assert batch == [[vocab["G"], *[vocab["##A"]] * 3], [], [vocab["A"]]]
    assert [r.message for r in caplog.records if "another model than BPE" in r.message] == [
        f"{tmp_path} has another model than BPE: it is encoded by the tokenizers library, "
        "more slowly"
    ]


@pytest.fixture
def compiled_from_the_first_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dna_tokenizer, "LETTERS_BEFORE_COMPILED", -1)


def test_text_and_codes_give_the_same_ids_before_and_after_compiled_code_takes_over(
    tokenizer_folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = DnaTokenizer.load(tokenizer_folders["all"])
    texts = ["ACGTTGACA" * 20, "", "acgt" + PAIR, "RYK-N"]
    codes = text_to_codes("".join(texts))
    offsets = np.cumsum([0, *map(len, texts)])
    before = tokenizer.encode_flat(codes, offsets)
    monkeypatch.setattr(dna_tokenizer, "LETTERS_BEFORE_COMPILED", 0)
    after = tokenizer.encode_flat(codes, offsets, threads=2)
    split = np.concatenate(tokenizer.encode_batch(texts))
    assert tokenizer.replaced_letters == 4
    for ids, bounds in (before, after):
        assert ids.dtype == np.uint16
        assert bounds.tolist() == after[1].tolist()
        assert ids.tolist() == split.tolist()
    assert tokenizer.encode_codes(codes[:180]).tolist() == after[0][: after[1][1]].tolist()


@pytest.mark.parametrize("offsets", [[], [-1, 4], [0, 5], [0, 3, 2]])
def test_offsets_outside_the_codes_are_refused(
    tokenizer_folders: dict[str, Path], offsets: list[int]
) -> None:
    tokenizer = DnaTokenizer.load(tokenizer_folders["all"])
    with pytest.raises(ValueError, match="offsets"):
        tokenizer.encode_flat(np.zeros(4, dtype=np.uint8), np.array(offsets, dtype=np.int64))


def test_codes_outside_the_alphabet_are_refused(
    trained: tuple[Tokenizer, FastEncoding],
) -> None:
    with pytest.raises(ValueError, match="not 132"):
        trained[1].encode(np.array([1, 132], dtype=np.uint8), np.array([0, 2]))


def test_vocabularies_too_large_for_the_tables_are_not_supported() -> None:
    model = read_bpe_model(json.loads(bpe([("G", "A")]).to_str()))
    with pytest.raises(UnsupportedTokenizer, match="more than"):
        FastEncoding(type(model)(model.tokens, model.merges, 0, False, 0, 2**15 + 1))


def test_the_benchmark_compares_equal_ids(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "")  # which the benchmark sets
    path = repository / "benchmarks" / "bpe_encoding.py"
    spec = importlib.util.spec_from_file_location("bpe_encoding", path)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    options = ["--megabases", "0.03", "--peer-megabases", "0.02"]
    shown = CliRunner().invoke(benchmark.main, options)
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("equal") == 8
    assert "DIFFERENT" not in shown.output
