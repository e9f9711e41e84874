"""Tables of results: what is missing, repeated rows, external scores, few-shot curves, Table 3."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pybmfm.core import UserError, output_directory, write_manifest
from pybmfm.evaluation import (
    TableSettings,
    build_tables,
    compute_metrics,
    few_shot_curves,
    load_result,
    main_rows,
    read_expected,
    read_external_scores,
    read_repeated_ids,
    save_result,
    table_3,
)
from pybmfm.tasks import TaskTable

DRAWS = 100


def write_result(
    root: Path,
    task: str,
    model: str,
    seed: int = 0,
    *,
    rows: int = 40,
    train_rows: int = 100,
    quality: float = 0.5,
    order: np.ndarray | None = None,
) -> Path:
    truth = np.arange(rows) % 2
    ids = [f"test-{n}" for n in range(rows)]
    rng = np.random.default_rng([seed, len(model), train_rows])
    positive = np.clip(0.5 + quality * (truth - 0.5) + rng.normal(0, 0.3, rows), 0, 1)
    if order is not None:
        truth, positive, ids = truth[order], positive[order], [ids[n] for n in order]
    scores = np.stack([1 - positive, positive], axis=1).astype(np.float32)
    table = TaskTable(ids, ["ACGT"] * rows, "binary", truth, ["no", "yes"], ids, False)
    folder = root / f"{task}.{model}.{train_rows}.{seed}"
    with output_directory(folder) as staging:
        save_result(
            staging, task=task, model=model, seed=seed, kind="binary", metric="mcc",
            classes=table.classes, table_dev=table, scores_dev=scores, table_test=table,
            scores_test=scores,
            extra={"train_rows": train_rows, "parameters": 10 + seed, "seconds": 2.0 + seed},
        )  # fmt: skip
        write_manifest(staging, artefact="result", settings={})
    return folder


def test_missing_cells_and_seeds_are_said_in_words(tmp_path: Path) -> None:
    folders = [write_result(tmp_path, "tf", "ref", seed) for seed in (0, 2)]
    sheet = tmp_path / "expected.tsv"
    cells = [("tf", model, seed) for model in ("ref", "snp") for seed in range(3)]
    pd.DataFrame([*cells, ("gone", "ref", 0)], columns=["task", "model", "seed"]).to_csv(
        sheet, sep="\t", index=False
    )
    expected = read_expected(sheet)
    tables = build_tables(folders, TableSettings(draws=DRAWS, expected=expected))
    assert len(tables.missing) == 5
    main = main_rows(tables.table2).set_index(["task", "model"])
    assert main.loc[("tf", "ref"), "note"] == "missing: no result of seed 1"
    assert main.loc[("tf", "ref"), "seeds"] == 2
    assert main.loc[("tf", "ref"), ["parameters", "seconds", "rows"]].tolist() == [11, 3.0, 40]
    snp = main.loc[("tf", "snp")]
    assert (snp["seeds"], snp["metric"]) == (0, "mcc")
    assert snp["note"] == "missing: no result of seeds 0, 1, 2"
    assert math.isnan(snp["mean"])
    assert main.loc[("gone", "ref"), "seeds"] == 0
    assert tables.comparisons.empty


def test_an_expected_list_is_checked(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("task\tmodel\nx\ty\n")
    with pytest.raises(UserError, match="no column 'seed'"):
        read_expected(tmp_path / "a.tsv")
    (tmp_path / "b.tsv").write_text("task\tmodel\tseed\nx\ty\t0\nx\ty\tone\n")
    with pytest.raises(UserError, match="line 3: seed 'one' is not a whole number"):
        read_expected(tmp_path / "b.tsv")


def test_scores_without_repeated_rows_are_those_of_the_other_rows(tmp_path: Path) -> None:
    folder = write_result(tmp_path, "tf", "ref")
    clean = write_result(tmp_path, "other", "ref")
    gone = frozenset(f"test-{n}" for n in range(0, 40, 3))
    settings = TableSettings(draws=DRAWS, repeated={"tf": gone, "other": frozenset()})
    table = build_tables([folder, clean], settings).table2
    row = table.query("task == 'tf' and metric == 'auroc'").iloc[0]
    result = load_result(folder)
    kept = [n for n, name in enumerate(result.ids) if name not in gone]
    expected = compute_metrics("binary", result.truth[kept], result.scores[kept])["auroc"]
    assert row["repeated_rows"] == len(gone)
    assert row["mean_without"] == pytest.approx(expected)
    assert row["low_without"] <= expected <= row["high_without"]
    other = table.query("task == 'other' and metric == 'auroc'").iloc[0]
    assert other["repeated_rows"] == 0
    assert other["mean_without"] == other["mean"]
    assert build_tables([folder], TableSettings(draws=DRAWS)).table2["repeated_rows"].isna().all()


def test_an_audit_without_a_column_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"artefact": "leakage-audit", "counts": {"task": {}}}')
    (tmp_path / "repeated_rows.tsv").write_text("task\tid\nt\ta\n")
    with pytest.raises(UserError, match=r"repeated_rows.tsv: has no column 'split'"):
        read_repeated_ids([tmp_path])


def test_models_on_the_same_rows_in_another_order_are_paired(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(40)
    folders = [
        write_result(tmp_path, "tf", "ref"),
        write_result(tmp_path, "tf", "snp", quality=0.9, order=order),
        write_result(tmp_path, "tf", "half", rows=20),
    ]
    tables = build_tables(folders, TableSettings(draws=DRAWS))
    pairs = tables.comparisons[["model_a", "model_b"]].drop_duplicates().values.tolist()
    assert pairs == [["ref", "snp"]]
    notes = tables.table2.drop_duplicates("model").set_index("model")["note"]
    assert notes[["ref", "snp"]].tolist() == ["", ""]
    assert "not compared" in notes["half"]
    row = tables.comparisons.query("metric == 'auroc'").iloc[0]
    result = load_result(folders[1])
    snp = compute_metrics("binary", result.truth, result.scores)["auroc"]
    result = load_result(folders[0])
    ref = compute_metrics("binary", result.truth, result.scores)["auroc"]
    assert row["difference"] == pytest.approx(ref - snp)


@pytest.mark.parametrize("column", ["truth", "group"])
def test_equal_ids_of_another_table_are_not_paired(tmp_path: Path, column: str) -> None:
    folders = [write_result(tmp_path, "tf", model) for model in ("ref", "snp", "old")]
    path = folders[2] / "predictions.parquet"
    frame = pd.read_parquet(path)
    other = {"truth": 1 - frame["truth"], "group": [f"g{n // 2}" for n in range(len(frame))]}
    frame.assign(**{column: other[column]}).to_parquet(path)
    tables = build_tables(folders, TableSettings(draws=DRAWS))
    pairs = tables.comparisons[["model_a", "model_b"]].drop_duplicates().values.tolist()
    assert pairs == [["ref", "snp"]]
    notes = tables.table2.drop_duplicates("model").set_index("model")["note"]
    assert notes[["ref", "snp"]].tolist() == ["", ""]
    assert "not compared" in notes["old"]


def external(folder: Path, frame: pd.DataFrame, name: str = "CADD") -> TableSettings:
    path = folder / f"{name}.tsv"
    frame.to_csv(path, sep="\t", index=False)
    return TableSettings(draws=DRAWS, external=[read_external_scores(name, path)])


def test_external_scores_stand_beside_the_models_on_the_same_rows(tmp_path: Path) -> None:
    folders = [write_result(tmp_path, "tf", model) for model in ("ref", "snp")]
    result = load_result(folders[0])
    scores = ["12", ".", "-3.5", "NA", *["7"] * 6]
    frame = pd.DataFrame({"id": [*result.ids[:10], "unknown"], "score": [*scores, "1"]})
    tables = build_tables(folders, external(tmp_path, frame))
    found = tables.external.query("metric == 'auroc'").set_index("model")
    assert list(found.index) == ["CADD", "ref", "snp"]
    assert found["rows"].tolist() == [8, 8, 8]
    assert found["of_rows"].tolist() == [40, 40, 40]
    rows = [0, 2, *range(4, 10)]
    ours = compute_metrics("binary", result.truth[rows], result.scores[rows])["auroc"]
    assert found.loc["ref", "mean"] == pytest.approx(ours)
    values = np.array([12, -3.5, *[7] * 6])
    theirs = compute_metrics("binary", result.truth[rows], np.stack([-values, values], 1))["auroc"]
    assert found.loc["CADD", "mean"] == pytest.approx(theirs)
    row = tables.table2.query("model == 'CADD' and metric == 'auroc'").iloc[0]
    assert row["rows"] == 8
    assert "on 8 of 40 rows" in row["note"]
    assert "mcc" not in set(tables.table2.query("model == 'CADD'")["metric"])


def test_a_tool_s_ranking_is_not_taken_for_the_main_metric(tmp_path: Path) -> None:
    folders = [write_result(tmp_path, "tf", model) for model in ("ref", "snp")]
    frame = pd.DataFrame({"id": [f"test-{n}" for n in range(40)], "score": ["1"] * 40})
    main = main_rows(build_tables(folders, external(tmp_path, frame)).table2)
    assert main[["model", "metric"]].values.tolist() == [["ref", "mcc"], ["snp", "mcc"]]


def test_a_tool_need_not_have_scores_of_tasks_that_it_does_not_cover(tmp_path: Path) -> None:
    folders = [write_result(tmp_path, task, "ref") for task in ("a", "b")]
    frame = pd.DataFrame({"id": ["test-1", "test-2"], "no": ["1", "2"], "task": ["c", "c"]})
    assert build_tables(folders, external(tmp_path, frame)).external.empty


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        ({"name": ["x"], "score": ["1"]}, "has no column 'id'"),
        ({"id": ["test-1", "test-1"], "score": ["1", "2"]}, "scores 'test-1' twice"),
        ({"id": ["test-1"], "score": ["high"]}, "score 'high' is not a number"),
        ({"id": ["test-1"], "score": ["inf"]}, "score 'inf' is not a number"),
        ({"id": ["test-1"], "cadd": ["1"]}, "has no scores of a binary task"),
    ],
)
def test_broken_external_scores_are_one_sentence(
    tmp_path: Path, frame: dict[str, list[str]], sentence: str
) -> None:
    folders = [write_result(tmp_path, "tf", "ref")]
    with pytest.raises(UserError, match=sentence):
        build_tables(folders, external(tmp_path, pd.DataFrame(frame)))


def test_scores_of_a_parquet_may_be_numbers_and_null(tmp_path: Path) -> None:
    folders = [write_result(tmp_path, "tf", "ref")]
    path = tmp_path / "CADD.parquet"
    ids = [f"test-{n}" for n in range(5)] + [None]
    pd.DataFrame({"id": ids, "score": [1.5, None, 2, 3, float("nan"), 9]}).to_parquet(path)
    settings = TableSettings(draws=DRAWS, external=[read_external_scores("CADD", path)])
    assert set(build_tables(folders, settings).external["rows"]) == {3}


def test_ids_of_several_tasks_need_a_column_task(tmp_path: Path) -> None:
    folders = [write_result(tmp_path, task, "ref") for task in ("a", "b")]
    frame = pd.DataFrame({"id": ["test-1", "test-2"], "score": ["1", "2"]})
    with pytest.raises(UserError, match="its ids are in the tasks a, b"):
        build_tables(folders, external(tmp_path, frame))
    tables = build_tables(folders, external(tmp_path, frame.assign(task="b")))
    assert set(tables.external["task"]) == {"b"}
    with pytest.raises(UserError, match="has the name of a model"):
        build_tables(folders, external(tmp_path, frame.assign(task="b"), "ref"))


def test_few_shot_points_end_in_the_point_of_table_2(tmp_path: Path) -> None:
    full = [write_result(tmp_path, "tf", model, train_rows=1000) for model in ("ref", "snp")]
    few = [
        write_result(tmp_path, "tf", "ref", seed, train_rows=rows)
        for rows in (500, 100)
        for seed in (0, 1)
    ]
    table2 = build_tables(full, TableSettings(draws=DRAWS)).table2
    curves = few_shot_curves(few, table2, draws=DRAWS)
    assert set(curves["model"]) == {"ref"}
    assert curves["train_rows"].tolist() == [100, 500, 1000]
    assert curves["seeds"].tolist() == [2, 2, 1]
    assert set(curves["metric"]) == {"mcc"}
    assert ((curves["low"] <= curves["mean"]) & (curves["mean"] <= curves["high"])).all()
    with pytest.raises(UserError, match="few-shot results with --few-shot"):
        build_tables([*full, *few], TableSettings(draws=DRAWS))


def test_table_3_takes_the_variant_sets_with_f1_and_mcc(tmp_path: Path) -> None:
    tasks = ("promoter.none", "promoter.class4", "promoter.classic", "tf")
    folders = [
        write_result(tmp_path, task, model) for task in tasks for model in ("scratch", "snp")
    ]
    table = table_3(build_tables(folders, TableSettings(draws=DRAWS)).table2)
    assert set(table["base"]) == {"promoter"}
    assert table["sequences"].str.split(":").str[0].unique().tolist() == ["class 4", "not encoded"]
    assert set(table["metric"]) == {"f1", "mcc", "auroc"}
    class4 = table[table["sequences"].str.startswith("class 4")].set_index(["model", "metric"])
    assert class4.loc[("scratch", "f1"), "published"].startswith("F1 57.04")
    assert class4.loc[("snp", "f1"), "published"].startswith("F1 64.60")
