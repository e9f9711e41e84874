"""Control experiments: whether the results show the effects that were planted, and no others.

What a world holds is said by ``controls`` in the manifest of its task tables, one entry each:
``control``, ``expected``, ``metric`` and, by what is expected,

- ``above 0`` or ``no difference``: ``cells``, two of ``task`` and ``model``, whose difference
  (first minus second) is meant; their test rows are the same ones in the same order;
- ``chance``: ``task``, on which every model is meant but the constant one;
- ``exactly found``: ``task`` and ``rows``, the ids of the test rows that training has as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import UserError, derive_seed
from pybmfm.evaluation.bootstrap import DRAWS, Resampling, interval, metric_draws
from pybmfm.evaluation.cells import Cell, CellFolders, find_cells, load_cell
from pybmfm.evaluation.repeated import RepeatedIds
from pybmfm.evaluation.tables import mean_metrics

if TYPE_CHECKING:
    import pandas as pd

CHANCE = {"auroc": 0.5, "mcc": 0.0}
# A world has one drawing of its labels, for whoever makes it: at 95 % one world in 20 would fail
# for good though nothing is wrong.
CHANCE_LEVEL = 0.99
CHANCE_DRAWS = 20_000
CONSTANT = "majority"  # at chance whatever the labels are
Cells = Mapping[tuple[str, str], CellFolders]
Declared = Mapping[str, Any]


@dataclass(frozen=True)
class Control:
    """One row of ``controls.tsv``.

    Attributes
    ----------
    expected
        ``above 0``, ``no difference``, ``chance`` or ``exactly found``.
    difference, low, high
        Of the metric's means over seeds, with its 95 % interval; for ``chance`` that of the model
        farthest from it, 99 % and corrected for their number; for rows how many are missed or
        wrongly found.
    passed
        Whether it is as expected: the interval lies above 0, or holds 0. False where a result is
        missing.
    compared
        Tasks and models.
    """

    control: str
    expected: str
    metric: str
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    passed: bool = False
    compared: str = ""


def judge_controls(
    declared: Iterable[Declared], folders: Iterable[str | Path], repeated: RepeatedIds, seed: int
) -> pd.DataFrame:
    """Compare what a world declares with its results.

    Parameters
    ----------
    declared
        As the module says.
    folders
        Result folders.
    repeated
        What the leakage audit found.
    seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A :class:`Control` per row; none if none is declared.

    Raises
    ------
    UserError
        If results do not fit together.
    """
    import pandas as pd

    declared = list(declared)
    found = find_cells(folders) if declared else {}
    cells = {(cell.task, cell.model): cell for of_task in found.values() for cell in of_task}
    rows = [asdict(_judged(one, cells, repeated, seed)) for one in declared]
    return pd.DataFrame(rows, columns=[field.name for field in fields(Control)])


def _judged(one: Declared, cells: Cells, repeated: RepeatedIds, seed: int) -> Control:
    judge: dict[str, Callable[[], Control]] = {
        "above 0": lambda: _difference(one, cells, seed),
        "no difference": lambda: _difference(one, cells, seed),
        "chance": lambda: _chance(one, cells, seed),
        "exactly found": lambda: _leak(one, repeated),
    }
    return judge[one["expected"]]()


def _control(one: Declared, **found: Any) -> Control:
    return Control(one["control"], one["expected"], one["metric"], **found)


def _difference(one: Declared, cells: Cells, seed: int) -> Control:
    keys = [(side["task"], side["model"]) for side in one["cells"]]
    compared = " - ".join(f"{model} on {task}" for task, model in keys)
    if not all(key in cells for key in keys):
        return _control(one, compared=compared)
    first, second = (load_cell(cells[key]) for key in keys)
    if not np.array_equal(first.truth, second.truth):
        raise UserError(
            f"was tested on other rows than {cells[keys[0]].folders[0]}",
            file=cells[keys[1]].folders[0],
            remedy="give the results of one world",
        )
    metric, seed = one["metric"], derive_seed(seed, "control", one["control"])
    # The same draws of rows for both, by their order: what makes a row hard for both cancels.
    draws = [
        _draws(cell, key[1], metric, seed) for cell, key in zip((first, second), keys, strict=True)
    ]
    low, high = interval(draws[0] - draws[1])
    return _control(
        one,
        difference=mean_metrics(first)[metric] - mean_metrics(second)[metric],
        low=low,
        high=high,
        passed=low > 0 if one["expected"] == "above 0" else low <= 0 <= high,
        compared=compared,
    )


def _chance(one: Declared, cells: Cells, seed: int) -> Control:
    models = [
        cell
        for (task, model), cell in sorted(cells.items())
        if task == one["task"] and model != CONSTANT
    ]
    metric, seed = one["metric"], derive_seed(seed, "control", one["control"])
    chance, level = CHANCE[metric], 1 - (1 - CHANCE_LEVEL) / max(1, len(models))
    judged = []
    for folders in models:
        cell = load_cell(folders)
        low, high = interval(
            _draws(cell, folders.model, metric, seed, CHANCE_DRAWS) - chance, level
        )
        judged.append(
            _control(
                one,
                difference=mean_metrics(cell)[metric] - chance,
                low=low,
                high=high,
                passed=low <= 0 <= high,
                compared=f"{folders.model} on {folders.task}, farthest of {len(models)} models",
            )
        )
    # A model that is not at chance comes first, whatever the others are.
    return min(judged, key=lambda row: (row.passed, -abs(row.difference)), default=_control(one))


def _leak(one: Declared, repeated: RepeatedIds) -> Control:
    planted: Sequence[str] = one["rows"]
    if one["task"] not in repeated:
        return _control(one)
    wrong = float(len(repeated[one["task"]] ^ set(planted)))
    return _control(
        one,
        difference=wrong,
        low=wrong,
        high=wrong,
        passed=wrong == 0,
        compared=f"{len(planted)} planted in {one['task']}",
    )


def _draws(cell: Cell, model: str, metric: str, seed: int, draws: int = DRAWS) -> np.ndarray:
    resampling = Resampling(cell.groups, draws, seed)
    drawn = metric_draws(cell.kind, cell.truth, cell.scores, resampling, model)
    return drawn[metric]
