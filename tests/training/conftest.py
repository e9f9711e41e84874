"""A tokenizer and a corpus small enough to pretrain on in a test; corpora are written here, byte
by byte, so that a fault in the room that builds them shows there and not here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file

from pybmfm.core import digest_file, write_manifest
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer
from pybmfm.training import PretrainSettings, pretrain

STEPS = 10


def make_tokenizer(folder: Path, vocab_size: int = 180) -> DnaTokenizer:
    from pybmfm.variants import ALPHABET

    rng = np.random.default_rng(0)
    lines = ["".join(rng.choice(list("ACGT"), 400)) + ALPHABET[-1] for _ in range(20)]
    settings = TokenizerSettings(out=folder, encoding="snp", vocab_size=vocab_size)
    train_tokenizer(settings, lines, origin={}, inputs=(), counts={})
    return DnaTokenizer.load(folder)


def make_corpus(
    folder: Path,
    tokenizer: DnaTokenizer,
    windows: dict[str, int],
    seed: int = 0,
    encoding: str = "snp",
    lengths: tuple[int, int] = (8, 120),
) -> Path:
    """Windows of a repetitive sequence, so that a model can learn something in a few steps."""
    rng = np.random.default_rng(seed)
    motif = rng.choice(ordinary_tokens(tokenizer), 17)
    rows = {
        split: [_window(rng, motif, tokenizer, lengths) for _ in range(count)]
        for split, count in windows.items()
    }
    return write_corpus(folder, tokenizer, rows, encoding)


def ordinary_tokens(tokenizer: DnaTokenizer) -> np.ndarray:
    return np.flatnonzero(tokenizer.span_lengths > 0)


def write_corpus(
    folder: Path, tokenizer: DnaTokenizer, rows: dict[str, list], encoding: str = "snp"
) -> Path:
    """A corpus of windows of tokens by split, each with [CLS] and [SEP]."""
    shards = []
    for split, tokens in rows.items():
        (folder / split).mkdir(parents=True)
        table = pa.table({"tokens": pa.array(tokens, pa.list_(pa.uint16()))})
        name = f"{split}/shard-00000.arrow"
        with pa.ipc.new_file(str(folder / name), table.schema) as writer:
            writer.write_table(table)
        file = folder / name
        size, digest = file.stat().st_size, digest_file(file)
        shards.append({"file": name, "windows": len(tokens), "bytes": size, "sha256": digest})
    write_manifest(
        folder,
        artefact="corpus",
        settings={},
        encoding=encoding,
        tokenizer={"sha256": digest_file(tokenizer.folder / "tokenizer.json")},
        counts={split: {"windows": len(tokens)} for split, tokens in rows.items()},
        shards=shards,
    )
    return folder


def _window(
    rng: np.random.Generator, motif: np.ndarray, tokenizer: DnaTokenizer, lengths: tuple[int, int]
) -> np.ndarray:
    start, length = rng.integers(0, 17), rng.integers(*lengths)
    content = motif[(start + np.arange(length)) % 17]
    return np.r_[tokenizer.cls, content, tokenizer.sep].astype(np.uint16)


@pytest.fixture(scope="session")
def small_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> DnaTokenizer:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer") / "snp")


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory, small_tokenizer: DnaTokenizer) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "snp"
    return make_corpus(folder, small_tokenizer, {"train": 60, "dev": 10, "test": 10})


@pytest.fixture(scope="session")
def base(small_tokenizer, small_corpus) -> PretrainSettings:
    return PretrainSettings(
        corpora=(small_corpus,),
        tokenizer=small_tokenizer.folder,
        out=Path("unset"),
        recipe="published",
        steps=STEPS,
        tokens_per_batch=512,
        max_length=64,
        checkpoint_every=3,
        validate_every=5,
        device="cpu",
    )


@pytest.fixture(scope="session")
def reference(base, tmp_path_factory) -> Path:
    """The uninterrupted run."""
    out = tmp_path_factory.mktemp("reference") / "out"
    pretrain(replace(base, out=out))
    return out


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of random weights, over single bases and a few merges."""
    from pybmfm.model import build_config, build_model, save_checkpoint

    folder = tmp_path_factory.mktemp("finetune")
    text = "".join(np.random.default_rng(0).choice(list("ACGT"), 3000))
    settings = TokenizerSettings(
        out=folder / "tokenizer", encoding="ref", vocab_size=170, min_frequency=2
    )
    train_tokenizer(settings, [text], origin={}, inputs=[], counts={})
    tokenizer = DnaTokenizer.load(settings.out)
    config = build_config(
        "modernbert", "tiny", vocab_size=tokenizer.vocab_size, pad_id=tokenizer.pad,
        cls_id=tokenizer.cls, sep_id=tokenizer.sep, max_length=64,
    )  # fmt: skip
    save_checkpoint(folder / "checkpoint", build_model(config, seed=1), tokenizer, {})
    return folder / "checkpoint"


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def records(out: Path, key: str = "loss") -> list[dict]:
    lines = map(json.loads, (out / "progress.jsonl").read_text().splitlines())
    return [line for line in lines if key in line]
