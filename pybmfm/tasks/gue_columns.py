"""The columns of a GUE table: sequence and label under their usual names, or columns of 0 and 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pybmfm.core import UserError, read_table

if TYPE_CHECKING:
    import pandas as pd

# As found in published trees; compared without case, blanks and underscores.
SEQUENCE_NAMES = ("sequence", "seq", "dna", "dnaseq", "dnasequence", "text")
LABEL_NAMES = ("label", "class", "target", "y")
OTHER_NAMES = ("id", "name", "index", "chrom", "chr", "start", "end", "strand", "group")
TRUE, FALSE = {"1", "1.0", "True"}, {"0", "0.0", "False"}


def read_gue_columns(path: Path) -> pd.DataFrame:
    """Read a split as text columns ``sequence`` and ``label``, or ``sequence`` and ``labels``.

    ``labels`` is made where a table has no label but two or more columns of 0 and 1 (as those of
    Sei): the names of the columns that are 1, as ``a|b|c``.

    Raises
    ------
    UserError
        If there is no column of either kind.
    """
    frame = read_table(path).fillna("")
    names = {_plain(name): name for name in reversed(list(frame.columns))}
    sequence = _first(names, SEQUENCE_NAMES)
    if sequence is None:
        raise _no_column(path, "sequence", frame)
    label = _first(names, LABEL_NAMES)
    table = frame[[sequence]].rename(columns={sequence: "sequence"}).astype(str)
    if label is not None:
        table["label"] = frame[label].astype(str)
    else:
        others = [n for n in frame.columns if n != sequence and _plain(n) not in OTHER_NAMES]
        table["labels"] = _joined_labels(frame[others], path, frame)
    return table.assign(**{str(name): table[name].str.strip() for name in table})


def _joined_labels(marks: pd.DataFrame, path: Path, frame: pd.DataFrame) -> list[str]:
    cells = marks.astype(str).to_numpy()
    hot = np.isin(cells, list(TRUE))
    if marks.shape[1] < 2 or not (hot | np.isin(cells, list(FALSE))).all():
        raise _no_column(path, "label", frame)
    names = [str(name).strip().replace("|", "_") for name in marks.columns]
    return ["|".join(names[place] for place in np.flatnonzero(row)) for row in hot]


def _no_column(path: Path, name: str, frame: pd.DataFrame) -> UserError:
    found = ", ".join(map(str, frame.columns[:8])) + (", ..." if len(frame.columns) > 8 else "")
    return UserError(
        f"has no column '{name}' (found: {found})",
        file=path,
        remedy="a GUE table has the columns sequence and label, or columns of 0 and 1 as labels",
    )


def _first(names: dict[str, str], known: tuple[str, ...]) -> str | None:
    return next((names[name] for name in known if name in names), None)


def _plain(name: object) -> str:
    return str(name).strip().lower().replace("_", "").replace(" ", "")
