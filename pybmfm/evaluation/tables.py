"""Result folders joined into one table with intervals and the paper's figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pybmfm.core import UserError, derive_seed, progress
from pybmfm.evaluation.bootstrap import DRAWS, bootstrap_intervals
from pybmfm.evaluation.published import published_figure
from pybmfm.evaluation.results import Result, load_result
from pybmfm.tasks.kinds import METRICS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("task", "model", "seeds", "metric", "mean", "low", "high", "published")


def result_tables(folders: Iterable[str | Path], seed: int = 0, draws: int = DRAWS) -> pd.DataFrame:
    """Join results into the long table of tasks, models and metrics.

    Parameters
    ----------
    folders
        Result folders, in any order; those of one task and model differ by their seed.
    seed
        Seed of the bootstrap.
    draws
        Number of bootstrap draws.

    Returns
    -------
    DataFrame
        ``task, model, seeds`` (how many), ``metric, mean`` (over seeds, test rows),
        ``low, high`` (95 % interval, groups and seeds resampled), ``published`` (text). The
        task's main metric is the first row of each task and model.

    Raises
    ------
    UserError
        If seeds of one task and model were tested on different rows, or one seed occurs twice.
    """
    import pandas as pd

    cells: dict[tuple[str, str], list[Result]] = {}
    for folder in folders:
        result = load_result(folder)
        cells.setdefault((result.metrics["task"], result.metrics["model"]), []).append(result)
    rows = [
        row
        for key in progress(sorted(cells), "intervals", unit="results")
        for row in _cell_rows(cells[key], seed, draws)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the main metric of each task and model: their first row."""
    return table.drop_duplicates(["task", "model"], keep="first").reset_index(drop=True)


def _cell_rows(results: list[Result], seed: int, draws: int) -> Iterator[tuple[object, ...]]:
    """Rows of one task and model, its main metric first."""
    results = sorted(results, key=lambda result: int(result.metrics["seed"]))
    _check_comparable(results)
    first = results[0].metrics
    kind, task, model = first["kind"], first["task"], first["model"]
    # The same draws for every model of a task, so that the intervals can be compared.
    intervals = bootstrap_intervals(
        kind,
        results[0].truth,
        [result.scores for result in results],
        results[0].groups,
        draws=draws,
        seed=derive_seed(seed, task),
    )
    for metric in sorted(METRICS[kind], key=lambda name: name != first["metric"]):
        values = [_number(result.metrics["test"][metric]) for result in results]
        published = published_figure(task, model, metric)
        low, high = intervals[metric]
        yield task, model, len(results), metric, float(np.mean(values)), low, high, published


def _check_comparable(results: Sequence[Result]) -> None:
    first = results[0]
    for number, result in enumerate(results[1:]):
        if result.ids != first.ids or not np.array_equal(result.truth, first.truth):
            raise UserError(
                f"was tested on other rows than {first.folder}",
                file=result.folder,
                remedy="give results of one task and model that share their tables",
            )
        if result.metrics["seed"] == results[number].metrics["seed"]:
            raise UserError(
                f"repeats seed {result.metrics['seed']} of {results[number].folder}",
                file=result.folder,
                remedy="give each seed once",
            )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
