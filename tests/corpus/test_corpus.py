from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pybmfm.core import UserError, digest_file
from pybmfm.corpus import (
    SPLITS,
    CorpusSettings,
    TokenCorpus,
    build_corpus,
    count_tokens,
    draw_training_windows,
    read_windows,
)
from pybmfm.genome import Genome
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.variants import FrequencyTable, WindowEncoder, codes_to_text

from .conftest import run_verb


def folder_bytes(folder: Path) -> dict[str, bytes]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.mark.parametrize("encoding", ["ref", "snp"])
def test_every_window_is_in_one_row_and_decodes_to_its_encoded_text(
    encoding: str,
    corpora: dict[str, Path],
    tokenizers: dict[str, Path],
    windows: Path,
    fasta: Path,
    frequencies: Path,
) -> None:
    tokenizer = DnaTokenizer.load(tokenizers[encoding])
    table, _ = read_windows(windows)
    with Genome(fasta) as genome:
        frequency_table = FrequencyTable.open(frequencies) if encoding == "snp" else None
        encoder = WindowEncoder(genome, frequency_table, seed=5)
        for split in SPLITS:
            corpus = TokenCorpus(corpora[encoding], split)
            rows = table[table["split"] == split].to_dict("records")
            assert len(corpus) == len(rows)
            for index, row in enumerate(rows):
                assert corpus.window(index) == {**row, "encoding": encoding}
                ids = corpus.tokens(index)
                codes = encoder.encode(
                    row["contig"],
                    row["start"],
                    row["end"],
                    strand=row["strand"],
                    pass_number=row["pass"],
                )
                assert (ids[0], ids[-1]) == (tokenizer.cls, tokenizer.sep)
                assert tokenizer.decode(ids) == codes_to_text(codes)


def test_manifest_says_what_is_inside(
    corpora: dict[str, Path], tokenizers: dict[str, Path], windows: Path
) -> None:
    manifest = json.loads((corpora["snp"] / "manifest.json").read_text())
    tokenizer = DnaTokenizer.load(tokenizers["snp"])
    table, windows_manifest = read_windows(windows)
    assert manifest["artefact"] == "corpus"
    assert manifest["encoding"] == manifest["tokenizer"]["encoding"] == "snp"
    assert manifest["replaced_letters"] == 0
    assert manifest["leakage"] == windows_manifest["leakage"]
    assert manifest["tokenizer"]["sha256"] == digest_file(tokenizers["snp"] / "tokenizer.json")
    for split in SPLITS:
        corpus = TokenCorpus(corpora["snp"], split)
        rows = table[table["split"] == split]
        flat = np.concatenate([corpus.tokens(i)[1:-1] for i in range(len(corpus))])
        assert manifest["counts"][split] == {
            "windows": len(rows),
            "tokens": len(flat),
            "nucleotides": int((rows["end"] - rows["start"]).sum()),
            "variant_tokens": int(tokenizer.holds_variant[flat].sum()),
            "unknown": 0,
        }
        assert manifest["counts"][split]["variant_tokens"] > 0
    for shard in manifest["shards"]:
        assert digest_file(corpora["snp"] / shard["file"]) == shard["sha256"]


def test_shards_are_plain_arrow_files_of_at_most_the_asked_rows(corpora: dict[str, Path]) -> None:
    files = sorted((corpora["ref"] / "train").iterdir())
    assert len(files) > 1
    for file in files:
        table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        assert table.schema.field("tokens").type == pa.list_(pa.uint16())
        assert table.schema.names[-2:] == ["split", "encoding"]
        assert set(table["split"].to_pylist()) == {"train"}
        assert 0 < table.num_rows <= 40


def test_token_views_do_not_copy_and_cannot_be_written(corpora: dict[str, Path]) -> None:
    corpus = TokenCorpus(corpora["ref"], "train")
    view = corpus.tokens(-1)
    assert view.dtype == np.uint16
    assert not view.flags.owndata
    assert not view.flags.writeable
    assert corpus.lengths.tolist() == [len(corpus.tokens(i)) for i in range(len(corpus))]
    with pytest.raises(IndexError):
        corpus.tokens(len(corpus))


def test_tokenizer_training_is_the_same_for_any_threads(
    tmp_path: Path, fasta: Path, windows: Path, frequencies: Path, tokenizers: dict[str, Path]
) -> None:
    common = ["--fasta", fasta, "--windows", windows, "--vocab-size", 300, "--min-frequency", 3]
    common += ["--max-bases", 60_000, "--frequencies", frequencies]
    run_verb("train_tokenizer", *common, "--out", tmp_path / "two", "--threads", 2)
    assert folder_bytes(tmp_path / "two") == folder_bytes(tokenizers["snp"])


def test_a_split_without_windows_has_an_empty_shard(
    tmp_path: Path, fasta: Path, windows: Path, tokenizers: dict[str, Path]
) -> None:
    table, _ = read_windows(windows)
    only_train = tmp_path / "windows"
    only_train.mkdir()
    (only_train / "manifest.json").write_text((windows / "manifest.json").read_text())
    table[table["split"] == "train"].head(4).to_parquet(only_train / "windows.parquet")
    out = tmp_path / "corpus"
    build_corpus(
        CorpusSettings(fasta=fasta, windows=only_train, tokenizer=tokenizers["ref"], out=out)
    )
    assert len(TokenCorpus(out, "train")) == 4
    assert len(TokenCorpus(out, "dev")) == 0
    assert TokenCorpus(out, "dev").lengths.tolist() == []


def _manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text()))


@pytest.mark.parametrize("alphabet", ["all", "observed"])
def test_a_tokenizer_of_the_other_encoding_is_noted_and_counts_what_it_lacks(
    tmp_path: Path,
    fasta: Path,
    windows: Path,
    frequencies: Path,
    caplog: pytest.LogCaptureFixture,
    alphabet: str,
) -> None:
    caplog.set_level("INFO", logger="pybmfm")
    common = ["--fasta", fasta, "--windows", windows]
    training = ["--vocab-size", 200, "--min-frequency", 3, "--max-bases", 20_000]
    tokenizer, corpus = tmp_path / "tokenizer", tmp_path / "corpus"
    run_verb("train_tokenizer", *common, *training, "--alphabet", alphabet, "--out", tokenizer)
    both = [*common, "--tokenizer", tokenizer, "--frequencies", frequencies, "--out", corpus]
    run_verb("build_corpus", *both)
    assert caplog.text.count("was trained on ref text, this corpus is snp") == 1
    manifest = _manifest(corpus)
    assert (manifest["encoding"], manifest["tokenizer"]["encoding"]) == ("snp", "ref")
    for counts in manifest["counts"].values():
        assert (counts["unknown"] > 0) == (alphabet == "observed")


def test_letters_outside_acgtn_are_counted_and_said(
    tmp_path: Path, fasta: Path, windows: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pybmfm")
    odd = tmp_path / "odd.fa"
    text = fasta.read_text()
    odd.write_text(text[:100] + "RYK" + text[103:])
    common = ["--fasta", odd, "--windows", windows]
    tokenizer, corpus = tmp_path / "tokenizer", tmp_path / "corpus"
    run_verb("train_tokenizer", *common, "--vocab-size", 200, "--out", tokenizer)
    assert _manifest(tokenizer)["counts"]["replaced_letters"] == 3
    run_verb("build_corpus", *common, "--tokenizer", tokenizer, "--out", corpus)
    assert _manifest(corpus)["replaced_letters"] == 3
    assert caplog.text.count("3 letters outside ACGTN were read as N") == 2


def test_windows_of_another_genome_are_refused(
    tmp_path: Path, windows: Path, tokenizers: dict[str, Path]
) -> None:
    other = tmp_path / "other.fa"
    other.write_text(">chr1\n" + "ACGT" * 500 + "\n")
    with pytest.raises(UserError, match="contig chr1"):
        build_corpus(
            CorpusSettings(
                fasta=other, windows=windows, tokenizer=tokenizers["ref"], out=tmp_path / "c"
            )
        )


def test_training_windows_are_train_rows_up_to_max_bases(windows: Path) -> None:
    table, _ = read_windows(windows)
    chosen, counts = draw_training_windows(table, max_bases=20_000, seed=1)
    lengths = chosen["end"] - chosen["start"]
    assert set(chosen["split"]) == {"train"}
    assert 18_000 < lengths.sum() <= 20_000
    assert counts["bases_used"] == lengths.sum()
    assert counts["windows"] == (table["split"] == "train").sum()
    everything, _ = draw_training_windows(table, max_bases=10**9, seed=1)
    assert len(everything) == counts["windows"]
    other, _ = draw_training_windows(table, max_bases=20_000, seed=2)
    assert not other.equals(chosen)


def test_counts_of_tokens_are_those_of_the_manifest(
    corpora: dict[str, Path], tokenizers: dict[str, Path]
) -> None:
    tokenizer = DnaTokenizer.load(tokenizers["snp"])
    use = count_tokens(corpora["snp"], tokenizer)
    counts = json.loads((corpora["snp"] / "manifest.json").read_text())["counts"]
    total = sum(c["tokens"] for c in counts.values())
    assert use.tokens_per_window.sum() == total
    assert use.occurrence[tokenizer.span_lengths > 0].sum() == total
    assert (use.occurrence * tokenizer.span_lengths).sum() == sum(
        c["nucleotides"] for c in counts.values()
    )
    with pytest.raises(UserError, match="not built with the tokenizer"):
        count_tokens(corpora["snp"], DnaTokenizer.load(tokenizers["ref"]))


def test_compare_tokenizers_writes_the_same_tables_and_figures_twice(
    tmp_path: Path, corpora: dict[str, Path], tokenizers: dict[str, Path]
) -> None:
    arguments = [f"--tokenizer={name}={tokenizers[name]}" for name in ("ref", "snp")]
    arguments += [f"--corpus={name}={corpora[name]}" for name in ("ref", "snp")]
    for name in ("a", "b"):
        run_verb("compare_tokenizers", *arguments, "--out", tmp_path / name)
    first = folder_bytes(tmp_path / "a")
    assert first == folder_bytes(tmp_path / "b")
    assert {"summary.tsv", "comparison.png", "comparison.svg", "manifest.json"} <= set(first)
    with pytest.raises(UserError, match="but corpora"):
        run_verb("compare_tokenizers", *arguments[:3], "--out", tmp_path / "c")
    with pytest.raises(UserError, match="not NAME=DIR"):
        run_verb("compare_tokenizers", "--tokenizer=x", "--corpus=x=y", "--out", tmp_path / "c")
