"""Labels as people write them: one class however its number is spelt, columns of 0 and 1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, is_missing, row_place

if TYPE_CHECKING:
    import pandas as pd

WHOLE_NUMBER = re.compile(r"([+-]?\d+)\.0*")
TRUTH = {"true": "1", "false": "0"}
UNKNOWN = -1  # in place of 0 or 1, where nobody looked
OTHER = -2
# Columns beside the labels; compared without case, blanks and underscores.
SEQUENCE_NAMES = ("sequence", "seq", "dna", "dnaseq", "dnasequence", "text")
OTHER_NAMES = ("id", "name", "index", "chrom", "chr", "contig", "start", "end", "strand", "group")


def label_key(label: str) -> str:
    """Return what makes labels one: ``1.0`` is ``1``, ``True`` is ``1``, ``False`` is ``0``."""
    number = WHOLE_NUMBER.fullmatch(label)
    return number[1] if number else TRUTH.get(label.lower(), label)


def class_names(labels: Iterable[str]) -> list[str]:
    """Return the classes among labels in their natural order, each spelt in one way.

    Whole numbers are written without a point; else the first spelling in text order counts.
    """
    names: dict[str, str] = {}
    for label in sorted(set(labels)):
        names.setdefault(label_key(label), _name(label))
    return natural_order(sorted(names.values()))


class ClassIndex:
    """Finds the number of a label's class, however the label is spelt."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._numbers = {label_key(name): number for number, name in enumerate(classes)}
        self._numbers.update({name: number for number, name in enumerate(classes)})

    def find(self, label: str) -> int | None:
        """Return the number, or None if there is no such class."""
        number = self._numbers.get(label)
        return self._numbers.get(label_key(label)) if number is None else number


def natural_order(labels: Sequence[str]) -> list[str]:
    """Sort labels: by number where all are whole numbers, otherwise by text."""
    try:
        return sorted(labels, key=lambda label: (int(label), label))
    except ValueError:
        return sorted(labels)


def split_labels(cell: str) -> list[str]:
    """Return the labels of a cell ``a|b|c``."""
    return [label.strip() for label in cell.split("|") if label.strip()]


def label_columns(frame: pd.DataFrame) -> list[str]:
    """Name the columns that may be labels: all but sequence, id, place and the like."""
    others = {*SEQUENCE_NAMES, *OTHER_NAMES}
    return [str(name) for name in frame.columns if plain_name(name) not in others]


def plain_name(column: object) -> str:
    """Return a column's name without case, blanks and underscores, to compare it."""
    return str(column).strip().lower().replace("_", "").replace(" ", "")


def joined_labels(frame: pd.DataFrame, path: Path) -> tuple[list[str], list[str]] | None:
    """Read a table with a column of 0 and 1 for each label; a missing cell is not known.

    Returns
    -------
    labels, unknown
        Of each row the labels that are 1, and those that are not known, as ``a|b|c``; None if
        there are fewer than two such columns, or others among them.

    Raises
    ------
    UserError
        If nearly all cells are 0 and 1, and one is something else.
    """
    columns = label_columns(frame)
    if len(columns) < 2:
        return None
    marks = np.stack([_marks(frame[name]) for name in columns], axis=1)
    if (marks == OTHER).any():
        _refuse_odd_cell(frame, columns, marks == OTHER, path)
        return None
    names = [name.replace("|", "_") for name in columns]
    return _named(marks == 1, names), _named(marks == UNKNOWN, names)


def _marks(column: pd.Series[Any]) -> NDArray[np.int8]:
    """Return 1, 0, UNKNOWN or OTHER for each cell."""
    import pandas as pd

    numbers, texts = pd.factorize(column)
    of_text = [_mark(str(text)) for text in texts]
    return np.array([*of_text, UNKNOWN], dtype=np.int8)[numbers]  # the number of null is -1


def _mark(text: str) -> int:
    if is_missing(text):
        return UNKNOWN
    return {"1": 1, "0": 0}.get(label_key(text.strip()), OTHER)


def _named(chosen: NDArray[np.bool_], names: Sequence[str]) -> list[str]:
    return ["|".join(names[place] for place in np.flatnonzero(row).tolist()) for row in chosen]


def _refuse_odd_cell(
    frame: pd.DataFrame, columns: Sequence[str], odd: NDArray[np.bool_], path: Path
) -> None:
    """Name the cell that spoils a column of 0 and 1; a column of something else is no such."""
    if odd.sum() * 2 >= len(frame):
        return
    row, place = np.argwhere(odd)[0].tolist()
    raise UserError(
        f"column '{columns[place]}' holds '{frame[columns[place]].iloc[row]}' among its 0 and 1",
        file=path,
        place=row_place(path, row),
        remedy="write 1, 0, or nothing where the label is not known",
    )


def _name(label: str) -> str:
    number = WHOLE_NUMBER.fullmatch(label)
    return number[1] if number else label
