"""Tokenizer folders: the same as the tokenizers library makes, and what their manifest says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer
from pybmfm.variants import ALPHABET, text_to_codes

from . import reference_training

LINES = ["ACGTTGCAAC" * 40, "ACGA" + ALPHABET[50] + "TTGCA" * 30, "acgtn" * 20]


def train(out: Path, lines: list[Any], **changes: Any) -> dict[str, Any]:
    """Train a small tokenizer and return its manifest."""
    chosen: dict[str, Any] = {"encoding": "snp", "vocab_size": 150, "min_frequency": 3}
    chosen |= changes
    counts = {"windows": len(lines)}
    settings = TokenizerSettings(out=out, **chosen)
    train_tokenizer(settings, lines, origin={"seed": 4}, inputs=[], counts=counts)
    return dict(json.loads((out / "manifest.json").read_text()))


def test_the_model_in_the_folder_is_the_one_that_the_library_trains(tmp_path: Path) -> None:
    train(tmp_path / "out", LINES)
    saved = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    upper = [line.upper() for line in LINES]
    assert saved["model"] == reference_training.library_model(upper, 150, 3)
    specials = [
        (token["id"], token["content"], token["special"]) for token in saved["added_tokens"]
    ]
    names = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
    assert specials == [(place, name, True) for place, name in enumerate(names)]


def test_codes_and_text_give_the_same_folder(tmp_path: Path) -> None:
    train(tmp_path / "text", LINES)
    train(tmp_path / "codes", [text_to_codes(line) for line in LINES])
    for file in (tmp_path / "text").iterdir():
        assert file.read_bytes() == (tmp_path / "codes" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("algorithm", "merged", "more"),
    [("bpe", 13, set()), ("kmer", 11, {"k"}), ("single-nucleotide", 0, set())],
)
def test_manifest_says_how_it_was_made(
    tmp_path: Path, algorithm: str, merged: int, more: set[str]
) -> None:
    manifest = train(tmp_path / "out", LINES, algorithm=algorithm, k=2, encoding="mixed")
    common = {"seed", "algorithm", "vocab_size", "min_frequency", "alphabet"}
    assert set(manifest["settings"]) == common | more
    assert manifest["settings"]["algorithm"] == algorithm
    assert manifest["counts"] == {"windows": 3}
    assert manifest["encoding"] == DnaTokenizer.load(tmp_path / "out").encoding == "mixed"
    assert manifest["tokens"]["merged_tokens"] == merged
    assert manifest["vocab_size"] == 137 + merged


@pytest.mark.parametrize(
    ("algorithm", "what"), [("bpe", "no further pair"), ("kmer", "no further 2-mer")]
)
def test_a_vocabulary_that_stays_small_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, algorithm: str, what: str
) -> None:
    caplog.set_level("INFO", logger="pybmfm")
    manifest = train(tmp_path / "out", LINES, algorithm=algorithm, k=2, vocab_size=4096)
    assert manifest["vocab_size"] < 4096
    assert f"has {manifest['vocab_size']} of 4096 tokens: {what} occurs 3 times" in caplog.text


def test_single_nucleotides_need_no_text_for_the_whole_alphabet(tmp_path: Path) -> None:
    manifest = train(tmp_path / "out", [], algorithm="single-nucleotide", vocab_size=137)
    assert manifest["vocab_size"] == 137
