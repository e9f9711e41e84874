"""Scores of other tools (EVE, AlphaMissense, CADD ...) on the test rows that they cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pybmfm.core import UserError, is_missing, read_table, text_column
from pybmfm.evaluation.cells import Cell

if TYPE_CHECKING:
    import pandas as pd

# A tool's scores rank rows and are no probabilities: metrics with a threshold do not apply.
RANKING_METRICS = {
    "binary": ("auroc", "auprc"),
    "multiclass": ("auroc_macro", "auprc_macro"),
    "multilabel": ("auroc_macro", "auroc_micro", "auprc_macro", "auprc_micro"),
    "regression": ("pearson", "spearman"),
}


@dataclass(frozen=True)
class ExternalScores:
    """A tool's table: ``id``, optionally ``task``, and ``score`` or a column per class.

    Attributes
    ----------
    name
        Of the tool, in the tables.
    frame
        As read, every cell text.
    """

    name: str
    path: Path
    frame: pd.DataFrame

    def of_task(self, task: str) -> pd.DataFrame:
        """Rows of a task, by id; all rows where the table has no column ``task``."""
        frame = self.frame
        if "task" in frame:
            frame = frame[frame["task"] == task]
        return frame.set_index("id")


def read_external_scores(name: str, path: str | Path) -> ExternalScores:
    """Read a table of external scores; a score that is missing covers no row.

    Raises
    ------
    UserError
        If there is no column ``id`` or a row is repeated.
    """
    path = Path(path)
    table = read_table(path)
    frame = table.assign(**{name: text_column(table, name) for name in map(str, table)})
    if "id" not in frame:
        raise UserError(
            "has no column 'id'", file=path, remedy="columns are id and score, optionally task"
        )
    keys = [column for column in ("task", "id") if column in frame]
    repeated = frame[frame.duplicated(keys)]
    if len(repeated):
        raise UserError(
            f"scores '{repeated['id'].iloc[0]}' twice", file=path, remedy="keep one row per id"
        )
    return ExternalScores(name, path, frame)


def check_unambiguous(external: ExternalScores, ids_of_task: Mapping[str, Sequence[str]]) -> None:
    """Refuse a table without a column ``task`` whose ids belong to several tasks.

    Ids that were made up, such as ``test-0``, are the same in every task.
    """
    ids = set(external.frame["id"])
    matching = [task for task, names in ids_of_task.items() if not ids.isdisjoint(names)]
    if len(matching) > 1:
        raise UserError(
            f"its ids are in the tasks {', '.join(matching)}",
            file=external.path,
            remedy="add a column task",
        )


def covered(
    external: ExternalScores, task: str, cell: Cell, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Test rows that a tool covers, and its scores of them.

    Parameters
    ----------
    cell
        Any model's predictions of the task.
    classes
        Of the task; columns of these names are scores of each, ``score`` is one for all.

    Returns
    -------
    rows, scores
        Indices of the rows, and ``float64[rows, classes]`` (regression: one column).

    Raises
    ------
    UserError
        If the table has neither ``score`` nor a column per class, or a score is no number.
    """
    import pandas as pd

    frame = external.of_task(task)
    place = frame.index.get_indexer(pd.Index(cell.ids))
    if not (place >= 0).any():  # a tool need not know every kind of task
        return np.empty(0, dtype=np.int64), np.empty((0, len(classes)))
    columns = _score_columns(external, cell.kind, classes)
    texts = frame[columns].to_numpy()[place[place >= 0]]
    values = _numbers(external, texts)
    known = ~np.isnan(values).any(axis=1)
    rows = np.flatnonzero(place >= 0)[known]
    return rows, _as_scores(values[known], cell.kind, len(classes))


def _score_columns(external: ExternalScores, kind: str, classes: Sequence[str]) -> list[str]:
    if kind in ("multiclass", "multilabel") and all(name in external.frame for name in classes):
        return list(classes)
    if "score" in external.frame and kind != "multiclass":
        return ["score"]
    wanted = "a column per class" if kind == "multiclass" else "a column score"
    raise UserError(f"has no scores of a {kind} task", file=external.path, remedy=f"give {wanted}")


def _numbers(external: ExternalScores, texts: np.ndarray) -> np.ndarray:
    import pandas as pd

    flat = pd.Series(texts.ravel(), dtype=str)
    unknown = flat.map(is_missing).astype(bool)
    values = pd.to_numeric(flat.mask(unknown), errors="coerce")
    bad = flat[~np.isfinite(values) & ~unknown]
    if len(bad):
        raise UserError(
            f"score '{bad.iloc[0]}' is not a number", file=external.path, remedy="correct it"
        )
    return np.asarray(values.to_numpy(dtype=np.float64).reshape(texts.shape))


def _as_scores(values: np.ndarray, kind: str, classes: int) -> np.ndarray:
    """One column per class: a single score ranks class 1 of two, and every label alike."""
    if kind == "binary":
        return np.concatenate([-values, values], axis=1)
    if kind == "multilabel" and values.shape[1] == 1:
        return np.repeat(values, classes, axis=1)
    return values
