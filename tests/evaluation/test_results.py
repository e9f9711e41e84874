from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pybmfm.core import UserError, output_directory, write_manifest
from pybmfm.evaluation import (
    TableSettings,
    bootstrap_intervals,
    build_tables,
    load_result,
    main_rows,
    published_figure,
    save_result,
)
from pybmfm.tasks import TaskTable
from pybmfm.tasks.kinds import METRICS


def make_table(truth: np.ndarray, kind: str = "binary") -> TaskTable:
    ids = [f"row{n}" for n in range(len(truth))]
    classes = [] if kind == "regression" else ["no", "yes"]
    return TaskTable(ids, ["ACGT"] * len(truth), kind, truth, classes, ids, False)


def make_result(
    folder: Path,
    quality: float,
    *,
    task: str = "tf_0",
    model: str = "ref",
    seed: int = 0,
    rows: int = 60,
) -> Path:
    truth = np.arange(rows) % 2
    table = make_table(truth)
    rng = np.random.default_rng(seed)
    positive = np.clip(0.5 + quality * (truth - 0.5) + rng.normal(0, 0.2, rows), 0, 1)
    scores = np.stack([1 - positive, positive], axis=1).astype(np.float32)
    with output_directory(folder) as staging:
        save_result(
            staging, task=task, model=model, seed=seed, kind="binary", metric="f1",
            classes=table.classes, table_dev=table, scores_dev=scores, table_test=table,
            scores_test=scores, extra={"train_rows": 7},
        )  # fmt: skip
        write_manifest(staging, artefact="result", settings={})
    return folder


def test_a_result_keeps_ids_order_and_metrics(tmp_path: Path) -> None:
    folder = make_result(tmp_path / "r", 0.9)
    content = json.loads((folder / "metrics.json").read_text())
    assert content["classes"] == ["no", "yes"]
    assert content["train_rows"] == 7
    assert list(content["test"]) == list(METRICS["binary"])
    predictions = pq.read_table(folder / "predictions.parquet")
    assert predictions.column_names[:4] == ["id", "split", "truth", "scores"]
    assert predictions.schema.field("scores").type == pa.list_(pa.float32())
    assert predictions["split"].to_pylist() == ["dev"] * 60 + ["test"] * 60
    loaded = load_result(folder)
    assert loaded.ids == [f"row{n}" for n in range(60)]
    assert loaded.scores.shape == (60, 2)


def test_undefined_metrics_are_null(tmp_path: Path) -> None:
    table = make_table(np.float32([1, 2, 3]), "regression")
    flat = np.zeros((3, 1), np.float32)
    save_result(
        tmp_path, task="t", model="m", seed=0, kind="regression", metric="pearson", classes=[],
        table_dev=table, scores_dev=flat, table_test=table, scores_test=flat,
    )  # fmt: skip
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["test"]["pearson"] is None


def test_the_long_table_joins_seeds_and_heads_with_the_main_metric(tmp_path: Path) -> None:
    folders = [make_result(tmp_path / f"s{seed}", 0.8, seed=seed) for seed in (0, 1)]
    folders.append(make_result(tmp_path / "b", 0.1, model="kmer-logistic"))
    table = build_tables(folders, TableSettings(draws=200)).table2
    assert list(table.columns)[:12] == [
        "task", "model", "seeds", "metric", "mean", "low", "high", "published",
        "parameters", "seconds", "rows", "train_rows",
    ]  # fmt: skip
    heads = main_rows(table).set_index("model")
    assert heads["metric"].tolist() == ["f1", "f1"]
    assert heads.loc["ref", "seeds"] == 2
    each = [json.loads((f / "metrics.json").read_text())["test"]["f1"] for f in folders[:2]]
    assert heads.loc["ref", "mean"] == pytest.approx(np.mean(each))
    # Resampling adds to the calibration error: its draws lie above it.
    others = table[table["metric"] != "ece"]
    assert ((others["low"] <= others["mean"]) & (others["mean"] <= others["high"])).all()
    assert heads.loc["ref", "published"] == "F1 81.87 x100 (paper REF, mean of 5 TF)"
    assert heads.loc["kmer-logistic", "published"] == ""
    again = build_tables(folders[::-1], TableSettings(draws=200)).table2
    assert again.equals(table)


def test_seeds_must_share_their_rows_and_differ(tmp_path: Path) -> None:
    one = make_result(tmp_path / "a", 0.8)
    with pytest.raises(UserError, match="repeats seed 0"):
        build_tables([one, make_result(tmp_path / "b", 0.8)], TableSettings())
    with pytest.raises(UserError, match="tested on other rows"):
        build_tables([one, make_result(tmp_path / "c", 0.8, seed=1, rows=40)], TableSettings())


def test_a_folder_that_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no manifest.json"):
        build_tables([tmp_path], TableSettings())


def noisy(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, rows)
    positive = rng.random(rows)
    return truth, np.stack([1 - positive, positive], axis=1)


def test_intervals_narrow_with_rows_and_widen_with_groups_and_seeds() -> None:
    def width(rows: int, repeats: int = 1, shift: float = 0.0) -> float:
        truth, scores = noisy(0, rows)
        truth, scores = np.repeat(truth, repeats), np.repeat(scores, repeats, axis=0)
        groups = [f"g{n // repeats}" for n in range(len(truth))]
        helped = scores + shift * np.stack([1 - truth, truth], axis=1)
        found = bootstrap_intervals("binary", truth, [scores, helped], groups, draws=300)
        low, high = found["auroc"]
        return high - low

    assert width(400) < 0.6 * width(50)
    # Copies of the same rows are one group each: no information is added.
    assert width(50, repeats=8) == pytest.approx(width(50), rel=0.25)
    assert width(400, shift=0.3) > 1.5 * width(400)


def test_random_scores_have_an_interval_that_holds_chance() -> None:
    truth, scores = noisy(3, 200)
    groups = [str(n) for n in range(200)]
    intervals = bootstrap_intervals("binary", truth, [scores], groups, draws=500)
    assert intervals["auroc"][0] < 0.5 < intervals["auroc"][1]
    assert intervals["mcc"][0] < 0 < intervals["mcc"][1]
    assert intervals == bootstrap_intervals("binary", truth, [scores], groups, draws=500)


def test_a_metric_undefined_in_every_draw_has_no_interval() -> None:
    truth = np.ones(5, dtype=int)
    low, high = bootstrap_intervals("binary", truth, [noisy(0, 5)[1]], list("abcde"), draws=20)[
        "auroc"
    ]
    assert math.isnan(low)
    assert math.isnan(high)


@pytest.mark.parametrize(
    ("task", "model", "metric", "expected"),
    [
        ("prom_300_all", "snp", "f1", "F1 93.50 x100 (paper SNP)"),
        ("prom_core_all", "scratch-ref", "f1", "F1 77.73 x100 (paper no pretraining)"),
        ("splice_reconstructed", "ref", "f1_macro", "F1 89.29 x100 (paper REF)"),
        ("prom_300_all", "dnabert2", "f1", "F1 94.00 x100 (paper DNABERT-2)"),
        ("prom_300_all", "snp", "mcc", ""),
        ("prom_300_tata", "dnabert2", "mcc", "MCC 71.60 x100 (DNABERT-2's paper)"),
        ("promoter.class4", "scratch", "f1", "F1 57.04 x100 (paper no pretraining, Table 3)"),
        ("promoter.class2", "snp", "f1", "F1 97.46 x100 (paper SNP, Table 3)"),
        ("promoter.class4", "ref", "f1", ""),
        ("splice.class4", "snp", "f1", ""),
        ("mpra_k562", "dnabert2", "pearson", "other library"),
        ("prom_300_tata", "snp", "f1", ""),
        ("prom_300_all.mini", "snp", "f1", "F1 93.50 x100 (paper SNP)"),
        ("tf_7", "snp", "f1", ""),
        ("mpra_k562", "snp", "pearson", "other library"),
        ("mpra_k562", "snp", "spearman", ""),
    ],
)
def test_published_figures_only_where_they_apply(
    task: str, model: str, metric: str, expected: str
) -> None:
    assert published_figure(task, model, metric) == expected
