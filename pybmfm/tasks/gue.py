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
    row_place,
    write_manifest,
    write_table,
)
from pybmfm.tasks.dropped import describe_dropped
from pybmfm.tasks.gue_columns import read_gue_columns
from pybmfm.tasks.kinds import DEFAULT_METRIC
from pybmfm.tasks.labels import ClassIndex, class_names, split_labels
from pybmfm.tasks.letters import clean_sequences
from pybmfm.tasks.sheet import task_table, write_task_sheet
from pybmfm.tasks.strands import with_other_strands
from pybmfm.tasks.table import SPLITS

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
STEMS = {"train": ("train",), "dev": ("dev", "valid", "val", "validation"), "test": ("test",)}


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
    both_strands
        Splits whose rows get their reverse complement, see `with_other_strands`; those of dev
        and test are averaged in the predictions.
    """

    input: Path
    out: Path
    tasks: tuple[str, ...] = ()
    both_strands: tuple[str, ...] = ()


def build_gue(settings: GueSettings) -> None:
    """Make task tables of every task folder below ``settings.input``.

    A task is named for its folder where that begins with the name of the folder above
    (``prom/prom_300_all``), else for both (``tf/0`` is ``tf_0``). Two classes make a binary
    task, more a multiclass one, columns of 0 and 1 a multilabel one. Rows keep their order; what
    is dropped is counted by reason, and sequences repeated across splits are counted and kept,
    as published. Of a whole tree, a task whose tables cannot be used is left out and said so.

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
        unusable: dict[str, UserError] = {}
        for name in progress(chosen, "building tasks", unit="tasks"):
            try:
                tasks[name] = _build_task(name, complete[name], folder, settings.both_strands)
            except UserError as error:
                if settings.tasks or len(chosen) == 1:
                    raise
                unusable[name] = error
                log.info("%s left out: %s", name, error)
        if not tasks:
            raise next(iter(unusable.values()))
        write_task_sheet(folder, [(name, t["kind"], t["metric"]) for name, t in tasks.items()])
        write_manifest(
            folder,
            artefact="tasks",
            settings={
                "source": "gue",
                "tasks": list(settings.tasks),
                "both_strands": list(settings.both_strands),
            },
            inputs=[complete[name][split] for name in tasks for split in SPLITS],
            counts=_sum_counts(tasks),
            tasks=tasks,
            incomplete={name: [f"no {split}" for split in x] for name, x in incomplete.items()},
            unusable={name: error.problem for name, error in unusable.items()},
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
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip("._-")


def _split_file(folder: Path, split: str) -> Path | None:
    files = (folder / f"{stem}{ending}" for stem in STEMS[split] for ending in ENDINGS)
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


def _build_task(
    name: str, files: dict[str, Path], folder: Path, both_strands: Sequence[str]
) -> dict[str, Any]:
    frames = {split: read_gue_columns(path) for split, path in files.items()}
    kind, classes = _kind_and_classes(frames, files)
    splits, kept = {}, {}
    for split, frame in frames.items():
        kept[split], splits[split] = _clean(_spelt_as(frame, classes), classes, files[split])
        kept[split].insert(0, "id", [f"{name}-{split}-{row}" for row in kept[split].index])
        if len(kept[split]) == 0:
            raise UserError(
                f"has no usable row ({describe_dropped(splits[split]['dropped'])})",
                file=files[split],
                remedy="check its columns",
            )
    duplicates = count_duplicates({split: list(kept[split]["sequence"]) for split in SPLITS})
    strands: dict[str, Any] = {}
    if both_strands:
        kept, strands["reverse_complements"] = _on_both_strands(kept, both_strands)
    for split, rows in kept.items():
        write_table(rows, task_table(folder, name, split))
    return {
        "kind": kind,
        "metric": DEFAULT_METRIC[kind],
        "classes": classes,
        "alphabet": "plain",
        "splits": splits,
        "duplicates": duplicates,
        **strands,
    }


def _on_both_strands(
    kept: dict[str, pd.DataFrame], both_strands: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    import pandas as pd

    rows = pd.concat([kept[split].assign(split=split) for split in SPLITS], ignore_index=True)
    # Labels may be unknown in one split alone.
    return with_other_strands(rows.fillna(""), both_strands)


def _kind_and_classes(
    frames: dict[str, pd.DataFrame], files: dict[str, Path]
) -> tuple[str, list[str]]:
    """Judge by the training table; the other two must have the same kind of label."""
    target = "labels" if "labels" in frames["train"] else "label"
    for split, frame in frames.items():
        if target not in frame:
            raise UserError(
                f"has other columns than {files['train'].name}",
                file=files[split],
                remedy="give train, dev and test the same columns",
            )
    cells = [cell for cell in frames["train"][target] if cell]
    multilabel = target == "labels"
    classes = class_names(
        label for cell in cells for label in (split_labels(cell) if multilabel else [cell])
    )
    if len(classes) < 2:
        raise UserError(
            f"has {len(classes)} classes", file=files["train"], remedy="a task needs two or more"
        )
    if multilabel:
        return "multilabel", classes
    return "binary" if len(classes) == 2 else "multiclass", classes


def _spelt_as(frame: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Spell labels as training does.

    Labels of a multilabel row that no training row has are left out: nothing can learn them.
    """
    index = ClassIndex(classes)

    def name(label: str) -> str:
        number = index.find(label)
        return "" if number is None else classes[number]

    if "label" in frame:
        return frame.assign(label=[name(cell) or cell for cell in frame["label"]])
    columns = [column for column in ("labels", "unknown") if column in frame]
    known = {
        column: ["|".join(filter(None, map(name, split_labels(cell)))) for cell in frame[column]]
        for column in columns
    }
    return frame.assign(**known)


def _clean(
    frame: pd.DataFrame, classes: Sequence[str], path: Path
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Leave out unusable rows (the index keeps the input's row numbers), and count."""
    reasons = {"empty_sequence": frame["sequence"] == ""}
    if "label" in frame:
        reasons["no_label"] = frame["label"] == ""
        reasons["class_not_in_train"] = ~frame["label"].isin([*classes, ""])
    elif "unknown" in frame:  # a row with none of the labels is one; one that nobody knows is not
        reasons["no_label"] = frame["unknown"].map(lambda cell: len(split_labels(cell))) == len(
            classes
        )
    dropped, usable = {}, frame
    for reason, bad in reasons.items():
        here = bad.loc[usable.index]
        if here.any():
            dropped[reason] = int(here.sum())
            usable = usable[~here]
    rows = usable.index
    clean = clean_sequences(
        list(usable["sequence"]), False, path, lambda number: row_place(path, int(rows[number]))
    )
    counts = {
        "read": len(frame),
        "used": len(usable),
        "dropped": dropped,
        "letters_outside_acgtn": clean.replaced,
        "uracils_read_as_t": clean.uracils,
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
