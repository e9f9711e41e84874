"""Test rows that training has as well, as the leakage audit found them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pybmfm.core import UserError, read_manifest, read_table
from pybmfm.evaluation.leakage import REPEATED_FILE

TEST = "test"
COLUMNS = ("task", "split", "id")
# Ids of the test rows by task; a task that was not audited is absent.
RepeatedIds = Mapping[str, frozenset[str]]


def read_repeated_ids(audits: Iterable[str | Path]) -> RepeatedIds:
    """Read which test rows of which tasks are repeated in training, exactly or nearly.

    Parameters
    ----------
    audits
        Folders of ``audit-leakage``; one of an older version, without the rows, is passed over.

    Raises
    ------
    UserError
        If the rows are not as an audit writes them.
    """
    found: dict[str, frozenset[str]] = {}
    for folder in map(Path, audits):
        if not (folder / REPEATED_FILE).is_file():
            continue
        audited = read_manifest(folder)["counts"].get("task", {})
        rows = read_table(folder / REPEATED_FILE)
        if missing := [name for name in COLUMNS if name not in rows]:
            raise UserError(
                f"has no column '{missing[0]}'",
                file=folder / REPEATED_FILE,
                remedy="make the audit again",
            )
        rows = rows[rows["split"] == TEST]
        for task in audited:
            ids = frozenset(rows.loc[rows["task"] == task, "id"])
            found[task] = found.get(task, frozenset()) | ids
    return found
