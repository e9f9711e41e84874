"""CSV, TSV and Parquet tables, chosen by the file's name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pybmfm.core.artifacts import output_file
from pybmfm.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table; every column of a text table stays text, so that ids like ``007`` survive.

    Raises
    ------
    UserError
        If the file is missing, empty, broken or of an unknown format.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(
            path, sep=_separator(path), dtype=str, keep_default_na=False, comment=None
        )
    except UserError:
        raise
    except Exception as error:  # pandas raises many kinds for broken content
        reason = (
            str(error).strip().splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        )
        raise UserError(
            f"cannot be read as a table ({reason})",
            file=path,
            remedy="give CSV, TSV or Parquet with a header line",
        ) from error


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table atomically, in the format that the file's name says."""
    path = Path(path)
    with output_file(path) as staging:
        if path.suffix == ".parquet":
            table.to_parquet(staging, index=False)
        else:
            table.to_csv(staging, sep=_separator(path), index=False)


def _separator(path: Path) -> str:
    suffix = path.with_suffix("").suffix if path.suffix in {".gz", ".bz2", ".xz"} else path.suffix
    if suffix not in SEPARATORS:
        raise UserError(
            f"unknown table format '{path.suffix}'",
            file=path,
            remedy="use .csv, .tsv (also .gz) or .parquet",
        )
    return SEPARATORS[suffix]
