"""Few-shot curves: a model's main metric against the number of training rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pybmfm.core import UserError, derive_seed, progress
from pybmfm.evaluation.bootstrap import DRAWS, Resampling, interval, metric_draws
from pybmfm.evaluation.cells import CellFolders, find_cells, load_cell
from pybmfm.evaluation.results import read_metrics
from pybmfm.evaluation.tables import mean_metrics

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FewShotPoint:
    """One row of ``few_shot.tsv``.

    Attributes
    ----------
    train_rows
        Rows trained on.
    mean, low, high
        Main metric on the test rows: over seeds, with its 95 % interval.
    """

    task: str
    model: str
    train_rows: int
    seeds: int
    metric: str
    mean: float
    low: float
    high: float


def few_shot_curves(
    folders: Iterable[str | Path], table2: pd.DataFrame, seed: int = 0, draws: int = DRAWS
) -> pd.DataFrame:
    """Join few-shot results into curves, and end each with its point of Table 2.

    Parameters
    ----------
    folders
        Results with few training rows.
    table2
        As :func:`pybmfm.evaluation.build_tables` makes it; tasks and models that have no
        few-shot result are left out.
    """
    import pandas as pd

    by_rows: dict[int, list[Path]] = {}
    for folder in map(Path, folders):
        rows = read_metrics(folder).get("train_rows")
        if rows is None:
            raise UserError(
                "does not say how many rows it was trained on",
                file=folder,
                remedy="give few-shot results of finetune or baseline",
            )
        by_rows.setdefault(rows, []).append(folder)
    points = [
        _point(cell, rows, seed, draws)
        for rows, group in progress(sorted(by_rows.items()), "few-shot curves", unit="points")
        for cells in find_cells(group).values()
        for cell in cells
    ]
    points += list(_full_points(points, table2))
    points.sort(key=lambda point: (point.task, point.model, point.train_rows))
    columns = [*FewShotPoint.__dataclass_fields__]
    return pd.DataFrame([vars(point) for point in points], columns=columns)


def _point(folders: CellFolders, rows: int, seed: int, draws: int) -> FewShotPoint:
    cell = load_cell(folders)
    metric = str(folders.metrics[0]["metric"])
    resampling = Resampling(cell.groups, draws, derive_seed(seed, folders.task))
    drawn = metric_draws(cell.kind, cell.truth, cell.scores, resampling, folders.model)
    low, high = interval(drawn[metric])
    mean = mean_metrics(cell)[metric]
    seeds = len(folders.folders)
    return FewShotPoint(folders.task, folders.model, rows, seeds, metric, mean, low, high)


def _full_points(points: list[FewShotPoint], table2: pd.DataFrame) -> Iterator[FewShotPoint]:
    longest: dict[tuple[str, ...], int] = {}
    for point in points:
        key = (point.task, point.model, point.metric)
        longest[key] = max(point.train_rows, longest.get(key, 0))
    for row in table2[table2["seeds"] > 0].to_dict("records"):
        key = (str(row["task"]), str(row["model"]), str(row["metric"]))
        if key in longest and row["train_rows"] > longest[key]:
            wanted = {name: row[name] for name in FewShotPoint.__dataclass_fields__}
            yield FewShotPoint(**{**wanted, "train_rows": int(row["train_rows"])})
