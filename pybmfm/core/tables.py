"""CSV, TSV and Parquet tables, chosen by the file's name, and what their cells mean."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybmfm.core.artifacts import output_file
from pybmfm.core.errors import UserError
from pybmfm.core.text_files import COMPRESSED_SUFFIXES, open_decompressed, text_lines

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
SEPARATOR_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons"}
# A cell that says that there is no value, in any case and with blanks around: as R, Excel,
# pandas, databases and VCF write it.
MISSING = frozenset({"", ".", "na", "n/a", "#n/a", "<na>", "nan", "none", "null"})
LONGEST_MISSING = max(map(len, MISSING))
LONGEST_CELL = 2**31 - 1  # of csv; its own default is 131,072
PARQUET_MARK = b"PAR1"
BREAKING = r"[\t\r\n]"  # what no cell of tab-separated text can hold
# Columns that nobody named: the index of pandas, trailing separators.
UNNAMED = re.compile(r"|Unnamed: \d+|__index_level_\d+__")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table; every column of a text table stays text, so that ids like ``007`` survive.

    CSV has quotation marks around cells; tab-separated text has none, a mark is a letter there.
    Columns without a name are left out. Cells that say that they are missing are told by
    :func:`is_missing`; a column's text is :func:`text_column` or :func:`known_column`.

    Raises
    ------
    UserError
        If the file is missing, empty, broken, of an unknown format or no text, a row has more or
        fewer cells than the header, or two columns have one name.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        return _read_parquet(path)
    return read_delimited(path, _separator(path))


def read_delimited(
    path: str | Path,
    separator: str,
    *,
    wanted: Callable[[str], bool] | None = None,
    errors: str = "strict",
) -> pd.DataFrame:
    """Read a text table whatever its name; see :func:`read_table`.

    Parameters
    ----------
    separator
        ``","`` for CSV, or a tab.
    wanted
        Says which columns to keep, by name; None keeps all.
    errors
        ``replace`` bears bytes that are not UTF-8.
    """
    import pandas as pd

    path = Path(path)
    records = _records(path, separator, errors)
    _, header = next(records, (0, []))
    names = [name.strip() for name in header]
    _check_header(names, path, separator)
    kept = [
        place
        for place, name in enumerate(names)
        if not _unnamed(name) and (wanted is None or wanted(name))
    ]
    columns: list[list[str]] = [[] for _ in kept]
    for line, cells in records:
        if len(cells) != len(names):
            raise _ragged(path, line, len(cells), len(names))
        for column, place in zip(columns, kept, strict=True):
            column.append(cells[place])
    content = {names[place]: column for place, column in zip(kept, columns, strict=True)}
    return pd.DataFrame(content, dtype=str)


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table atomically, in the format that the file's name says.

    Tab-separated text has no quoting: a tab or line break in a cell becomes a blank.
    """
    path = Path(path)
    with output_file(path) as staging:
        if path.suffix == ".parquet":
            table.to_parquet(staging, index=False)
        elif _separator(path) == ",":
            table.to_csv(staging, index=False)
        else:
            plain = table.replace(BREAKING, " ", regex=True)
            plain.columns = [re.sub(BREAKING, " ", str(name)) for name in table.columns]
            plain.to_csv(staging, sep="\t", index=False, quoting=csv.QUOTE_NONE)


def row_place(path: str | Path, row: int) -> str:
    """Say where data row ``row`` (from 0) stands: its line in text, its row in Parquet."""
    path = Path(path)
    if path.suffix == ".parquet":
        return f"row {row + 1}"
    for number, (line, _) in enumerate(_records(path, _separator(path), "replace")):
        if number == row + 1:
            return f"line {line}"
    return f"row {row + 1}"


def is_missing(text: str) -> bool:
    """Say whether a cell's text means that there is no value: NA, N/A, NaN, None, null, empty."""
    text = text.strip()
    return len(text) <= LONGEST_MISSING and text.lower() in MISSING


def text_column(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a column's cells without outer blanks; null is empty, all else keeps its text.

    For names, such as ids: a sample may be called NA.
    """
    column = frame[name]
    absent = column.isna().tolist()
    return ["" if no else str(cell).strip() for cell, no in zip(column, absent, strict=True)]


def known_column(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a column's cells as :func:`text_column`, those that say they are missing as empty."""
    return ["" if is_missing(cell) else cell for cell in text_column(frame, name)]


def filled_column(frame: pd.DataFrame, name: str, path: Path) -> list[str]:
    """Return a column's cells as :func:`text_column`, none of which may be missing.

    Raises
    ------
    UserError
        If a cell is missing, with its row.
    """
    cells = known_column(frame, name)
    if "" in cells:
        row = cells.index("")
        said = text_column(frame, name)[row]
        raise UserError(
            f"{name} is missing ('{said}')" if said else f"empty {name}",
            file=path,
            place=row_place(path, row),
            remedy="remove the row or fill it",
        )
    return cells


def sequence_column(frame: pd.DataFrame, path: Path, name: str = "sequence") -> list[str]:
    """Return the sequences of a table, none of which may be missing.

    Raises
    ------
    UserError
        If a sequence is missing, with its row, or the column of a Parquet file is no text.
    """
    from pandas.api.types import infer_dtype

    kind = infer_dtype(frame[name], skipna=True)
    if kind not in ("string", "empty"):
        raise UserError(
            f"column '{name}' holds no text ({kind})", file=path, remedy="write strings of letters"
        )
    return filled_column(frame, name, path)


def with_known_names(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Rename columns that are called as one of ``names`` but for capitals, where none is exact."""
    found: dict[str, str] = {}
    for name in names:
        alike = [str(one) for one in frame.columns if str(one).lower() == name]
        if name not in frame and len(alike) == 1:
            found[alike[0]] = name
    return frame.rename(columns=found)


def _records(path: Path, separator: str, errors: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a text table, header first, with the line that each ends on."""
    csv.field_size_limit(LONGEST_CELL)
    lines = text_lines(path, errors)
    if separator == ",":
        reader = csv.reader(lines, strict=True)
    else:
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):  # blank lines are no rows
                yield reader.line_num, cells
    except csv.Error as error:
        raise UserError(
            f"cannot be read as a table ({error})",
            file=path,
            place=f"line {reader.line_num}",
            remedy="check its quotation marks",
        ) from error


def _check_header(names: list[str], path: Path, separator: str) -> None:
    if not names:
        raise UserError(
            "cannot be read as a table (it is empty)",
            file=path,
            remedy="give CSV, TSV or Parquet with a header line",
        )
    if names[0].startswith(PARQUET_MARK.decode()):
        raise UserError("is a Parquet file", file=path, remedy="let its name end in .parquet")
    _refuse_repeated(names, path)
    others = [other for other in SEPARATOR_NAMES if other != separator and other in names[0]]
    if len(names) == 1 and others:
        raise UserError(
            f"has {SEPARATOR_NAMES[others[0]]} between its columns, "
            f"not {SEPARATOR_NAMES[separator]}",
            file=path,
            place="line 1",
            remedy="commas go with the name .csv, tabs with .tsv or .txt",
        )


def _refuse_repeated(names: Sequence[str], path: Path) -> None:
    named = [name for name in names if not _unnamed(name)]
    repeated = [name for name in dict.fromkeys(named) if named.count(name) > 1]
    if repeated:
        raise UserError(
            f"has two columns called '{repeated[0]}'", file=path, remedy="rename or remove one"
        )


def _unnamed(name: str) -> bool:
    return UNNAMED.fullmatch(name) is not None


def _ragged(path: Path, line: int, cells: int, wanted: int) -> UserError:
    more = "more" if cells > wanted else "fewer"
    return UserError(
        f"has {more} fields than the header line ({cells}, not {wanted})",
        file=path,
        place=f"line {line}",
        remedy="name every column, and give every row as many cells",
    )


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read Parquet with plain columns: dictionaries and bytes as what they stand for."""
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    with open_decompressed(path) as handle:
        if handle.read(len(PARQUET_MARK)) != PARQUET_MARK:
            raise UserError(
                "is no Parquet file", file=path, remedy="name a text table .csv or .tsv"
            )
    try:
        # Not read_table: it would take folders called a=b for columns.
        with pq.ParquetFile(path) as file:
            table = file.read()
        _refuse_repeated(table.column_names, path)
        named = table.select([name for name in table.column_names if not _unnamed(name)])
        plain = [_plain_column(column) for column in named.columns]
        frame: pd.DataFrame = type(named).from_arrays(plain, names=named.column_names).to_pandas()
        return frame
    except UserError:
        raise
    except Exception as error:  # pyarrow raises many kinds for broken content
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"cannot be read as a table ({reason})", file=path, remedy="write the Parquet again"
        ) from error


def _plain_column(column: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    types = pa.types
    kinds = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    if any(is_kind(column.type) for is_kind in kinds):
        try:
            return column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:  # no text: of no use, but perhaps not used
            return column
    return column


def _separator(path: Path) -> str:
    suffix = path.with_suffix("").suffix if path.suffix in COMPRESSED_SUFFIXES else path.suffix
    if suffix not in SEPARATORS:
        raise UserError(
            f"unknown table format '{path.suffix}'",
            file=path,
            remedy="use .csv, .tsv (also .gz, .bz2, .xz, .zst, .zip) or .parquet",
        )
    return SEPARATORS[suffix]
