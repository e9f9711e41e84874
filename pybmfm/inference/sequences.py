"""Named sequences from FASTA or tables, encoded text included."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pybmfm.core import (
    UserError,
    read_table,
    row_place,
    sequence_column,
    text_column,
    with_known_names,
)
from pybmfm.core.text_files import COMPRESSED_SUFFIXES
from pybmfm.genome import foreign_format, open_bytes, require_file
from pybmfm.tasks.letters import clean_sequences, decide_encoded

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
HEAD = 4096


@dataclass(frozen=True)
class NamedSequences:
    """What was read.

    Attributes
    ----------
    ids
        Names, in the order of the file; row numbers from 0 where a table has no ``id``.
    sequences
        Cleaned, upper-case text.
    encoded
        Whether variant symbols count as letters.
    replaced_letters
        Letters outside the alphabet that became N.
    uracils
        U of plain text, read as T.
    """

    ids: list[str]
    sequences: list[str]
    encoded: bool
    replaced_letters: int
    uracils: int


def read_sequences(path: str | Path, alphabet: str = "auto") -> NamedSequences:
    """Read FASTA (plain or gzip), CSV, TSV or Parquet (columns ``sequence``, optional ``id``).

    Parameters
    ----------
    alphabet
        ``plain``, ``encoded``, or ``auto``: encoded if the manifest beside it says so or any of
        the 121 variant characters occurs.

    Raises
    ------
    UserError
        If the file is missing, empty or broken, or a sequence is empty or no DNA.
    """
    path = Path(path)
    require_file(path)
    is_table = _is_table(path)
    ids, texts = _read_columns(path) if is_table else _read_fasta(path)
    if not ids:
        raise UserError("holds no sequence", file=path, remedy="give FASTA, CSV, TSV or Parquet")

    def place(number: int) -> str:
        return row_place(path, number) if is_table else f"sequence {ids[number]}"

    _refuse_empty(path, texts, place)
    encoded = decide_encoded(path, texts, alphabet)
    clean = clean_sequences(texts, encoded, path, place)
    return NamedSequences(ids, clean.sequences, encoded, clean.replaced, clean.uracils)


def _is_table(path: Path) -> bool:
    suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSED_SUFFIXES]
    return bool(suffixes) and suffixes[-1] in TABLE_SUFFIXES


def _refuse_empty(path: Path, texts: list[str], place: Callable[[int], str]) -> None:
    for number, text in enumerate(texts):
        if not text:
            raise UserError("is empty", file=path, place=place(number), remedy="remove it")


def _read_fasta(path: Path) -> tuple[list[str], list[str]]:
    with open_bytes(path) as handle:
        foreign = foreign_format(handle.read(HEAD))
    if foreign is not None:
        raise UserError(
            f"is {foreign.name}, neither FASTA nor a table", file=path, remedy=foreign.remedy
        )
    ids: list[str] = []
    parts: list[list[str]] = []
    for number, line in enumerate(_text_lines(path), start=1):
        text = line.strip()
        if text.startswith(">"):
            words = text[1:].split()
            ids.append(words[0] if words else f"sequence_{len(ids)}")
            parts.append([])
        elif text and not parts:
            raise UserError(
                "is neither FASTA nor a table",
                file=path,
                place=f"line {number}",
                remedy="give FASTA, or a file named .csv, .tsv or .parquet",
            )
        elif text:
            parts[-1].append(text)
    return ids, ["".join(pieces) for pieces in parts]


def _read_columns(path: Path) -> tuple[list[str], list[str]]:
    table = with_known_names(read_table(path), ("id", "sequence"))
    if "sequence" not in table.columns:
        raise UserError(
            f"has no column 'sequence', only {', '.join(map(str, table.columns))}",
            file=path,
            remedy="name the column of DNA 'sequence'",
        )
    texts = sequence_column(table, path)
    ids = text_column(table, "id") if "id" in table.columns else [str(n) for n in range(len(table))]
    return ids, texts


def _text_lines(path: Path) -> Iterator[str]:
    """Yield lines, whatever ends them."""
    with open_bytes(path) as handle:
        try:
            yield from io.TextIOWrapper(handle, encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"is no UTF-8 text ({error.reason} at byte {error.start})",
                file=path,
                remedy="give FASTA, or a file named .csv, .tsv or .parquet",
            ) from error
