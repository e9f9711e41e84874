"""The columns of a GUE table: sequence and label under their usual names, or columns of 0 and 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pybmfm.core import UserError, known_column, read_table
from pybmfm.tasks.labels import SEQUENCE_NAMES, joined_labels, plain_name

if TYPE_CHECKING:
    import pandas as pd

# As found in published trees.
LABEL_NAMES = ("label", "class", "target", "y")


def read_gue_columns(path: Path) -> pd.DataFrame:
    """Read a split as text columns ``sequence`` and ``label``, or ``sequence`` and ``labels``.

    ``labels`` is made where a table has no label but two or more columns of 0 and 1 (as those of
    Sei): the names of the columns that are 1, as ``a|b|c``. Cells that are missing are not known:
    their columns' names stand in ``unknown``, if there are any. A missing sequence or label is
    empty.

    Raises
    ------
    UserError
        If there is no column of either kind.
    """
    import pandas as pd

    frame = read_table(path)
    names = {plain_name(name): str(name) for name in reversed(list(frame.columns))}
    sequence = _first(names, SEQUENCE_NAMES)
    if sequence is None:
        raise _no_column(path, "sequence", frame)
    columns = {"sequence": known_column(frame, sequence)}
    label = _first(names, LABEL_NAMES)
    if label is not None:
        return pd.DataFrame({**columns, "label": known_column(frame, label)})
    found = joined_labels(frame, path)
    if found is None:
        raise _no_column(path, "label", frame)
    columns["labels"], unknown = found
    if any(unknown):
        columns["unknown"] = unknown
    return pd.DataFrame(columns)


def _no_column(path: Path, name: str, frame: pd.DataFrame) -> UserError:
    found = ", ".join(map(str, frame.columns[:8])) + (", ..." if len(frame.columns) > 8 else "")
    return UserError(
        f"has no column '{name}' (found: {found})",
        file=path,
        remedy="a GUE table has the columns sequence and label, or columns of 0 and 1 as labels",
    )


def _first(names: dict[str, str], known: tuple[str, ...]) -> str | None:
    return next((names[name] for name in known if name in names), None)
