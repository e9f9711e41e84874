"""The table of windows on disk: one Parquet row per window and strand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, read_manifest
from pybmfm.corpus.cutting import ContigWindows
from pybmfm.corpus.splits import SPLITS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

WINDOWS_FILE = "windows.parquet"
COLUMNS = ("contig", "start", "end", "strand", "pass", "split")
DTYPES = (np.int32, np.int64, np.int64, np.int8, np.int32, np.int8)  # names by their index
NAMES = ("contig", "strand", "split")  # columns of few different words
STRANDS = ("+", "-")
GROUP_WINDOWS = 1 << 18  # windows of one strand per row group


@dataclass(frozen=True)
class WindowColumns:
    """Windows as plain columns.

    Attributes
    ----------
    names : list of str
        Contigs.
    contigs
        int[n], index into ``names``.
    starts, ends
        int64[n], 0-based half-open.
    minus
        bool[n], whether the row is the minus strand.
    passes
        int32[n].
    """

    names: list[str]
    contigs: npt.NDArray[np.integer]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    minus: npt.NDArray[np.bool_]
    passes: npt.NDArray[np.int32]

    @classmethod
    def of(cls, windows: pd.DataFrame) -> WindowColumns:
        """View the columns of a table that `read_windows` gave."""
        return cls(
            names=[str(name) for name in windows["contig"].cat.categories],
            contigs=windows["contig"].cat.codes.to_numpy(),
            starts=windows["start"].to_numpy(),
            ends=windows["end"].to_numpy(),
            minus=(windows["strand"] == "-").to_numpy(),
            passes=windows["pass"].to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: npt.NDArray[np.integer]) -> WindowColumns:
        """Return some of the rows."""
        columns = [getattr(self, field.name) for field in fields(self)[1:]]
        return WindowColumns(self.names, *(column[rows] for column in columns))


def write_windows(windows: Iterable[ContigWindows], file: Path) -> None:
    """Write both strands of every window, contig by contig, in row groups."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, _schema()) as writer:
        for contig in windows:
            for first in range(0, len(contig), GROUP_WINDOWS):
                writer.write_batch(_both_strands(contig, slice(first, first + GROUP_WINDOWS)))


def read_windows(folder: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a windows folder: its rows, in order, and its manifest.

    Columns of names are categorical, so that a row takes 26 bytes, 300 MB for the 11 million
    rows of ten passes and both strands of a human genome, and little more while they are read.

    Raises
    ------
    UserError
        If it is not a windows folder, or its table is broken or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = read_manifest(folder, "windows")
    file = Path(folder) / WINDOWS_FILE
    try:
        found = pq.read_schema(file).names
        missing = [name for name in COLUMNS if name not in found]
        if missing:
            raise _broken(file, f"lacks the column {', '.join(missing)}")
        with pq.ParquetFile(file, read_dictionary=list(NAMES)) as parquet:
            return _read_groups(parquet), manifest
    except (OSError, pa.ArrowException) as error:
        raise _broken(file, "is missing or broken") from error


def _read_groups(parquet: Any) -> pd.DataFrame:
    """Read row group by row group into columns that are made once."""
    import pandas as pd

    rows = parquet.metadata.num_rows
    columns = {name: np.empty(rows, dtype) for name, dtype in zip(COLUMNS, DTYPES, strict=True)}
    words: dict[str, dict[str, int]] = {name: {} for name in NAMES}
    first = 0
    for group in range(parquet.num_row_groups):
        table = parquet.read_row_group(group, columns=list(COLUMNS)).combine_chunks()
        last = first + table.num_rows
        for name, column in columns.items():
            found = table[name].combine_chunks()
            if name in words:
                known = words[name]
                numbers = [known.setdefault(w, len(known)) for w in found.dictionary.to_pylist()]
                column[first:last] = np.array(numbers, column.dtype)[found.indices.to_numpy()]
            else:
                column[first:last] = found.to_numpy()
        first = last
    series: dict[str, Any] = {
        name: pd.Categorical.from_codes(column, pd.Index(list(words[name])))
        if name in words
        else column
        for name, column in columns.items()
    }
    return pd.DataFrame(series, copy=False)


def _broken(file: Path, problem: str) -> UserError:
    return UserError(problem, file=file, remedy="make it again with sample-genome")


def _both_strands(windows: ContigWindows, part: slice) -> pa.RecordBatch:
    import pyarrow as pa

    starts = np.repeat(windows.starts[part], 2)
    strand = np.tile(np.array([0, 1], np.int8), len(starts) // 2)
    columns = [
        spell(np.zeros(len(starts), np.int8), (windows.contig,)),
        pa.array(starts),
        pa.array(np.repeat(windows.ends[part], 2)),
        spell(strand, STRANDS),
        pa.array(np.repeat(windows.passes[part], 2)),
        spell(np.repeat(windows.splits[part], 2), SPLITS),
    ]
    return pa.record_batch(columns, schema=_schema())


def spell(codes: npt.NDArray[np.integer], words: Sequence[str]) -> pa.Array:
    """Return a column of strings, ``words[code]`` for each code."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(
        pa.array(codes), pa.array(words, pa.string())
    ).dictionary_decode()


def _schema() -> pa.Schema:
    import pyarrow as pa

    words, place = pa.string(), pa.int64()
    types = (words, place, place, words, pa.int32(), words)
    return pa.schema(list(zip(COLUMNS, types, strict=True)))
