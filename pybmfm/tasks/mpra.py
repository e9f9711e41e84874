"""A regression task from a lenti-MPRA library: sequence to measured activity."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybmfm.core import (
    UserError,
    is_missing,
    known_column,
    output_directory,
    read_table,
    row_place,
    text_column,
    with_known_names,
    write_manifest,
    write_table,
)
from pybmfm.tasks.dropped import describe_dropped
from pybmfm.tasks.gue import count_duplicates
from pybmfm.tasks.letters import clean_sequences
from pybmfm.tasks.sheet import task_table, write_task_sheet
from pybmfm.tasks.strands import with_other_strands
from pybmfm.tasks.table import SPLITS

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
REQUIRED = ("name", "split", "sequence")
NOT_ACTIVITY = {*REQUIRED, "class"}
SPLIT_NAMES = {**{split: split for split in SPLITS}, "val": "dev", "valid": "dev"}


@dataclass(frozen=True)
class MpraSettings:
    """What to read and where to write.

    Attributes
    ----------
    input
        Table with ``name, split, sequence`` and one column per cell type (TSV, CSV, ``.gz``).
    out
        Folder for the tables, ``tasks.csv`` and ``manifest.json``.
    column
        Activity column; may be left out where there is only one.
    both_strands
        Splits whose rows get their reverse complement; those of dev and test are averaged in
        the predictions.
    """

    input: Path
    out: Path
    column: str | None = None
    both_strands: tuple[str, ...] = SPLITS


def build_mpra(settings: MpraSettings) -> None:
    """Make a regression task ``mpra_<column>`` of a lenti-MPRA library.

    Every row gets its reverse complement (id ends in ``/rc``, same value and group), unless the
    library has it already: then the two rows share a group. One that lies in another split is
    neither made, since that would be a leak, nor hidden: it is counted.

    Raises
    ------
    UserError
        If a column is missing or unknown, a value is no number, or a split has no rows.
    """
    frame = _read_library(settings.input)
    column = _activity_column(frame, settings)
    usable, dropped = _usable_rows(frame, column, settings.input)
    task = "mpra_" + re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")
    tables, made = with_other_strands(usable, settings.both_strands)
    with output_directory(settings.out) as folder:
        for split in SPLITS:
            write_table(tables[split], task_table(folder, task, split))
        write_task_sheet(folder, [(task, "regression", "pearson")])
        counts = {"read": len(frame), "used": len(usable), "dropped": dropped}
        write_manifest(
            folder,
            artefact="tasks",
            settings={
                "source": "mpra",
                "column": column,
                "both_strands": list(settings.both_strands),
            },
            inputs=[settings.input],
            counts=counts,
            tasks={task: _describe(usable, tables, made)},
        )
    log.info(
        "%s: %s rows read, %s used, dropped: %s; %s reverse complements made",
        task,
        f"{len(frame):,}",
        f"{len(usable):,}",
        dropped or "none",
        f"{made['made']:,}",
    )


def _read_library(path: Path) -> pd.DataFrame:
    frame = with_known_names(read_table(path), REQUIRED)
    for name in REQUIRED:
        if name not in frame:
            found = ", ".join(map(str, frame.columns))
            raise UserError(
                f"has no column '{name}' (found: {found})",
                file=path,
                remedy="an MPRA table has name, split, sequence and an activity column",
            )
    columns = {name: text_column(frame, name) for name in map(str, frame)}
    return frame.assign(**{**columns, "sequence": known_column(frame, "sequence")})


def _activity_column(frame: pd.DataFrame, settings: MpraSettings) -> str:
    choices = [str(name) for name in frame.columns if name not in NOT_ACTIVITY]
    if settings.column in choices:
        return str(settings.column)
    if settings.column is None and len(choices) == 1:
        return choices[0]
    problem = (
        f"has no activity column '{settings.column}'"
        if settings.column
        else f"has {len(choices)} activity columns"
    )
    listed = ", ".join(choices) or "none"
    raise UserError(problem, file=settings.input, remedy=f"choose with --column: {listed}")


def _usable_rows(
    frame: pd.DataFrame, column: str, path: Path
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows with split, sequence and value, as columns id, split, sequence, value, group."""
    split = frame["split"].str.lower().map(SPLIT_NAMES)
    reasons = {
        "no_value": frame[column].map(is_missing).astype(bool),
        "empty_sequence": frame["sequence"] == "",
        "unknown_split": split.isna(),
    }
    dropped: dict[str, int] = {}
    kept = frame.index
    for reason, bad in reasons.items():
        here = bad.loc[kept]
        if here.any():
            dropped[reason] = int(here.sum())
            kept = kept[~here.to_numpy()]
    _check_numbers(frame[column].loc[kept], path)
    clean_sequences(
        list(frame.loc[kept, "sequence"]),
        False,
        path,
        lambda number: row_place(path, int(kept[number])),
    )
    usable = frame.loc[kept, ["name", "sequence"]].rename(columns={"name": "id"})
    usable["id"] = _unique_ids(list(usable["id"]))
    usable["split"] = split.loc[kept]
    usable["value"] = frame[column].loc[kept]
    for name in SPLITS:
        if not (usable["split"] == name).any():
            raise UserError(
                f"has no usable {name} rows (left out: {describe_dropped(dropped)})",
                file=path,
                remedy="check its column split",
            )
    return usable, dropped


def _check_numbers(values: pd.Series[str], path: Path) -> None:
    import math

    for row, cell in values.items():
        try:
            bad = not math.isfinite(float(cell))
        except ValueError:
            bad = True
        if bad:
            raise UserError(
                f"value '{cell}' is not a number",
                file=path,
                place=row_place(path, int(str(row))),
                remedy="correct it or leave it empty",
            )


def _unique_ids(names: list[str]) -> list[str]:
    """Number repeated and empty names, and keep the others as they are."""
    taken: set[str] = set()
    unique = []
    for row, name in enumerate(names):
        free = name if name and name not in taken else f"{name or 'row'}-{row}"
        while free in taken:
            free += "+"
        taken.add(free)
        unique.append(free)
    return unique


def _describe(
    rows: pd.DataFrame, tables: dict[str, pd.DataFrame], made: dict[str, int]
) -> dict[str, Any]:
    clean = clean_sequences(list(rows["sequence"]), encoded=False)
    return {
        "kind": "regression",
        "metric": "pearson",
        "alphabet": "plain",
        "rows": {split: len(table) for split, table in tables.items()},
        "reverse_complements": made,
        "letters_outside_acgtn": clean.replaced,
        "uracils_read_as_t": clean.uracils,
        "duplicates": count_duplicates({s: list(t["sequence"]) for s, t in tables.items()}),
    }
