"""Models of others, fine-tuned, saved and read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import EsmConfig, EsmForMaskedLM

from pybmfm.core import UserError
from pybmfm.evaluation import load_result
from pybmfm.model import load_finetuned
from pybmfm.model.dnabert2 import Dnabert2Config, Dnabert2ForMaskedLM
from pybmfm.tasks import read_task_table
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.training import LoraSettings
from pybmfm.training.finetuning.prediction import predict_rows, scores_of
from pybmfm.training.precision import autocast
from pybmfm.training.token_windows import token_windows

from .finetune_tasks import metrics_of, run, with_motif, write_splits

SIZES = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return write_splits(tmp_path / "t", with_motif, rows=(32, 16, 16))


def folder_of(model: torch.nn.Module, checkpoint: Path, folder: Path) -> Path:
    model.save_pretrained(folder)
    DnaTokenizer.load(checkpoint).save_into(folder)
    return folder


def scores_again(result: Path, table: Path) -> np.ndarray:
    model = load_finetuned(result)
    sequences = read_task_table(table, "binary").sequences
    facts = model.facts
    tokens = token_windows(model.encoder.tokenizer, sequences, facts.max_length, facts.long)
    outputs = predict_rows(
        model.network, tokens, 1000, lambda: autocast("fp32", torch.device("cpu"))
    )
    return scores_of(facts.kind, outputs, facts.mean, facts.deviation)


def test_dnabert2_is_fine_tuned_with_adapters_and_read_again(
    checkpoint: Path, task: Path, tmp_path: Path
) -> None:
    config = Dnabert2Config(
        vocab_size=170, num_attention_heads=12, alibi_starting_size=512, **SIZES
    )
    folder = folder_of(Dnabert2ForMaskedLM(config), checkpoint, tmp_path / "DNABERT-2")
    result = run(folder, task, max_steps=2, lora=LoraSettings(), save_model=True)
    metrics = metrics_of(result)
    assert metrics["model"] == "DNABERT-2"
    named = json.loads((result / "adapter" / "adapter_config.json").read_text())
    assert sorted(named["target_modules"]) == ["Wqkv", "dense", "gated_layers", "wo"]
    np.testing.assert_allclose(
        scores_again(result, task / "test.csv"), load_result(result).scores, atol=1e-5
    )
    # ALiBi has no longest position: a longer limit than the configuration's may be given.
    assert metrics_of(run(folder, task, "long", max_steps=1, max_length=500))["truncated"] == {
        "train": 0, "dev": 0, "test": 0,
    }  # fmt: skip


def test_an_esm_is_fine_tuned_and_read_again(checkpoint: Path, task: Path, tmp_path: Path) -> None:
    config = EsmConfig(
        vocab_size=170,
        pad_token_id=2,
        mask_token_id=4,
        num_attention_heads=4,
        position_embedding_type="rotary",
        token_dropout=False,
        **SIZES,
    )
    folder = folder_of(EsmForMaskedLM(config), checkpoint, tmp_path / "esm")
    result = run(folder, task, max_steps=2, save_model=True)
    np.testing.assert_allclose(
        scores_again(result, task / "test.csv"), load_result(result).scores, atol=1e-5
    )
    again = run(folder, task, "again", max_steps=2)
    np.testing.assert_array_equal(load_result(again).scores, load_result(result).scores)
    scratch = metrics_of(run(folder, task, "fresh", max_steps=1, from_scratch=True))
    assert scratch["model"] == "scratch-esm"


def test_a_tokenizer_for_other_text_is_refused(
    checkpoint: Path, task: Path, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer, models

    config = EsmConfig(
        vocab_size=170, pad_token_id=2, mask_token_id=4, num_attention_heads=4, **SIZES
    )
    folder = folder_of(EsmForMaskedLM(config), checkpoint, tmp_path / "words")
    words = models.WordLevel({"[UNK]": 0, "hello": 1}, unk_token="[UNK]")
    Tokenizer(words).save(str(folder / "tokenizer.json"))
    with pytest.raises(UserError, match="knows few of the training table's tokens"):
        run(folder, task)
