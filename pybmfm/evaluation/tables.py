"""Result folders joined into the tables of models and tasks, with intervals and comparisons."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import UserError, derive_seed, progress
from pybmfm.evaluation.bootstrap import DRAWS, Resampling, interval, metric_draws
from pybmfm.evaluation.cells import Cell, CellFolders, find_cells, load_cell
from pybmfm.evaluation.comparisons import Comparison, Drawn, compare_models, draws_for
from pybmfm.evaluation.external import (
    RANKING_METRICS,
    ExternalScores,
    check_unambiguous,
    covered,
)
from pybmfm.evaluation.metrics import metric_function
from pybmfm.evaluation.published import published_figure
from pybmfm.evaluation.repeated import RepeatedIds
from pybmfm.evaluation.results import read_ids_of_test
from pybmfm.tasks.kinds import METRICS

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
OTHER_ROWS = "tested on other rows than most models: not compared"


@dataclass(frozen=True)
class TableSettings:
    """What the tables are made with.

    Attributes
    ----------
    seed
        Of the bootstrap.
    draws
        Of every interval.
    threads
        Never changes the result.
    repeated
        Test rows that training has as well, by task.
    expected
        Cells that should be there: task, model, seed.
    external
        Scores of other tools.
    """

    seed: int = 0
    draws: int = DRAWS
    threads: int = 1
    repeated: RepeatedIds = field(default_factory=dict)
    expected: Sequence[tuple[str, str, int]] = ()
    external: Sequence[ExternalScores] = ()


@dataclass(frozen=True)
class Row:
    """One row of ``table2.tsv``: a model's metric on the test rows of a task.

    Attributes
    ----------
    seeds
        How many were run; 0 in a row that only says that the cell is missing.
    mean, low, high
        Over seeds, with the 95 % interval (groups and seeds resampled).
    published
        The paper's figure, as text that says what it is.
    parameters, seconds
        Of the model, and of its training: means over seeds.
    rows, train_rows
        Rows tested and trained on.
    repeated_rows
        Test rows that training has as well, exactly, as reverse complement or nearly; missing
        where the leakage audit did not look at the task.
    mean_without, low_without, high_without
        The same on the other rows.
    note
        What is missing, in words.
    """

    task: str
    model: str
    seeds: int
    metric: str
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    published: str = ""
    parameters: float | None = None
    seconds: float | None = None
    rows: int | None = None
    train_rows: float | None = None
    repeated_rows: int | None = None
    mean_without: float = math.nan
    low_without: float = math.nan
    high_without: float = math.nan
    note: str = ""


@dataclass(frozen=True)
class ExternalRow:
    """One row of ``external_scores.tsv``: a model on the rows that a tool covers.

    Attributes
    ----------
    scores
        Name of the tool.
    rows, of_rows
        Test rows covered, and all there are.
    """

    task: str
    scores: str
    model: str
    seeds: int
    metric: str
    mean: float
    low: float
    high: float
    rows: int
    of_rows: int


@dataclass(frozen=True)
class Tables:
    """Everything that the results say together."""

    table2: pd.DataFrame
    comparisons: pd.DataFrame
    external: pd.DataFrame
    missing: pd.DataFrame


def build_tables(folders: Iterable[str | Path], settings: TableSettings) -> Tables:
    """Join results into Table 2, comparisons of all models, and external scores.

    Parameters
    ----------
    folders
        Result folders, in any order; those of one task and model differ by their seed.

    Returns
    -------
    Tables
        ``table2`` as :class:`Row`, a task's main metric first for each model; ``comparisons``
        as :class:`~pybmfm.evaluation.comparisons.Comparison`; ``external`` as
        :class:`ExternalRow`; ``missing`` lists the expected cells that are not there.

    Raises
    ------
    UserError
        If seeds of one task and model were tested on different rows, one seed occurs twice, or
        external scores do not fit.
    """
    cells = find_cells(folders)
    missing = _missing(settings.expected, cells)
    _check_external(settings.external, cells)
    rows: list[Row] = []
    comparisons: list[Comparison] = []
    external: list[ExternalRow] = []
    for task in progress(sorted({*cells, *(one[0] for one in missing)}), "intervals", unit="tasks"):
        found = _Task(task, cells.get(task, []), missing, settings)
        rows += found.rows()
        comparisons += found.comparisons()
        external += found.external
    return Tables(
        _frame(rows, Row),
        _frame(comparisons, Comparison),
        _frame(external, ExternalRow),
        _missing_frame(missing),
    )


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the main metric of each task, that of its first row, for every model that has it."""
    mains = table.drop_duplicates("task")[["task", "metric"]]
    return table.merge(mains, on=["task", "metric"]).drop_duplicates(
        ["task", "model"], ignore_index=True
    )


class _Task:
    """One task: its models are read one after the other, and only their draws are kept."""

    def __init__(
        self,
        task: str,
        cells: Sequence[CellFolders],
        missing: Sequence[tuple[str, str, int]],
        settings: TableSettings,
    ) -> None:
        self.task = task
        self.settings = settings
        self.missing = [(model, seed) for name, model, seed in missing if name == task]
        self.seed = derive_seed(settings.seed, task)
        self.draws = max(settings.draws, draws_for(len(cells)) if settings.draws == DRAWS else 0)
        # Models that were tested on the same rows can be paired: by digest, in one order of ids.
        self.drawn: dict[str, dict[str, Drawn]] = {}
        self.order: dict[str, list[str]] = {}
        self.groups: dict[str, int] = {}
        self.external: list[ExternalRow] = []
        self.main = ""
        self._rows = [row for cell in cells for row in self._model(cell)]
        self._rows += self._absent({cell.model for cell in cells})

    def rows(self) -> list[Row]:
        """Rows of every model, the tools of external scores last."""
        paired = self._paired()
        rows = [
            row
            if row.model in paired or not row.seeds
            else replace(row, note=_joined(row.note, OTHER_ROWS))
            for row in self._rows
        ]
        return rows + list(self._external_rows())

    def _paired(self) -> dict[str, Drawn]:
        """Models that share their test rows with most others."""
        return self.drawn.get(self._most_common_rows(), {})

    def _most_common_rows(self) -> str:
        return max(self.drawn, key=lambda rows: len(self.drawn[rows]), default="")

    def comparisons(self) -> Iterator[Comparison]:
        """Every two models that were tested on the same rows, metric by metric."""
        models = self._paired()
        names = list(next(iter(models.values())).means) if models else []
        for metric in sorted(names, key=lambda name: name != self.main):
            groups = self.groups[self._most_common_rows()]
            yield from compare_models(self.task, metric, models, groups)

    def _model(self, folders: CellFolders) -> Iterator[Row]:
        cell = load_cell(folders)
        note = self._seeds_missing(folders.model)
        self.main = self.main or str(folders.metrics[0]["metric"])
        key = cell.rows_digest()
        order = self.order.setdefault(key, cell.ids)
        self.groups[key] = len(set(cell.groups))
        if cell.ids != order:
            place = {name: row for row, name in enumerate(cell.ids)}
            cell = cell.take(np.array([place[name] for name in order]))
        drawn = self._draw(cell, folders.model)
        self.drawn.setdefault(key, {})[folders.model] = drawn
        without, repeated = self._without_repeated(cell, folders.model)
        for metric in sorted(METRICS[cell.kind], key=lambda name: name != self.main):
            low, high = self._interval(drawn, metric)
            row = Row(
                self.task,
                folders.model,
                len(folders.folders),
                metric,
                drawn.means[metric],
                low,
                high,
                published_figure(self.task, folders.model, metric),
                folders.mean("parameters"),
                folders.mean("seconds"),
                len(cell.ids),
                folders.mean("train_rows"),
                repeated,
                note=note,
            )
            yield self._with_others(row, without, metric)
        self.external += self._same_rows(folders, cell)

    def _draw(self, cell: Cell, model: str, draws: int | None = None) -> Drawn:
        return Drawn(
            mean_metrics(cell),
            metric_draws(
                cell.kind,
                cell.truth,
                cell.scores,
                # The same draws for every model of a task: intervals compare, and models pair.
                Resampling(cell.groups, draws or self.draws, self.seed),
                model,
                self.settings.threads,
            ),
        )

    def _interval(self, drawn: Drawn, metric: str) -> tuple[float, float]:
        return interval(drawn.draws[metric][: self.settings.draws])

    def _without_repeated(self, cell: Cell, model: str) -> tuple[Drawn | None, int | None]:
        """Score the rows that training does not have, where it has some and not all."""
        if self.task not in self.settings.repeated:
            return None, None
        ids = self.settings.repeated[self.task]
        others = np.array([row for row, name in enumerate(cell.ids) if name not in ids], int)
        repeated = len(cell.ids) - len(others)
        if not repeated or not len(others):
            return None, repeated
        return self._draw(cell.take(others), model, self.settings.draws), repeated

    def _with_others(self, row: Row, without: Drawn | None, metric: str) -> Row:
        mean, low, high = math.nan, math.nan, math.nan
        if without is not None:
            mean, (low, high) = without.means[metric], self._interval(without, metric)
        elif row.repeated_rows == 0:
            mean, low, high = row.mean, row.low, row.high
        return replace(row, mean_without=mean, low_without=low, high_without=high)

    def _same_rows(self, folders: CellFolders, cell: Cell) -> Iterator[ExternalRow]:
        """Score a model, and once the tool itself, on the rows that each tool covers."""
        for scores in self.settings.external:
            rows, values = covered(scores, self.task, cell, folders.metrics[0]["classes"])
            if not len(rows):
                continue
            part = cell.take(rows)
            known = {(row.scores, row.model) for row in self.external}
            models = [(folders.model, part)]
            if (scores.name, scores.name) not in known:
                log.info(
                    "%s covers %s of %s test rows of %s",
                    scores.name, f"{len(rows):,}", f"{len(cell.ids):,}", self.task,
                )  # fmt: skip
                tool = Cell(part.kind, part.ids, part.groups, part.truth, (values,))
                models.insert(0, (scores.name, tool))
            for model, one in models:
                drawn = self._draw(one, model, self.settings.draws)
                for metric in RANKING_METRICS[cell.kind]:
                    low, high = self._interval(drawn, metric)
                    yield ExternalRow(
                        self.task, scores.name, model, len(one.scores), metric,
                        drawn.means[metric], low, high, len(rows), len(cell.ids),
                    )  # fmt: skip

    def _external_rows(self) -> Iterator[Row]:
        for row in self.external:
            if row.model == row.scores:
                yield Row(
                    self.task,
                    row.model,
                    row.seeds,
                    row.metric,
                    row.mean,
                    row.low,
                    row.high,
                    published_figure(self.task, row.model, row.metric),
                    rows=row.rows,
                    note=f"on {row.rows} of {row.of_rows} rows; the other models on the same rows "
                    "are in external_scores.tsv",
                )

    def _absent(self, found: set[str]) -> Iterator[Row]:
        for model in sorted({model for model, _ in self.missing} - found):
            yield Row(self.task, model, 0, self.main, note=self._seeds_missing(model))

    def _seeds_missing(self, model: str) -> str:
        seeds = sorted(seed for name, seed in self.missing if name == model)
        if not seeds:
            return ""
        return f"missing: no result of seed{'s' if len(seeds) > 1 else ''} " + ", ".join(
            map(str, seeds)
        )


def mean_metrics(cell: Cell) -> dict[str, float]:
    """Mean over seeds of every metric on the test rows; NaN where a seed has none."""
    ones = np.ones((1, len(cell.ids)))
    each = [metric_function(cell.kind, cell.truth, scores)(ones) for scores in cell.scores]
    return {name: float(np.mean([one[name][0] for one in each])) for name in each[0]}


def _missing(
    expected: Sequence[tuple[str, str, int]], cells: Mapping[str, Sequence[CellFolders]]
) -> list[tuple[str, str, int]]:
    found = {
        (cell.task, cell.model, seed)
        for of_task in cells.values()
        for cell in of_task
        for seed in cell.seeds
    }
    return sorted(set(expected) - found)


def _check_external(
    external: Sequence[ExternalScores], cells: Mapping[str, Sequence[CellFolders]]
) -> None:
    models = {cell.model for of_task in cells.values() for cell in of_task}
    for scores in external:
        if scores.name in models:
            raise UserError(
                f"--external-scores {scores.name} has the name of a model", remedy="rename it"
            )
    untold = [scores for scores in external if "task" not in scores.frame]
    if untold:
        ids = {task: read_ids_of_test(of_task[0].folders[0]) for task, of_task in cells.items()}
        for scores in untold:
            check_unambiguous(scores, ids)


def _frame(rows: Sequence[Any], kind: type) -> pd.DataFrame:
    import pandas as pd

    columns = [column.name for column in fields(kind)]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=columns)
    for name in {"parameters", "rows", "train_rows", "repeated_rows"} & set(columns):
        frame[name] = frame[name].astype(float).round().astype("Int64")
    if "seconds" in frame:
        frame["seconds"] = frame["seconds"].astype(float).round(1)
    return frame


def _missing_frame(missing: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(missing, columns=["task", "model", "seed"])


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
