"""Results of anyone: predictions and metrics are checked before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pybmfm.core import UserError, output_directory, write_manifest
from pybmfm.evaluation import TableSettings, build_tables, load_result, save_result
from pybmfm.evaluation.results import read_ids_of_test
from pybmfm.tasks import TaskTable

ROWS = 12


def make(folder: Path, kind: str = "binary", model: str = "ref") -> Path:
    ids = [f"row{n}" for n in range(ROWS)]
    binary = np.arange(ROWS) % 2
    truth, classes = {
        "binary": (binary, ["no", "yes"]),
        "multilabel": (np.stack([binary, -binary, 1 - binary], axis=1), ["a", "b", "c"]),
        "regression": (binary.astype(np.float32), []),
    }[kind]
    table = TaskTable(ids, ["ACGT"] * ROWS, kind, truth, classes, ids, False)
    scores = np.full((ROWS, max(1, len(classes))), 0.5, np.float32)
    metric = {"binary": "mcc", "multilabel": "auroc_macro", "regression": "mse"}[kind]
    with output_directory(folder) as staging:
        save_result(
            staging, task="t", model=model, seed=0, kind=kind, metric=metric, classes=classes,
            table_dev=table, scores_dev=scores, table_test=table, scores_test=scores,
        )  # fmt: skip
        write_manifest(staging, artefact="result", settings={})
    return folder


def change(folder: Path, name: str, cells: Any) -> None:
    table = pq.read_table(folder / "predictions.parquet")
    place = table.column_names.index(name)
    pq.write_table(
        table.set_column(place, name, cells(table[name])), folder / "predictions.parquet"
    )


@pytest.mark.parametrize("kind", ["binary", "multilabel", "regression"])
def test_what_is_written_is_read(tmp_path: Path, kind: str) -> None:
    folder = make(tmp_path / "r", kind)
    found = load_result(folder)
    assert found.ids == found.groups == read_ids_of_test(folder)
    assert found.scores.shape == (ROWS, {"binary": 2, "multilabel": 3, "regression": 1}[kind])
    assert found.truth.shape == ((ROWS, 3) if kind == "multilabel" else (ROWS,))


def all_of(value: Any, kind: pa.DataType | None = None) -> Callable[[pa.ChunkedArray], pa.Array]:
    return lambda column: pa.array([value] * len(column), kind)


BROKEN: list[tuple[str, Callable[[pa.ChunkedArray], Any], str]] = [
    ("id", all_of(None, pa.string()), "column 'id' is not text"),
    ("id", all_of(7), "column 'id' is not text"),
    ("id", all_of("x"), "has an id twice"),
    ("split", all_of(1), "column 'split' is not text"),
    ("split", all_of("dev"), "has no test rows"),
    ("group", all_of(None, pa.string()), "column 'group' is not text"),
    ("truth", all_of("yes"), "column 'truth' is not a number"),
    ("truth", all_of(None, pa.int64()), "column 'truth' is not a number"),
    ("truth", all_of([1]), "column 'truth' is not a number"),
    ("truth", all_of(2), "a truth that is none of the task's classes"),
    ("truth", all_of(-1), "a truth that is none of the task's classes"),
    ("truth", all_of(0.5), "a truth that is none of the task's classes"),
    ("scores", all_of(0.5), "column 'scores' is not a list of 2 numbers"),
    ("scores", all_of([0.5]), "column 'scores' is not a list of 2 numbers"),
    ("scores", all_of(["a", "b"]), "column 'scores' is not a list of 2 numbers"),
    ("scores", all_of([0.5, None]), "column 'scores' is not a list of 2 numbers"),
    ("scores", all_of(None, pa.list_(pa.float32())), "column 'scores' is not a list of 2"),
    ("scores", all_of([0.5, float("nan")]), "holds a number that is not finite"),
]


@pytest.mark.parametrize(("name", "cells", "message"), BROKEN)
def test_predictions_of_other_types_are_one_sentence(
    tmp_path: Path, name: str, cells: Callable[[pa.ChunkedArray], Any], message: str
) -> None:
    folder = make(tmp_path / "r")
    change(folder, name, cells)
    with pytest.raises(UserError, match=r"predictions.parquet: .*" + message):
        load_result(folder)


def test_other_number_types_are_read(tmp_path: Path) -> None:
    folder = make(tmp_path / "r")
    before = load_result(folder)
    change(folder, "truth", lambda column: column.cast(pa.float64()))
    change(folder, "scores", lambda column: column.cast(pa.large_list(pa.float64())))
    after = load_result(folder)
    np.testing.assert_array_equal(after.truth, before.truth)
    np.testing.assert_array_equal(after.scores, before.scores)


def test_predictions_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    folder = make(tmp_path / "r")
    table = pq.read_table(folder / "predictions.parquet")
    pq.write_table(table.drop_columns(["truth"]), folder / "predictions.parquet")
    with pytest.raises(UserError, match="has no column 'truth'"):
        load_result(folder)
    (folder / "predictions.parquet").write_text("id,truth\n")
    with pytest.raises(UserError, match="cannot be read"):
        read_ids_of_test(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not a JSON object"),
        ("{", "is not valid JSON"),
        ({"task": None}, "task is missing"),
        ({"seed": "one"}, "seed is not a whole number"),
        ({"classes": "yes"}, "classes is not a list"),
        ({"kind": "ternary"}, "unknown kind 'ternary'"),
        ({"metric": "f2"}, "a binary task has no metric 'f2'"),
        ({"test": [1]}, "test is not an object"),
        ({"classes": []}, "names 0 classes of a binary task"),
    ],
)
def test_metrics_of_other_types_are_one_sentence(
    tmp_path: Path, content: Any, message: str
) -> None:
    path = make(tmp_path / "r") / "metrics.json"
    known = json.loads(path.read_text())
    path.write_text(content if isinstance(content, str) else json.dumps({**known, **content}))
    with pytest.raises(UserError, match=rf"metrics.json: .*{message}"):
        load_result(path.parent)


def test_results_of_a_task_are_of_one_kind(tmp_path: Path) -> None:
    folders = [make(tmp_path / "a"), make(tmp_path / "b", "regression", "snp")]
    with pytest.raises(UserError, match=r"is of a regression task 't', .* of a binary one"):
        build_tables(folders, TableSettings(draws=10))


def test_few_groups_are_said_in_the_comparisons(tmp_path: Path) -> None:
    folders = [make(tmp_path / model, model=model) for model in ("ref", "snp")]
    for folder in folders:
        change(folder, "group", all_of("one"))
    compared = build_tables(folders, TableSettings(draws=10)).comparisons
    assert compared["p"].isna().all()
    assert set(compared["note"]) == {"1 group of test rows: no p-value below 10"}
