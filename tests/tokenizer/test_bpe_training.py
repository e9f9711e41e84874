"""Merges learned from codes are those of the definition and of the tokenizers library."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.tokenizer.bpe_training import learn_merges
from pybmfm.tokenizer.lines import LINE_END, join_lines, letter_counts
from pybmfm.tokenizer.training import TokenizerSettings, learn_tokenizer
from pybmfm.variants import ALPHABET, FrequencyTable, WindowEncoder, codes_to_text, text_to_codes

from . import reference_training

LINE = 20_000
pieces = st.one_of(
    st.text(alphabet="AC", max_size=40),
    st.text(alphabet="ACGTN" + ALPHABET[9:14], max_size=60),
    st.builds(
        lambda unit, number: unit * number,
        st.text(alphabet="ACGT", min_size=1, max_size=4),
        st.integers(1, 30),
    ),
)
texts = st.lists(st.lists(pieces, max_size=4).map("".join), max_size=8)


def our_model(
    lines: list[Any], vocab_size: int, min_frequency: int, alphabet: str = "all"
) -> dict[str, Any]:
    chosen = TokenizerSettings(
        out=Path(),
        encoding="snp",
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        alphabet=alphabet,
    )
    return dict(json.loads(learn_tokenizer(chosen, join_lines(lines)).to_str())["model"])


@settings(max_examples=150, deadline=None)
@given(lines=texts, more=st.integers(0, 40), min_frequency=st.integers(1, 4))
def test_merges_are_those_of_the_definition(
    lines: list[str], more: int, min_frequency: int
) -> None:
    alphabet = "".join(sorted(set("".join(lines)) | {"T"}))
    size = len(alphabet) + more
    learned = learn_merges(join_lines(lines), alphabet, size=size, min_frequency=min_frequency)
    expected = reference_training.learn_merges(lines, alphabet, size, min_frequency)
    assert (learned.tokens, learned.merges) == expected


@settings(max_examples=60, deadline=None)
@given(
    lines=texts,
    vocab_size=st.sampled_from([138, 160, 400]),
    min_frequency=st.integers(1, 4),
    alphabet=st.sampled_from(["all", "observed"]),
)
def test_the_model_is_the_one_that_the_library_trains(
    lines: list[str], vocab_size: int, min_frequency: int, alphabet: str
) -> None:
    theirs = reference_training.library_model(lines, vocab_size, min_frequency, alphabet)
    assert our_model(lines, vocab_size, min_frequency, alphabet) == theirs


def repeat_rich_lines() -> list[str]:
    """Microsatellites, runs of N, mutated copies of one repeat, equal, short and empty lines."""
    rng = np.random.default_rng(1)
    unit = rng.integers(4, size=300)
    lines = ["", "A", "G", "N" * 700, "AT" * 900, "CAG" * 500, "A" * 1001]
    for _ in range(30):
        copies = np.tile(unit, 4)
        mutated = rng.random(len(copies)) < 0.1
        copies[mutated] = rng.choice([0, 1, 2, 3, 4, 7, 40, 41], size=int(mutated.sum()))
        lines.append(codes_to_text(copies.astype(np.uint8)))
    return lines + lines[-3:]


@pytest.mark.parametrize("alphabet", ["all", "observed"])
@pytest.mark.parametrize("vocab_size", [200, 1000, 4096])
def test_the_library_agrees_on_repeats(vocab_size: int, alphabet: str) -> None:
    lines = repeat_rich_lines()
    theirs = reference_training.library_model(lines, vocab_size, 2, alphabet)
    assert our_model(lines, vocab_size, 2, alphabet) == theirs


@pytest.fixture(scope="module")
def real_lines(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """20-kb lines of both encodings as codes, the first of them in a run of N."""
    from pybmfm.variants.build import FrequencySettings, variant_frequencies

    folder = real_data / "mini" / "GRCh37"
    fasta, table = folder / "reference.fa.gz", tmp_path_factory.mktemp("real") / "frequencies"
    vcf = folder / "variants.dbsnp_style.vcf.gz"
    variant_frequencies(FrequencySettings(fasta=fasta, vcf=vcf, out=table))
    starts = range(1_000_000 - LINE // 2, 1_000_000 + 7 * LINE, LINE)
    with Genome(fasta) as genome:
        contig = next(name for name in genome.lengths if genome.lengths[name] >= 2_000_000)
        sources = {"ref": None, "snp": FrequencyTable.open(table)}
        return {
            encoding: [WindowEncoder(genome, source).encode(contig, s, s + LINE) for s in starts]
            for encoding, source in sources.items()
        }


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("encoding", "vocab_size", "alphabet"),
    [
        ("ref", 200, "all"),
        ("ref", 4096, "observed"),
        ("snp", 1000, "observed"),
        ("snp", 4096, "all"),
    ],
)
def test_the_library_agrees_on_real_dna(
    real_lines: dict[str, Any], encoding: str, vocab_size: int, alphabet: str
) -> None:
    lines = real_lines[encoding]
    texts = [codes_to_text(line) for line in lines]
    assert (encoding == "snp") == any(not text.isascii() for text in texts)
    theirs = reference_training.library_model(texts, vocab_size, 5, alphabet)
    assert our_model(lines, vocab_size, 5, alphabet) == theirs


def test_ids_up_to_the_largest_vocabulary_fit() -> None:
    text = np.random.default_rng(0).integers(4, size=400_000).astype(np.uint8)
    learned = learn_merges(join_lines([text]), ALPHABET, size=65_531, min_frequency=1)
    assert len(learned.tokens) == len(set(learned.tokens)) == 65_531


def test_the_order_of_lines_and_their_form_do_not_matter() -> None:
    lines = repeat_rich_lines()
    codes = [text_to_codes(line) for line in reversed(lines)]
    assert our_model(lines, 300, 2) == our_model(codes, 300, 2)
    lower = [line.lower().replace("n", "r") for line in lines]
    assert our_model(lines, 300, 2) == our_model(lower, 300, 2)


def test_lines_are_joined_with_ends_around_them_and_counted() -> None:
    text = join_lines(["ag", "", text_to_codes("N")])
    assert text.tolist() == [LINE_END, 0, 1, LINE_END, 4, LINE_END]
    assert letter_counts(text).tolist() == [1, 1, 0, 0, 1] + [0] * 127
    assert join_lines([]).tolist() == [LINE_END]


def test_more_letters_than_positions_can_count_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybmfm.tokenizer.lines.LONGEST_TEXT", 10)
    assert len(join_lines(["ACGT", "ACG"])) == 10
    with pytest.raises(UserError, match="more than 10 nt"):
        join_lines(["ACGT", "ACGT"])


def test_the_benchmark_compares_equal_models(repository: Path) -> None:
    path = repository / "benchmarks" / "bpe_training.py"
    spec = importlib.util.spec_from_file_location("bpe_training", path)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    options = ["--megabases", "0.05", "--vocab-size", "200", "--variants", "0.01"]
    shown = CliRunner().invoke(benchmark.main, options)
    assert shown.exit_code == 0, shown.output
    assert "models equal: True" in shown.output
