"""Result folders: predictions with ids, and the metrics computed from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pybmfm.core import UserError, output_file, read_manifest, write_json
from pybmfm.core.manifest_types import check_json
from pybmfm.core.ownership import read_json_object
from pybmfm.evaluation.metrics import compute_metrics
from pybmfm.evaluation.orientations import average_orientations
from pybmfm.evaluation.predictions import PREDICTIONS, read_predictions, read_test_ids
from pybmfm.tasks import TaskTable
from pybmfm.tasks.kinds import check_metric

METRICS_FILE = "metrics.json"
# What others rely on in it.
METRICS_TYPES = {
    "task": str,
    "model": str,
    "seed": int,
    "kind": str,
    "metric": str,
    "classes": [str],
    "dev": dict,
    "test": dict,
    "train_rows?": int,
    "parameters?": float,
    "seconds?": float,
}


@dataclass(frozen=True)
class Result:
    """One model on one task with one seed.

    Attributes
    ----------
    metrics
        The content of ``metrics.json``.
    ids, groups
        Of the test rows, in the table's order.
    truth
        As the targets of the task table.
    scores
        ``float32[n, classes]``.
    """

    folder: Path
    metrics: dict[str, Any]
    ids: list[str]
    groups: list[str]
    truth: np.ndarray
    scores: np.ndarray


def save_result(
    folder: str | Path,
    *,
    task: str,
    model: str,
    seed: int,
    kind: str,
    metric: str,
    classes: list[str],
    table_dev: TaskTable,
    scores_dev: np.ndarray,
    table_test: TaskTable,
    scores_test: np.ndarray,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``predictions.parquet`` and ``metrics.json`` into a folder being made.

    Where a table holds both strands of a sequence (ids ``X`` and ``X/rc``), their mean is the
    prediction of ``X``.

    Parameters
    ----------
    scores_dev, scores_test
        ``float32[n, classes]`` probabilities or ``[n, 1]`` values, rows as in the tables.
    metric
        The one that heads the task.
    extra
        Further keys of ``metrics.json``, JSON types only.

    Returns
    -------
    dict
        The content of ``metrics.json``.
    """
    splits = {
        "dev": average_orientations(table_dev, scores_dev),
        "test": average_orientations(table_test, scores_test),
    }
    _write_predictions(Path(folder) / PREDICTIONS, splits)
    content: dict[str, Any] = {
        "task": task,
        "model": model,
        "seed": seed,
        "kind": kind,
        "metric": metric,
        "classes": classes,
        **{
            split: _json_numbers(compute_metrics(kind, table.targets, scores))
            for split, (table, scores) in splits.items()
        },
        "rows": {split: len(table) for split, (table, _) in splits.items()},
        **(extra or {}),
    }
    write_json(Path(folder) / METRICS_FILE, content)
    return content


def main_metric_text(metrics: Mapping[str, Any]) -> str:
    """Say the task's main metric on dev and test in words.

    Parameters
    ----------
    metrics
        The content of ``metrics.json``.
    """
    name = metrics["metric"]
    values = ((split, metrics[split][name]) for split in ("dev", "test"))
    said = (
        f"{'undefined' if value is None else f'{value:.4f}'} on {split}" for split, value in values
    )
    return f"{name} {', '.join(said)}"


def read_metrics(folder: str | Path) -> dict[str, Any]:
    """Read a result folder's ``metrics.json``.

    Raises
    ------
    UserError
        If the folder is no result, or lacks the file.
    """
    folder = Path(folder)
    read_manifest(folder, "result")
    path = _existing(folder, METRICS_FILE)
    content = read_json_object(path, "make the result again")
    check_json(content, METRICS_TYPES, path, METRICS_FILE)
    check_metric(content["kind"], content["metric"], file=path)
    if (content["kind"] == "regression") != (not content["classes"]):
        raise UserError(
            f"names {len(content['classes'])} classes of a {content['kind']} task",
            file=path,
            remedy="make the result again",
        )
    return content


def load_result(folder: str | Path) -> Result:
    """Read a result folder's metrics and test predictions.

    Raises
    ------
    UserError
        If the folder is no result, or lacks a file.
    """
    folder = Path(folder)
    metrics = read_metrics(folder)
    path = _existing(folder, PREDICTIONS)
    found = read_predictions(path, metrics["kind"], len(metrics["classes"]))
    return Result(folder, metrics, *found)


def read_ids_of_test(folder: str | Path) -> list[str]:
    """Read the ids of a result folder's test rows, and nothing else.

    Raises
    ------
    UserError
        If the folder lacks its predictions.
    """
    return read_test_ids(_existing(Path(folder), PREDICTIONS))


def _existing(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise UserError(f"has no {name}", file=folder, remedy="make the result again")
    return folder / name


def _write_predictions(path: Path, splits: Mapping[str, tuple[TaskTable, np.ndarray]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for split, (table, scores) in splits.items():
        columns = {
            "id": pa.array(table.ids, pa.string()),
            "split": pa.array([split] * len(table), pa.string()),
            "truth": _truth_array(table),
            "scores": pa.array(list(np.asarray(scores, np.float32)), pa.list_(pa.float32())),
            "group": pa.array(table.groups, pa.string()),
        }
        parts.append(pa.table(columns))
    with output_file(path) as staging:
        pq.write_table(pa.concat_tables(parts), staging)


def _truth_array(table: TaskTable) -> Any:
    """Class index, multi-hot list in class order, or value."""
    import pyarrow as pa

    if table.kind == "multilabel":
        return pa.array(list(table.targets.astype(np.int8)), pa.list_(pa.int8()))
    if table.kind == "regression":
        return pa.array(table.targets, pa.float32())
    return pa.array(table.targets, pa.int64())


def _json_numbers(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN: an undefined metric is null."""
    return {name: None if math.isnan(value) else value for name, value in metrics.items()}
