from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from pybmfm.core import UserError
from pybmfm.evaluation import load_result
from pybmfm.model import load_checkpoint
from pybmfm.tasks import read_task_table
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.training import FinetuneSettings, LoraSettings
from pybmfm.training.finetuning.losses import Loss, balanced_weights
from pybmfm.training.finetuning.plan import Plan
from pybmfm.training.token_windows import token_windows

from .finetune_tasks import MOTIF, metrics_of, run, with_motif, write_splits


@pytest.fixture(scope="module")
def motif(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_splits(tmp_path_factory.mktemp("options") / "motif", with_motif)


def journal(result: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (result / "progress.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("pooling", ["cls", "max", "parts"])
def test_other_poolings_learn_the_motif(checkpoint: Path, motif: Path, pooling: str) -> None:
    result = run(checkpoint, motif, pooling, pooling=pooling, epochs=5)
    metrics = metrics_of(result)
    assert metrics["pooling"] == pooling
    assert metrics["test"]["auroc"] > 0.8


def test_dropout_changes_training_and_not_prediction(checkpoint: Path, motif: Path) -> None:
    plain, dropped = (run(checkpoint, motif, f"d{d}", dropout=d, max_steps=2) for d in (0.0, 0.5))
    assert journal(plain)[0]["loss"] != journal(dropped)[0]["loss"]
    again = run(checkpoint, motif, "again", dropout=0.5, max_steps=2)
    assert journal(dropped) == journal(again)


def test_a_frozen_encoder_stays_and_only_the_head_learns(checkpoint: Path, motif: Path) -> None:
    result = run(checkpoint, motif, "frozen", frozen=True, learning_rate=3e-2, save_model=True)
    metrics = metrics_of(result)
    assert metrics["model"] == "frozen-ref"
    assert metrics["trainable_parameters"] == 2 * 9 * 128 + 2
    assert metrics["parameters"] > 100 * metrics["trainable_parameters"]
    before, after = (load_file(f / "model.safetensors") for f in (checkpoint, result / "model"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert journal(result)[-1]["loss"] < journal(result)[0]["loss"]
    scratch = metrics_of(run(checkpoint, motif, "random", frozen=True, from_scratch=True))
    assert scratch["model"] == "frozen-scratch-ref"
    assert scratch["test"] != metrics["test"]


def test_adapters_are_trained_saved_and_merged(checkpoint: Path, motif: Path) -> None:
    from pybmfm.model import FlatBatch, load_finetuned

    lora = LoraSettings(rank=4, alpha=8, targets=("Wqkv",))
    result = run(checkpoint, motif, "lora", lora=lora, save_model=True, learning_rate=1e-2)
    metrics = metrics_of(result)
    # Two layers: 128 -> 4 -> 384, and the head of nine vectors.
    assert metrics["trainable_parameters"] == 2 * 4 * (128 + 384) + 2 * 9 * 128 + 2
    assert metrics["lora"] == {"rank": 4, "alpha": 8}
    assert metrics["test"]["auroc"] > 0.8
    adapter = load_file(result / "adapter" / "adapter_model.safetensors")
    assert len(adapter) == 4
    # The merged model says what the adapted one said.
    before, after = (load_file(f / "model.safetensors") for f in (checkpoint, result / "model"))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.rsplit(".", 2)[1] for name in changed} == {"Wqkv"}
    model = load_finetuned(result)
    test = read_task_table(motif / "test.csv", "binary")
    tokens = token_windows(model.encoder.tokenizer, test.sequences, 64, "truncate")
    batch = FlatBatch.from_sequences([row[0] for row in tokens.windows])
    with torch.inference_mode():
        scores = model.network(batch, torch.arange(len(test) + 1)).softmax(1).numpy()
    np.testing.assert_allclose(scores, load_result(result).scores, atol=1e-5)


def test_all_linear_layers_are_adapted_unless_named(checkpoint: Path, motif: Path) -> None:
    result = run(checkpoint, motif, "all", lora=LoraSettings(), max_steps=1)
    named = json.loads((result / "adapter" / "adapter_config.json").read_text())
    assert sorted(named["target_modules"]) == ["Wi", "Wo", "Wqkv"]
    assert named["base_model_name_or_path"] == "ref"
    with pytest.raises(UserError, match=r"no linear layers named 'query'; .* Wi, Wo, Wqkv"):
        run(checkpoint, motif, "bad", lora=LoraSettings(targets=("query",)))


def test_balanced_weights_give_every_class_the_same_say(tmp_path: Path) -> None:
    table = pd.DataFrame({"sequence": ["A"] * 8, "label": [0, 0, 0, 0, 0, 0, 1, 1]})
    table.to_csv(tmp_path / "t.csv", index=False)
    read = read_task_table(tmp_path / "t.csv", "binary")
    weights = balanced_weights(read)
    assert weights.tolist() == pytest.approx([8 / 12, 2.0])
    logits, targets = torch.zeros(8, 2), torch.from_numpy(read.targets)
    one, other = (
        Loss("binary", weights).total(logits[targets == c], targets[targets == c]) for c in (0, 1)
    )
    assert one == pytest.approx(other)


def test_labels_that_are_not_known_have_no_loss_and_no_weight(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence,a,b\nA,1,\nA,0,1\nA,0,1\nA,,0\n")
    table = read_task_table(path, "multilabel")
    assert balanced_weights(table).tolist() == [2, 0.5]
    outputs = torch.randn(4, 2, requires_grad=True)
    targets = torch.from_numpy(table.targets)
    total = Loss("multilabel").total(outputs, targets)
    total.backward()
    gradient = outputs.grad
    assert gradient is not None
    assert ((gradient == 0) == (targets == -1)).all()
    known = targets != -1
    alone = (
        functional.binary_cross_entropy_with_logits(outputs[:1, :1], targets[:1, :1].float())
        + functional.binary_cross_entropy_with_logits(outputs[1:3], targets[1:3].float()) * 2
    )
    last = functional.binary_cross_entropy_with_logits(outputs[3:, 1:], targets[3:, 1:].float())
    assert known.sum() == 6
    assert total.item() == pytest.approx((alone + last).item())


def test_balanced_weights_find_the_rare_class(checkpoint: Path, tmp_path: Path) -> None:
    def rare(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        labels = (np.arange(len(texts)) % 8 == 0).astype(int)
        texts = [
            MOTIF + text[len(MOTIF) :] if label else text
            for text, label in zip(texts, labels, strict=True)
        ]
        return pd.DataFrame({"sequence": texts, "label": labels})

    folder = write_splits(tmp_path / "t", rare)
    recalls = []
    for weights in ("none", "balanced"):
        result = run(checkpoint, folder, weights, class_weights=weights, max_steps=6)
        found = load_result(result)
        recalls.append(found.scores[found.truth == 1, 1].mean())
    assert recalls[1] > recalls[0] + 0.1
    with pytest.raises(UserError, match="need classes"):
        run(checkpoint, folder, kind="regression", class_weights="balanced")


def test_patience_stops_when_dev_has_been_worse(checkpoint: Path, tmp_path: Path) -> None:
    from .finetune_tasks import at_random

    folder = write_splits(tmp_path / "t", at_random, rows=(32, 32, 32))
    settings: dict[str, Any] = {"epochs": 30, "batch_size": 8, "learning_rate": 5e-3}
    result = run(checkpoint, folder, **settings, patience=2, validate_every=4)
    metrics, lines = metrics_of(result), journal(result)
    assert metrics["steps"] == len(lines) == metrics["best_step"] + 8 < 120
    assert metrics["best_dev_loss"] == min(line["dev_loss"] for line in lines if "dev_loss" in line)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [("linear", [0.5, 1.0, 1.0, 0.75, 0.5]), ("constant", [0.5, 1.0, 1.0, 1.0, 1.0])],
)
def test_the_rate_falls_to_0_or_stays(
    checkpoint: Path, motif: Path, schedule: str, rates: list[float]
) -> None:
    (default,) = (field.default for field in fields(FinetuneSettings) if field.name == "schedule")
    assert default == "linear"
    plan = Plan(32, 8, steps=6, validate_every=2, warmup=2, schedule=schedule, seed=0)
    assert [plan.rate(step, 2e-3) for step in range(5)] == pytest.approx([2e-3 * x for x in rates])
    result = run(checkpoint, motif, schedule, schedule=schedule, max_steps=20, learning_rate=2e-3)
    assert [one["learning_rate"] for one in journal(result)][-1] == pytest.approx(
        {"linear": 2e-3 / 18, "constant": 2e-3}[schedule]
    )


def test_dev_chooses_the_learning_rate(checkpoint: Path, motif: Path) -> None:
    rates = (1e-6, 2e-3)
    result = run(checkpoint, motif, "rates", learning_rates=rates, epochs=1)
    metrics = metrics_of(result)
    assert metrics["learning_rate"] == 2e-3
    tried = metrics["learning_rates"]
    assert [one["learning_rate"] for one in tried] == list(rates)
    assert tried[0]["best_dev_loss"] > tried[1]["best_dev_loss"] == metrics["best_dev_loss"]
    # The one chosen is the run that this rate alone gives.
    alone = run(checkpoint, motif, "alone", learning_rate=2e-3, epochs=1)
    np.testing.assert_array_equal(load_result(result).scores, load_result(alone).scores)
    assert metrics["best_step"] == metrics_of(alone)["best_step"]


def test_windows_overlap_and_reach_the_end(checkpoint: Path) -> None:
    tokenizer = DnaTokenizer.load(checkpoint)
    texts = ["ACGT" * 100, "ACGT"]
    whole = tokenizer.encode_batch(texts)
    cut = token_windows(tokenizer, texts, 34, "truncate")
    assert (cut.truncated, cut.in_windows, len(cut.windows[0])) == (1, 0, 1)
    assert cut.windows[0][0].tolist() == [tokenizer.cls, *whole[0][:32], tokenizer.sep]
    laid = token_windows(tokenizer, texts, 34, "window-mean")
    assert (laid.truncated, laid.in_windows, len(laid.windows[1])) == (0, 1, 1)
    assert {len(window) for window in laid.windows[0]} == {34}
    assert laid.windows[0][-1][1:-1].tolist() == whole[0][-32:].tolist()
    assert laid.windows[0][1][1:9].tolist() == whole[0][24:32].tolist()
    assert laid.longest == len(whole[0]) + 2


def test_windows_see_what_cutting_loses(checkpoint: Path, tmp_path: Path) -> None:
    def at_the_end(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        labels = rng.integers(0, 2, len(texts))
        texts = [
            text + (MOTIF if label else text[: len(MOTIF)])
            for text, label in zip(texts, labels, strict=True)
        ]
        return pd.DataFrame({"sequence": texts, "label": labels})

    folder = write_splits(tmp_path / "t", at_the_end)
    aurocs = {}
    for long in ("truncate", "window-mean"):
        result = run(checkpoint, folder, long, long=long, max_length=12, epochs=5)
        metrics = metrics_of(result)
        aurocs[long] = metrics["test"]["auroc"]
        cut = metrics["truncated"], metrics["in_windows"]
        assert cut == (
            ({"train": 128, "dev": 48, "test": 64}, {"train": 0, "dev": 0, "test": 0})
            if long == "truncate"
            else ({"train": 0, "dev": 0, "test": 0}, {"train": 128, "dev": 48, "test": 64})
        )
    assert aurocs["window-mean"] > 0.9
    assert aurocs["truncate"] < 0.75


def test_settings_that_do_not_fit_together_are_refused(checkpoint: Path, motif: Path) -> None:
    for match, more in (
        ("--frozen trains no adapters", {"frozen": True, "lora": LoraSettings()}),
        ("--lora adapts trained weights", {"from_scratch": True, "lora": LoraSettings()}),
        ("unknown --pooling 'sum'", {"pooling": "sum"}),
        ("names a rate twice", {"learning_rates": (1e-4, 1e-4)}),
        ("--max-length 2 does not fit", {"max_length": 2}),
    ):
        with pytest.raises(UserError, match=match):
            run(checkpoint, motif, "refused", **more)
    assert not (motif / "refused").exists()


def test_the_original_checkpoint_is_not_touched(checkpoint: Path, motif: Path) -> None:
    before = (checkpoint / "model.safetensors").read_bytes()
    run(checkpoint, motif, "short", max_steps=1)
    assert (checkpoint / "model.safetensors").read_bytes() == before
    load_checkpoint(checkpoint)
