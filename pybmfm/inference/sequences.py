"""Named sequences from FASTA or tables, encoded text included."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pybmfm.core import UserError, read_table
from pybmfm.tasks.letters import clean_sequences, decide_encoded

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")


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
    """

    ids: list[str]
    sequences: list[str]
    encoded: bool
    replaced_letters: int


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
        If the file is missing, empty, broken, or a sequence is empty.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    ids, texts = _read_any(path)
    if not ids:
        raise UserError("holds no sequence", file=path, remedy="give FASTA, CSV, TSV or Parquet")
    for name, text in zip(ids, texts, strict=True):
        if not text:
            raise UserError("is empty", file=path, place=f"sequence {name}", remedy="remove it")
    encoded = decide_encoded(path, texts, alphabet)
    sequences, replaced = clean_sequences(texts, encoded)
    return NamedSequences(ids, sequences, encoded, replaced)


def _read_any(path: Path) -> tuple[list[str], list[str]]:
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".bgz")]
    if suffixes and suffixes[-1] in TABLE_SUFFIXES:
        return _read_columns(path)
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
    table = read_table(path)
    if "sequence" not in table.columns:
        raise UserError(
            f"has no column 'sequence', only {', '.join(map(str, table.columns))}",
            file=path,
            remedy="name the column of DNA 'sequence'",
        )
    names = table["id"] if "id" in table.columns else table.index
    return [str(name) for name in names], [str(text).strip() for text in table["sequence"]]


def _text_lines(path: Path) -> Iterator[str]:
    with _opened(path) as handle:
        try:
            yield from handle
        except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
            raise UserError(
                f"is broken or cut off ({error})", file=path, remedy="copy or make it again"
            ) from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
    if compressed:
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            yield handle
    else:
        with path.open(encoding="utf-8") as handle:
            yield handle
