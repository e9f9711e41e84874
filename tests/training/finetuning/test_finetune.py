from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pybmfm.core import UserError
from pybmfm.evaluation import bootstrap_intervals, load_result

from .finetune_tasks import SPLITS, at_random, metrics_of, run, with_motif, write_splits


def test_a_planted_motif_is_learned_and_rows_keep_their_order(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = write_splits(tmp_path / "motif", with_motif)
    result = run(checkpoint, folder)
    metrics = metrics_of(result)
    assert metrics["test"]["mcc"] > 0.7
    assert (metrics["task"], metrics["model"]) == ("motif", "ref")
    assert metrics["steps"] == 20
    assert {"parameters", "seconds", "best_step", "train_rows"} <= set(metrics)
    table = pq.read_table(result / "predictions.parquet").to_pandas()
    truth = pd.concat([pd.read_csv(folder / f"{split}.csv") for split in ("dev", "test")])
    assert table["truth"].tolist() == truth["label"].tolist()
    assert table["id"].tolist()[47:50] == ["dev-47", "test-0", "test-1"]
    np.testing.assert_allclose(np.stack(table["scores"]).sum(axis=1), 1, rtol=1e-5)


def test_random_labels_stay_near_chance(checkpoint: Path, tmp_path: Path) -> None:
    result = load_result(run(checkpoint, write_splits(tmp_path / "t", at_random), epochs=1))
    low, high = bootstrap_intervals(
        "binary", result.truth, [result.scores], result.groups, draws=400
    )["auroc"]
    assert low < 0.5 < high


def test_runs_repeat_by_seed_and_scratch_has_the_same_budget(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = write_splits(tmp_path / "t", with_motif)
    short: dict[str, Any] = {"epochs": 1, "max_train_rows": 64}
    runs = [run(checkpoint, folder, out, seed=5, **short) for out in ("a", "b")]
    scratch = run(checkpoint, folder, "c", seed=5, from_scratch=True, **short)
    first, second, third = (
        {key: value for key, value in metrics_of(path).items() if key != "seconds"}
        for path in (*runs, scratch)
    )
    assert first == second
    assert (runs[0] / "predictions.parquet").read_bytes() == (
        runs[1] / "predictions.parquet"
    ).read_bytes()
    assert third["model"] == "scratch-ref"
    assert third["dev"] != first["dev"]
    for key in ("steps", "train_rows", "parameters"):
        assert third[key] == first[key]


def test_the_lowest_dev_loss_is_kept(checkpoint: Path, tmp_path: Path) -> None:
    folder = write_splits(tmp_path / "t", at_random, rows=(32, 32, 32))
    result = run(checkpoint, folder, epochs=12, batch_size=8, learning_rate=3e-3, validate_every=6)
    lines = [json.loads(line) for line in (result / "progress.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 49))
    losses = {line["step"]: line["dev_loss"] for line in lines if "dev_loss" in line}
    assert list(losses) == list(range(6, 49, 6))
    metrics = metrics_of(result)
    best = min(losses, key=lambda step: losses[step])
    assert (metrics["best_step"], metrics["best_dev_loss"]) == (best, losses[best])
    assert best < 48, "the labels are noise, so the last step must have overfitted"
    table = pq.read_table(result / "predictions.parquet", filters=[("split", "==", "dev")])
    columns = table.to_pydict()
    chances = np.array([row[t] for row, t in zip(columns["scores"], columns["truth"], strict=True)])
    assert -np.log(chances).mean() == pytest.approx(losses[best], rel=1e-4)


def test_values_come_back_on_their_own_scale(checkpoint: Path, tmp_path: Path) -> None:
    def graded(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        values = [1000 + 50 * (text.count("G") + text.count("C")) / len(text) for text in texts]
        return pd.DataFrame({"sequence": texts, "value": values})

    result = run(checkpoint, write_splits(tmp_path / "t", graded), kind="regression")
    assert metrics_of(result)["test"]["pearson"] > 0.7
    loaded = load_result(result)
    assert loaded.scores.shape == (64, 1)
    assert abs(loaded.scores.mean() - loaded.truth.mean()) < 5


def test_multilabel_and_multiclass_run(checkpoint: Path, tmp_path: Path) -> None:
    def many(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        labels = ["|".join(x for x in "abc" if rng.random() < 0.5) for _ in texts]
        return pd.DataFrame({"sequence": texts, "labels": labels, "label": range(len(texts))})

    folder = write_splits(tmp_path / "t", many, rows=(24, 12, 12))
    result = load_result(run(checkpoint, folder, kind="multilabel", epochs=1))
    assert result.scores.shape == (12, 3)
    assert ((result.scores > 0) & (result.scores < 1)).all()
    multi = load_result(run(checkpoint, folder, kind="multiclass", epochs=1))
    assert multi.scores.shape == (12, 24)


def test_a_column_per_label_trains_on_what_is_known(checkpoint: Path, tmp_path: Path) -> None:
    def marked(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        table = with_motif(rng, texts)
        # b is known only where it is there: nothing speaks against it.
        known = np.where(rng.random(len(texts)) < 0.5, "1", "")
        return pd.DataFrame({"sequence": table["sequence"], "a": table["label"], "b": known})

    folder = write_splits(tmp_path / "t", marked)
    result = load_result(run(checkpoint, folder, kind="multilabel"))
    assert set(result.truth[:, 1].tolist()) == {1, -1}
    assert (result.scores[:, 1] > 0.5).all()
    assert metrics_of(result.folder)["test"]["auroc_macro"] > 0.9  # of a alone


def test_cut_sequences_are_counted(checkpoint: Path, tmp_path: Path) -> None:
    folder = write_splits(tmp_path / "t", at_random, rows=(16, 8, 8))
    short = run(checkpoint, folder, epochs=1, max_length=8)
    cut = json.loads((short / "manifest.json").read_text())
    assert cut["truncated_sequences"] == 32
    assert cut["counts"]["train"]["truncated_sequences"] == 16
    assert cut["max_length"] == 8
    whole = json.loads((run(checkpoint, folder, epochs=1) / "manifest.json").read_text())
    assert whole["truncated_sequences"] == 0
    assert whole["artefact"] == "result"
    with pytest.raises(UserError, match=r"--max-length 4,096 does not fit"):
        run(checkpoint, folder, max_length=4096)


def test_parts_of_a_batch_add_up_to_the_whole(checkpoint: Path, tmp_path: Path) -> None:
    folder = write_splits(tmp_path / "t", with_motif, rows=(32, 16, 16))
    whole = run(checkpoint, folder, "whole", max_steps=3)
    parts = run(checkpoint, folder, "parts", max_steps=3, batch_tokens=60)
    losses = [
        [json.loads(line)["loss"] for line in (path / "progress.jsonl").read_text().splitlines()]
        for path in (whole, parts)
    ]
    assert len(losses[0]) == 3
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


def test_a_saved_model_is_a_checkpoint_with_a_head(checkpoint: Path, tmp_path: Path) -> None:
    folder = write_splits(tmp_path / "t", with_motif, rows=(32, 16, 16))
    model = run(checkpoint, folder, max_steps=2, save_model=True) / "model"
    from safetensors.torch import load_file

    from pybmfm.model import load_checkpoint

    load_checkpoint(model)
    assert set(load_file(model / "head.safetensors")) == {"weight", "bias"}
    assert json.loads((model / "head.json").read_text())["classes"] == ["0", "1"]


def test_half_precision_stays_close(checkpoint: Path, tmp_path: Path) -> None:
    folder = write_splits(tmp_path / "t", with_motif, rows=(32, 16, 16))
    full, half = (
        load_result(run(checkpoint, folder, name, max_steps=3, precision=name))
        for name in ("fp32", "bf16")
    )
    difference = np.abs(full.scores - half.scores).max()
    assert 0 < difference < 0.05


def test_the_command_takes_the_documented_options(checkpoint: Path, tmp_path: Path) -> None:
    from pybmfm.cli.finetune import command

    folder = write_splits(tmp_path / "t", with_motif, rows=(32, 16, 16))
    splits = [x for split in SPLITS for x in (f"--{split}", str(folder / f"{split}.csv"))]
    out = ["--out", str(folder / "r"), "--task", "mine", "--model-name", "snp"]
    plain = ["--kind", "binary", "--max-steps", "1", "--from-scratch", "--device", "cpu"]
    result = CliRunner().invoke(
        command, ["--checkpoint", str(checkpoint), *splits, *out, *plain], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    metrics = metrics_of(folder / "r")
    assert (metrics["task"], metrics["model"], metrics["steps"]) == ("mine", "snp", 1)


def test_failures_leave_nothing_behind(checkpoint: Path, tmp_path: Path) -> None:
    folder = write_splits(tmp_path / "t", with_motif, rows=(32, 16, 16))
    with pytest.raises(UserError, match="not finite"):
        run(checkpoint, folder, learning_rate=1e30)
    with pytest.raises(UserError, match="no metric"):
        run(checkpoint, folder, metric="pearson")
    with pytest.raises(UserError, match=r"has no config.json"):
        run(tmp_path, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["dev.csv", "test.csv", "train.csv"]
