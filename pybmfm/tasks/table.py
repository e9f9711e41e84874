"""The task table: ids, sequences and targets, from CSV, TSV or Parquet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import (
    UserError,
    derive_seed,
    filled_column,
    is_missing,
    read_table,
    row_place,
    sequence_column,
    text_column,
    with_known_names,
)
from pybmfm.tasks.kinds import TARGET_COLUMN, check_kind
from pybmfm.tasks.labels import UNKNOWN, ClassIndex, class_names, joined_labels, split_labels
from pybmfm.tasks.letters import clean_sequences, decide_encoded, replaced_sentence

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
SPLITS = ("train", "dev", "test")
COLUMNS = ("id", "sequence", "group", "unknown", *sorted(set(TARGET_COLUMN.values())))


@dataclass(frozen=True)
class TaskTable:
    """One split of a task.

    Attributes
    ----------
    ids
        One name per row, unique in the table.
    sequences
        Upper-case text of ``ACGTN``, or encoded text with variant symbols.
    kind
        ``binary``, ``multiclass``, ``multilabel`` or ``regression``.
    targets
        ``int64[n]`` class index, ``int8[n, classes]`` multi-hot (-1 where a label is not
        known) or ``float32[n]`` value.
    classes
        Labels in the order of the class indices; empty for regression. The second class of a
        binary task is the positive one.
    groups
        Rows with the same text belong together; a row without a group is its own.
    encoded
        Whether the sequences may hold variant symbols.
    counts
        ``read``, ``used``, ``dropped`` by reason, ``letters_replaced`` by N,
        ``uracils_read_as_t``; of a multilabel table the cells that are ``unknown_labels``.
    """

    ids: list[str]
    sequences: list[str]
    kind: str
    targets: np.ndarray
    classes: list[str]
    groups: list[str]
    encoded: bool
    counts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)

    def take(self, rows: np.ndarray, reason: str) -> TaskTable:
        """Return the table of ``rows`` (indices); the others count as dropped for ``reason``."""
        dropped = {**self.counts.get("dropped", {}), reason: len(self) - len(rows)}
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            sequences=[self.sequences[row] for row in rows],
            groups=[self.groups[row] for row in rows],
            targets=self.targets[rows],
            counts={**self.counts, "used": len(rows), "dropped": dropped},
        )


@dataclass(frozen=True)
class _RawTable:
    """A table as read: text columns and where they came from."""

    path: Path
    ids: list[str]
    sequences: list[str]
    targets: list[str]
    unknown: list[str]
    groups: list[str]


def read_task_table(
    path: str | Path, kind: str, classes: Sequence[str] | None = None, alphabet: str = "auto"
) -> TaskTable:
    """Read one table of a task.

    Parameters
    ----------
    path
        CSV, TSV (also ``.gz``) or Parquet with ``sequence``, the target column of ``kind``
        (``label``; ``labels`` as ``a|b|c``; ``value``), optionally ``id`` and ``group``.
        Other columns are ignored. Labels that are not known stand in ``unknown`` as ``a|b|c``.
        A multilabel table without ``labels`` may have a column of 0 and 1 for each label, where
        a missing cell is not known.
    kind
        ``binary``, ``multiclass``, ``multilabel`` or ``regression``.
    classes
        Labels in order, such as those of the training table; found from the table if None.
    alphabet
        ``plain``, ``encoded``, or ``auto`` to go by the manifest and the characters.

    Raises
    ------
    UserError
        If a column is missing, a sequence empty, a target absent or unreadable, a label
        unknown, an id repeated, or the table has no rows.
    """
    raw = _read_raw(Path(path), check_kind(kind))
    encoded = decide_encoded(raw.path, raw.sequences, alphabet)
    if classes is None:
        classes = _find_classes(raw, kind)
    return _build(raw, kind, list(classes), encoded)


def read_task_splits(
    train: str | Path,
    dev: str | Path,
    test: str | Path,
    kind: str,
    max_train_rows: int | None = None,
    seed: int = 0,
    alphabet: str = "auto",
) -> dict[str, TaskTable]:
    """Read the three tables of a task with the classes of the training table.

    The three are encoded text if any of them is. ``max_train_rows`` keeps that many training
    rows, every class in proportion and rows of a group together as far as the number allows,
    drawn from ``seed``; classes are those of the whole training table.

    Raises
    ------
    UserError
        As :func:`read_task_table`; also if dev or test hold a label that training lacks.
    """
    check_kind(kind)
    raw = {
        split: _read_raw(Path(path), kind)
        for split, path in zip(SPLITS, (train, dev, test), strict=True)
    }
    encoded = any(decide_encoded(table.path, table.sequences, alphabet) for table in raw.values())
    classes = _find_classes(raw["train"], kind)
    tables = {split: _build(table, kind, classes, encoded) for split, table in raw.items()}
    if max_train_rows is not None and max_train_rows < len(tables["train"]):
        rows = sample_rows(tables["train"], max_train_rows, seed)
        tables["train"] = tables["train"].take(rows, "max_train_rows")
        log.info("train: %s of %s rows drawn", f"{len(rows):,}", f"{len(raw['train'].ids):,}")
    return tables


def sample_rows(table: TaskTable, rows: int, seed: int) -> np.ndarray:
    """Draw ``rows`` row indices, in input order, every class in proportion.

    Groups are shuffled and taken whole, but for the one at a class's border.
    """
    order = _rank_of_group(table.groups, seed)
    if table.kind not in ("binary", "multiclass"):
        return np.sort(np.argsort(order, kind="stable")[:rows])
    sizes = np.bincount(table.targets, minlength=len(table.classes))
    chosen = []
    for index, quota in enumerate(_quotas(sizes, rows)):
        members = np.flatnonzero(table.targets == index)
        chosen.append(members[np.argsort(order[members], kind="stable")[:quota]])
    return np.sort(np.concatenate(chosen))


def _read_raw(path: Path, kind: str) -> _RawTable:
    frame = with_known_names(read_table(path), COLUMNS)
    if kind == "multilabel" and "labels" not in frame:
        frame = _with_joined_labels(frame, path)
    _check_columns(frame, path, kind)
    if len(frame) == 0:
        raise UserError("has no rows", file=path, remedy="give a table with at least one row")
    sequences = sequence_column(frame, path)
    stem = path.name.split(".")[0]
    ids = text_column(frame, "id") if "id" in frame else [f"{stem}-{n}" for n in range(len(frame))]
    _check_ids(path, ids)
    groups = text_column(frame, "group") if "group" in frame else [""] * len(frame)
    return _RawTable(
        path=path,
        ids=ids,
        sequences=sequences,
        targets=_target_cells(frame, path, kind),
        unknown=text_column(frame, "unknown") if "unknown" in frame else [""] * len(frame),
        groups=[group or own for group, own in zip(groups, ids, strict=True)],
    )


def _with_joined_labels(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    found = joined_labels(frame, path)
    return frame if found is None else frame.assign(labels=found[0], unknown=found[1])


def _check_columns(frame: pd.DataFrame, path: Path, kind: str) -> None:
    missing = [name for name in ("sequence", TARGET_COLUMN[kind]) if name not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns[:8])) + (", ..." if len(frame.columns) > 8 else "")
        raise UserError(
            f"has no column '{missing[0]}' (found: {found})",
            file=path,
            remedy=f"a {kind} table needs the columns sequence and {TARGET_COLUMN[kind]}",
        )


def _target_cells(frame: pd.DataFrame, path: Path, kind: str) -> list[str]:
    """Return the targets as text; none may be missing, but a row may have none of the labels."""
    name = TARGET_COLUMN[kind]
    if kind != "multilabel":
        return filled_column(frame, name, path) if name == "label" else text_column(frame, name)
    cells = text_column(frame, name)
    _refuse(
        path,
        cells,
        lambda cell: any(map(is_missing, split_labels(cell))),
        "labels are missing ('{}')",
        "remove the row, or leave the cell empty where the row has none of the labels",
    )
    return cells


def _check_ids(path: Path, ids: list[str]) -> None:
    _refuse(path, ids, lambda text: not text, "empty id", "fill it or remove the id column")
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        repeats = {row for row, name in enumerate(ids) if name in seen or seen.add(name)}  # type: ignore[func-returns-value]
        row = min(repeats)
        raise UserError(
            f"id '{ids[row]}' occurs twice",
            file=path,
            place=row_place(path, row),
            remedy="ids must be unique in a table",
        )


def _refuse(
    path: Path, cells: Sequence[str], bad: Callable[[str], bool], problem: str, remedy: str
) -> None:
    for row, cell in enumerate(cells):
        if bad(cell):
            raise UserError(
                problem.format(cell), file=path, place=row_place(path, row), remedy=remedy
            )


def _find_classes(raw: _RawTable, kind: str) -> list[str]:
    if kind == "regression":
        return []
    if kind == "multilabel":
        return class_names(label for cell in raw.targets for label in split_labels(cell))
    classes = class_names(raw.targets)
    if (kind == "binary" and len(classes) != 2) or len(classes) < 2:
        wanted = "exactly two classes" if kind == "binary" else "at least two classes"
        shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise UserError(
            f"a {kind} task needs {wanted}, found {len(classes)} ({shown})",
            file=raw.path,
            remedy="check the label column or --kind",
        )
    return classes


def _build(raw: _RawTable, kind: str, classes: list[str], encoded: bool) -> TaskTable:
    clean = clean_sequences(raw.sequences, encoded, raw.path, lambda row: row_place(raw.path, row))
    if clean.replaced or clean.uracils:
        log.info("%s: %s", raw.path.name, replaced_sentence(clean.replaced, clean.uracils))
    targets = _targets(raw, kind, classes)
    multilabel = {"unknown_labels": int((targets == UNKNOWN).sum())} if kind == "multilabel" else {}
    return TaskTable(
        ids=raw.ids,
        sequences=clean.sequences,
        kind=kind,
        targets=targets,
        classes=classes,
        groups=raw.groups,
        encoded=encoded,
        counts={
            "read": len(raw.ids),
            "used": len(raw.ids),
            "dropped": {},
            "letters_replaced": clean.replaced,
            "uracils_read_as_t": clean.uracils,
            **multilabel,
        },
    )


def _targets(raw: _RawTable, kind: str, classes: list[str]) -> np.ndarray:
    if kind == "regression":
        return _values(raw)
    index = ClassIndex(classes)
    known = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
    remedy = f"labels of the training table are {known}"
    if kind != "multilabel":
        numbers = [index.find(cell) for cell in raw.targets]
        if None in numbers:
            row = numbers.index(None)
            raise _unknown_label(raw, row, raw.targets[row], remedy)
        return np.array(numbers, dtype=np.int64)
    # A byte per label: 2,000 diseases of 380,000 SNPs are 0.8 GB.
    hot = np.zeros((len(raw.targets), len(classes)), dtype=np.int8)
    for row, cell in enumerate(raw.unknown):
        numbers = [index.find(label) for label in split_labels(cell)]
        hot[row, [number for number in numbers if number is not None]] = UNKNOWN
    for row, cell in enumerate(raw.targets):
        for label in split_labels(cell):
            number = index.find(label)
            if number is None:
                raise _unknown_label(raw, row, label, remedy)
            hot[row, number] = 1
    return hot


def _unknown_label(raw: _RawTable, row: int, label: str, remedy: str) -> UserError:
    return UserError(
        f"unknown label '{label}'", file=raw.path, place=row_place(raw.path, row), remedy=remedy
    )


def _values(raw: _RawTable) -> np.ndarray:
    def unreadable(cell: str) -> bool:
        try:
            return not np.isfinite(float(cell))
        except ValueError:
            return True

    _refuse(raw.path, raw.targets, unreadable, "value '{}' is not a number", "correct or remove it")
    return np.array([float(cell) for cell in raw.targets], dtype=np.float32)


def _rank_of_group(groups: list[str], seed: int) -> np.ndarray:
    """Place of each row's group in a shuffled order of the groups."""
    number: dict[str, int] = {}
    members = np.array([number.setdefault(group, len(number)) for group in groups])
    generator = np.random.default_rng(derive_seed(seed, "training rows"))
    shuffled: np.ndarray = generator.permutation(len(number))[members]
    return shuffled


def _quotas(sizes: np.ndarray, rows: int) -> np.ndarray:
    """Share ``rows`` over classes in proportion to ``sizes``, at least one each if they fit."""
    exact = sizes * rows / sizes.sum()
    quotas = np.floor(exact).astype(np.int64)
    if rows >= np.count_nonzero(sizes):
        quotas = np.maximum(quotas, sizes > 0)
    while quotas.sum() < rows:
        quotas[np.argmax(np.where(quotas < sizes, exact - quotas, -np.inf))] += 1
    while quotas.sum() > rows:
        quotas[np.argmax(np.where(quotas > 1, quotas - exact, -np.inf))] -= 1
    return np.asarray(quotas)
