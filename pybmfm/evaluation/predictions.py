"""Test predictions of a result folder, checked before anything is computed: it may be anyone's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pybmfm.core import UserError
from pybmfm.tasks.labels import UNKNOWN

PREDICTIONS = "predictions.parquet"
COLUMNS = ("id", "split", "truth", "scores")
TEST = "test"


class Predictions(NamedTuple):
    """Test rows in the table's order.

    Attributes
    ----------
    ids, groups
        Text; the ids are unique.
    truth
        As the targets of the task table.
    scores
        ``[n, classes]``, or ``[n, 1]`` of values.
    """

    ids: list[str]
    groups: list[str]
    truth: np.ndarray
    scores: np.ndarray


def read_predictions(path: Path, kind: str, classes: int) -> Predictions:
    """Read the test rows of ``predictions.parquet``.

    Parameters
    ----------
    kind, classes
        Of the task, and how many classes it has (regression: none).

    Raises
    ------
    UserError
        If it cannot be read, has no test rows, or a column is not what a result has.
    """
    table = _test_rows(path, list(COLUMNS), ["group"])
    ids = _texts(table, "id", path)
    if not ids:
        raise _no_predictions(path, "has no test rows")
    if len(set(ids)) < len(ids):
        raise _no_predictions(path, "has an id twice among its test rows")
    groups = _texts(table, "group", path) if "group" in table.column_names else ids
    truth = _numbers(table, "truth", classes if kind == "multilabel" else 0, path)
    scores = _numbers(table, "scores", max(1, classes), path)
    _check_truth(truth, kind, classes, path)
    return Predictions(ids, groups, truth, scores)


def read_test_ids(path: Path) -> list[str]:
    """Read the ids of the test rows, and nothing else.

    Raises
    ------
    UserError
        As :func:`read_predictions`.
    """
    return _texts(_test_rows(path, ["id", "split"], []), "id", path)


def _test_rows(path: Path, wanted: list[str], optional: list[str]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            missing = [name for name in wanted if name not in names]
            if not missing:
                chosen = [*wanted, *(name for name in optional if name in names)]
                table = file.read(columns=chosen)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise _no_predictions(path, f"cannot be read ({reason})") from error
    if missing:
        raise _no_predictions(path, f"has no column '{missing[0]}'")
    if any(table.column_names.count(name) > 1 for name in wanted):
        raise _no_predictions(path, "has two columns of one name")
    splits = np.array(_texts(table, "split", path), dtype=object)
    return table.filter(pa.array(np.asarray(splits == TEST, dtype=bool))).combine_chunks()


def _texts(table: Any, name: str, path: Path) -> list[str]:
    cells = table[name].to_pylist()
    if not all(isinstance(cell, str) for cell in cells):
        raise _no_predictions(path, f"column '{name}' is not text in every row")
    return list(cells)


def _numbers(table: Any, name: str, width: int, path: Path) -> np.ndarray:
    """Return a column of numbers, or of lists of ``width`` numbers, without a copy per row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[name].combine_chunks()
    what = f"is not {f'a list of {width} numbers' if width else 'a number'} in every row"
    types = pa.types
    if width:
        kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
        if not any(is_kind(column.type) for is_kind in kinds) or column.null_count:
            raise _no_predictions(path, f"column '{name}' {what}")
        if not pc.all(pc.equal(pc.list_value_length(column), width)).as_py():
            raise _no_predictions(path, f"column '{name}' {what}")
        column = column.flatten()
    number = types.is_integer(column.type) or types.is_floating(column.type)
    if not number or column.null_count:
        raise _no_predictions(path, f"column '{name}' {what}")
    values = np.asarray(column.to_numpy(zero_copy_only=False))
    if not np.isfinite(values).all():
        raise _no_predictions(path, f"column '{name}' holds a number that is not finite")
    return values.reshape(-1, width) if width else values


def _check_truth(truth: np.ndarray, kind: str, classes: int, path: Path) -> None:
    if kind == "regression":
        return
    known = [UNKNOWN, 0, 1] if kind == "multilabel" else np.arange(classes)
    if not np.isin(truth, known).all():
        raise _no_predictions(path, "has a truth that is none of the task's classes")


def _no_predictions(path: Path, problem: str) -> UserError:
    return UserError(problem, file=path, remedy="make the result again")
