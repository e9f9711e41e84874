"""The sheet ``tasks.csv``: which tasks there are and where their tables lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pybmfm.core import UserError, check_label, read_table, row_place, write_table
from pybmfm.tasks.kinds import TARGET_COLUMN, check_metric
from pybmfm.tasks.table import SPLITS

SHEET = "tasks.csv"
COLUMNS = ("task", "kind", "train", "dev", "test", "metric")


@dataclass(frozen=True)
class TaskEntry:
    """One line of the sheet, with paths that can be opened."""

    task: str
    kind: str
    train: Path
    dev: Path
    test: Path
    metric: str


def read_task_sheet(path: str | Path) -> list[TaskEntry]:
    """Read a sheet; its paths are relative to the folder it lies in.

    Raises
    ------
    UserError
        If a column or file is missing, a kind or metric unknown, a name unsafe or repeated.
    """
    path = Path(path)
    frame = read_table(path)
    missing = [name for name in COLUMNS[:-1] if name not in frame]
    if missing:
        raise UserError(
            f"has no column '{missing[0]}'", file=path, remedy=f"columns are {', '.join(COLUMNS)}"
        )
    entries: list[TaskEntry] = []
    for row, record in enumerate(frame.to_dict("records")):
        cells = {str(name): str(cell).strip() for name, cell in record.items()}
        entries.append(_entry(cells, path, row_place(path, row)))
    if not entries:
        raise UserError("lists no tasks", file=path, remedy="add a line per task")
    names = [entry.task for entry in entries]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise UserError(f"task '{repeated[0]}' is listed twice", file=path, remedy="rename one")
    return entries


def write_task_sheet(folder: str | Path, tasks: Iterable[tuple[str, str, str]]) -> None:
    """Write ``folder/tasks.csv`` for tasks (name, kind, metric) laid out as ``name/split.csv``."""
    import pandas as pd

    rows = [
        (task, kind, *(f"{task}/{split}.csv" for split in SPLITS), metric)
        for task, kind, metric in tasks
    ]
    write_table(pd.DataFrame(rows, columns=list(COLUMNS)), Path(folder) / SHEET)


def task_table(folder: str | Path, task: str, split: str) -> Path:
    """Return where a builder writes a table of a task: ``folder/task/split.csv``.

    Raises
    ------
    UserError
        If the task's name cannot name a folder, as it would lead out of this one.
    """
    return Path(folder) / check_label(task, "task") / f"{split}.csv"


def task_of_table(train: str | Path) -> str:
    """Name a task for its training table: the table's folder, as `build-task` lays them out.

    Raises
    ------
    UserError
        If that name is none for a task.
    """
    name = Path(train).absolute().parent.name or Path(train).name.split(".")[0]
    return check_label(name, "task", file=train, remedy="give a name by --task")


def _entry(cells: dict[str, str], path: Path, place: str) -> TaskEntry:
    check_label(cells["task"], "task", file=path, place=place)
    if cells["kind"] not in TARGET_COLUMN:
        raise UserError(
            f"unknown kind '{cells['kind']}'",
            file=path,
            place=place,
            remedy=f"use one of {', '.join(TARGET_COLUMN)}",
        )
    tables = {split: path.parent / cells[split] for split in SPLITS}
    for table in tables.values():
        if not table.is_file():
            raise UserError(
                f"no such file '{table}'", file=path, place=place, remedy="paths start at the sheet"
            )
    metric = check_metric(cells["kind"], cells.get("metric"), file=path, place=place)
    return TaskEntry(task=cells["task"], kind=cells["kind"], metric=metric, **tables)
