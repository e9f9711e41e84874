"""Cells of the tables: one model on one task, with every seed that was run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pybmfm.core import UserError, read_table
from pybmfm.evaluation.results import Result, load_result, read_metrics

EXPECTED_COLUMNS = ("task", "model", "seed")


@dataclass(frozen=True)
class CellFolders:
    """Result folders of one model on one task, by rising seed."""

    task: str
    model: str
    folders: tuple[Path, ...]
    metrics: tuple[dict[str, Any], ...]

    @property
    def seeds(self) -> list[int]:
        """The seeds that were run."""
        return [int(one["seed"]) for one in self.metrics]

    def mean(self, key: str) -> float | None:
        """Mean over seeds of a number of ``metrics.json``; None where it is not known."""
        values = [one[key] for one in self.metrics if isinstance(one.get(key), (int, float))]
        return float(np.mean(values)) if values else None


@dataclass(frozen=True)
class Cell:
    """Test predictions of one model on one task.

    Attributes
    ----------
    ids, groups, truth
        Of the test rows; the same for every seed.
    scores
        ``[n, classes]`` of each seed.
    """

    kind: str
    ids: list[str]
    groups: list[str]
    truth: np.ndarray
    scores: tuple[np.ndarray, ...]

    def take(self, rows: np.ndarray) -> Cell:
        """Return the cell of some rows (indices)."""
        return Cell(
            self.kind,
            [self.ids[row] for row in rows],
            [self.groups[row] for row in rows],
            self.truth[rows],
            tuple(scores[rows] for scores in self.scores),
        )

    def rows_digest(self) -> str:
        """Digest of the test rows, whatever their order: ids, groups and truth.

        Ids alone will not do: made-up ones, such as ``test-0``, are the same in every table.
        """
        order = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        named = [(self.ids[row], self.groups[row]) for row in order]
        digest = hashlib.sha256(json.dumps(named).encode())
        digest.update(np.ascontiguousarray(self.truth[order]).tobytes())
        return digest.hexdigest()


def find_cells(folders: Iterable[str | Path]) -> dict[str, list[CellFolders]]:
    """Group result folders by task and model, reading their metrics only.

    Raises
    ------
    UserError
        If a folder is no result, one seed of a task and model occurs twice, or results of a task
        are of different kinds.
    """
    found: dict[tuple[str, str], list[tuple[int, Path, dict[str, Any]]]] = {}
    for folder in map(Path, folders):
        metrics = read_metrics(folder)
        key = str(metrics["task"]), str(metrics["model"])
        found.setdefault(key, []).append((int(metrics["seed"]), folder, metrics))
    _check_kinds(found)
    cells: dict[str, list[CellFolders]] = {}
    for task, model in sorted(found):
        runs = sorted(found[task, model], key=lambda run: (run[0], str(run[1])))
        for one, other in pairwise(runs):
            if one[0] == other[0]:
                raise UserError(
                    f"repeats seed {one[0]} of {one[1]}",
                    file=other[1],
                    remedy="give each seed once, and few-shot results with --few-shot",
                )
        cells.setdefault(task, []).append(
            CellFolders(task, model, tuple(r[1] for r in runs), tuple(r[2] for r in runs))
        )
    return cells


def load_cell(cell: CellFolders) -> Cell:
    """Read the test predictions of every seed.

    Raises
    ------
    UserError
        If a file is missing, or seeds were tested on different rows.
    """
    results = [load_result(folder) for folder in cell.folders]
    _check_comparable(results)
    first = results[0]
    return Cell(
        str(first.metrics["kind"]),
        first.ids,
        first.groups,
        first.truth,
        tuple(result.scores for result in results),
    )


def read_expected(path: str | Path) -> list[tuple[str, str, int]]:
    """Read the list of cells that a run should have made: ``task, model, seed``.

    Raises
    ------
    UserError
        If a column is missing, or a seed is no number.
    """
    frame = read_table(path)
    missing = [name for name in EXPECTED_COLUMNS if name not in frame]
    if missing:
        raise UserError(
            f"has no column '{missing[0]}'",
            file=path,
            remedy=f"columns are {', '.join(EXPECTED_COLUMNS)}",
        )
    rows = frame[list(EXPECTED_COLUMNS)].astype(str).values.tolist()
    for place, (_, _, seed) in enumerate(rows, start=2):
        if not seed.isdigit():
            raise UserError(
                f"seed '{seed}' is not a whole number",
                file=path,
                place=f"line {place}",
                remedy="correct it",
            )
    return [(task, model, int(seed)) for task, model, seed in rows]


def _check_kinds(
    found: Mapping[tuple[str, str], Sequence[tuple[int, Path, dict[str, Any]]]],
) -> None:
    first: dict[str, tuple[str, Path]] = {}
    for (task, _), runs in sorted(found.items()):
        for _, folder, metrics in runs:
            kind, other = first.setdefault(task, (metrics["kind"], folder))
            if metrics["kind"] != kind:
                raise UserError(
                    f"is of a {metrics['kind']} task '{task}', {other} of a {kind} one",
                    file=folder,
                    remedy="give results of one kind for each task",
                )


def _check_comparable(results: Sequence[Result]) -> None:
    first = results[0]
    for result in results[1:]:
        same_rows = result.ids == first.ids and result.groups == first.groups
        same_rows = same_rows and result.metrics["classes"] == first.metrics["classes"]
        if not same_rows or not np.array_equal(result.truth, first.truth):
            raise UserError(
                f"was tested on other rows than {first.folder}",
                file=result.folder,
                remedy="give results of one task and model that share their tables",
            )
