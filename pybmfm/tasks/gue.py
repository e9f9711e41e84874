"""Task tables from a GUE folder tree: one folder per task with train, dev and test."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybmfm.core import (
    UserError,
    output_directory,
    progress,
    read_table,
    write_manifest,
    write_table,
)
from pybmfm.tasks.kinds import DEFAULT_METRIC
from pybmfm.tasks.letters import clean_sequences
from pybmfm.tasks.sheet import write_task_sheet
from pybmfm.tasks.table import SPLITS, natural_order

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
ENDINGS = (".csv", ".csv.gz")


@dataclass(frozen=True)
class GueSettings:
    """What to read and where to write.

    Attributes
    ----------
    input
        Folder at or above the task folders.
    out
        Folder for the tables, ``tasks.csv`` and ``manifest.json``.
    tasks
        Names to build; all that are complete if empty.
    """

    input: Path
    out: Path
    tasks: tuple[str, ...] = ()


def build_gue(settings: GueSettings) -> None:
    """Make task tables of every task folder below ``settings.input``.

    A task is named for its folder where that begins with the name of the folder above
    (``prom/prom_300_all``), else for both (``tf/0`` is ``tf_0``). Two classes make a binary
    task, more a multiclass one. Rows keep their order; what is dropped is counted by reason,
    and sequences repeated across splits are counted and kept, as published.

    Raises
    ------
    UserError
        If there is no complete task, a name is unknown, or a table lacks a column.
    """
    complete, incomplete = find_tasks(settings.input)
    chosen = _choose(settings, complete, incomplete)
    for name, lacking in incomplete.items():
        log.info("%s left out: no %s table", name, " and ".join(lacking))
    with output_directory(settings.out) as folder:
        tasks: dict[str, Any] = {}
        for name in progress(chosen, "building tasks", unit="tasks"):
            tasks[name] = _build_task(name, complete[name], folder)
        write_task_sheet(folder, [(name, t["kind"], t["metric"]) for name, t in tasks.items()])
        write_manifest(
            folder,
            artefact="tasks",
            settings={"source": "gue", "tasks": list(settings.tasks)},
            inputs=[complete[name][split] for name in chosen for split in SPLITS],
            counts=_sum_counts(tasks),
            tasks=tasks,
            incomplete={name: [f"no {split}" for split in x] for name, x in incomplete.items()},
        )
    total = _sum_counts(tasks)
    log.info(
        "%d tasks, %s rows read, %s used, dropped: %s",
        len(tasks),
        f"{total['read']:,}",
        f"{total['used']:,}",
        total["dropped"] or "none",
    )


def find_tasks(root: Path) -> tuple[dict[str, dict[str, Path]], dict[str, list[str]]]:
    """Find task folders: those with all three tables, and those that lack some, by name.

    Raises
    ------
    UserError
        If the folder is missing or two task folders have the same name.
    """
    if not root.is_dir():
        raise UserError("no such folder", file=root, remedy="check the path")
    complete: dict[str, dict[str, Path]] = {}
    incomplete: dict[str, list[str]] = {}
    for folder in sorted([root, *(path for path in root.rglob("*") if path.is_dir())]):
        files = {split: file for split in SPLITS if (file := _split_file(folder, split))}
        if not files:
            continue
        name = task_name(folder)
        if name in complete or name in incomplete:
            raise UserError(
                f"two task folders are called '{name}'", file=root, remedy="give one at a time"
            )
        if len(files) == len(SPLITS):
            complete[name] = files
        else:
            incomplete[name] = [split for split in SPLITS if split not in files]
    return complete, incomplete


def task_name(folder: Path) -> str:
    """Return the task's name: the leaf folder, with its parent unless the leaf repeats it."""
    folder = folder.absolute()
    leaf, parent = folder.name, folder.parent.name
    name = leaf if leaf.startswith(parent) else f"{parent}_{leaf}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _split_file(folder: Path, split: str) -> Path | None:
    files = (folder / f"{split}{ending}" for ending in ENDINGS)
    return next((file for file in files if file.is_file()), None)


def _choose(
    settings: GueSettings, complete: dict[str, Any], incomplete: dict[str, list[str]]
) -> list[str]:
    for name in settings.tasks:
        if name in incomplete:
            raise UserError(
                f"task '{name}' has no {' and '.join(incomplete[name])} table",
                file=settings.input,
                remedy="a task needs train, dev and test",
            )
        if name not in complete:
            near = difflib.get_close_matches(name, complete, n=3, cutoff=0.4)
            raise UserError(
                f"no task '{name}'",
                file=settings.input,
                remedy=f"there is {', '.join(near or complete) or 'none'}",
            )
    if not complete:
        raise UserError(
            "holds no folder with train.csv, dev.csv and test.csv",
            file=settings.input,
            remedy="give the folder that GUE was unpacked to",
        )
    return list(dict.fromkeys(settings.tasks)) or list(complete)


def _build_task(name: str, files: dict[str, Path], folder: Path) -> dict[str, Any]:
    frames = {split: _read_split(path) for split, path in files.items()}
    classes = natural_order(sorted(set(frames["train"]["label"]) - {""}))
    if len(classes) < 2:
        raise UserError(
            f"has {len(classes)} classes", file=files["train"], remedy="a task needs two or more"
        )
    kind = "binary" if len(classes) == 2 else "multiclass"
    splits, kept = {}, {}
    for split, frame in frames.items():
        kept[split], splits[split] = _clean(frame, classes)
        kept[split].insert(0, "id", [f"{name}-{split}-{row}" for row in kept[split].index])
        if len(kept[split]) == 0:
            raise UserError("has no usable row", file=files[split], remedy="check its columns")
        write_table(kept[split], folder / name / f"{split}.csv")
    return {
        "kind": kind,
        "metric": DEFAULT_METRIC[kind],
        "classes": classes,
        "alphabet": "plain",
        "splits": splits,
        "duplicates": count_duplicates({split: list(kept[split]["sequence"]) for split in SPLITS}),
    }


def _read_split(path: Path) -> pd.DataFrame:
    frame = read_table(path)
    for column in ("sequence", "label"):
        if column not in frame:
            found = ", ".join(map(str, frame.columns))
            raise UserError(
                f"has no column '{column}' (found: {found})",
                file=path,
                remedy="a GUE table has the columns sequence and label",
            )
    table: pd.DataFrame = frame[["sequence", "label"]].fillna("").astype(str)
    return table.assign(**{str(name): table[name].str.strip() for name in table})


def _clean(frame: pd.DataFrame, classes: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Leave out unusable rows (the index keeps the input's row numbers), and count."""
    reasons = {
        "empty_sequence": frame["sequence"] == "",
        "no_label": frame["label"] == "",
        "class_not_in_train": ~frame["label"].isin([*classes, ""]),
    }
    dropped, usable = {}, frame
    for reason, bad in reasons.items():
        here = bad.loc[usable.index]
        if here.any():
            dropped[reason] = int(here.sum())
            usable = usable[~here]
    _, replaced = clean_sequences(list(usable["sequence"]), encoded=False)
    counts = {
        "read": len(frame),
        "used": len(usable),
        "dropped": dropped,
        "letters_outside_acgtn": replaced,
    }
    return usable.copy(), counts


def count_duplicates(sequences: dict[str, list[str]]) -> dict[str, int]:
    """Count repeated rows: in each split, and rows of a split that stand in an earlier one."""
    upper = {split: [text.upper() for text in rows] for split, rows in sequences.items()}
    counts = {split: len(rows) - len(set(rows)) for split, rows in upper.items()}
    for index, later in enumerate(SPLITS):
        for earlier in SPLITS[:index]:
            known = set(upper[earlier])
            counts[f"{earlier}/{later}"] = sum(text in known for text in upper[later])
    return counts


def _sum_counts(tasks: dict[str, Any]) -> dict[str, Any]:
    parts = [split for task in tasks.values() for split in task["splits"].values()]
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, number in part["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + number
    return {
        "read": sum(part["read"] for part in parts),
        "used": sum(part["used"] for part in parts),
        "dropped": dropped,
    }
