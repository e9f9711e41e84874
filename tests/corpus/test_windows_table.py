"""The table of windows on disk: the same rows however they are grouped, in little memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError, write_manifest
from pybmfm.corpus import SPLITS, read_windows, windows_table
from pybmfm.corpus.cutting import ContigWindows
from pybmfm.corpus.windows_table import COLUMNS, WINDOWS_FILE, WindowColumns, write_windows

WINDOW = st.tuples(
    st.integers(0, 10**12), st.integers(1, 10**6), st.integers(0, 99), st.integers(0, 2)
)


def make_contigs(contents: list[list[tuple[int, int, int, int]]]) -> list[ContigWindows]:
    contigs = []
    for number, rows in enumerate(contents):
        columns = np.array(rows, np.int64).reshape(-1, 4).T
        starts, lengths, passes, splits = columns
        contigs.append(
            ContigWindows(
                contig=f"contig {number}",
                starts=starts,
                ends=starts + lengths,
                passes=passes.astype(np.int32),
                splits=splits.astype(np.int8),
            )
        )
    return contigs


def write_folder(folder: Path, contigs: list[ContigWindows]) -> Path:
    folder.mkdir(exist_ok=True)
    write_windows(contigs, folder / WINDOWS_FILE)
    write_manifest(folder, artefact="windows", settings={})
    return folder


@settings(max_examples=20, deadline=None)
@given(
    contents=st.lists(st.lists(WINDOW, max_size=7), min_size=1, max_size=4),
    group=st.integers(1, 5),
)
def test_both_strands_are_read_back_however_rows_are_grouped(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[list[tuple[int, int, int, int]]],
    group: int,
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(windows_table, "GROUP_WINDOWS", group)
        folder = write_folder(tmp_path_factory.mktemp("any"), make_contigs(contents))
    table, _ = read_windows(folder)
    wanted = [
        (f"contig {number}", start, start + length, strand, in_pass, SPLITS[split])
        for number, rows in enumerate(contents)
        for start, length, in_pass, split in rows
        for strand in "+-"
    ]
    assert list(table.columns) == list(COLUMNS)
    assert list(table.itertuples(index=False, name=None)) == wanted
    plain = pd.read_parquet(folder / WINDOWS_FILE)
    assert list(plain.itertuples(index=False, name=None)) == wanted


def test_a_row_takes_26_bytes_and_columns_are_not_copied(windows: Path) -> None:
    table, _ = read_windows(windows)
    names = sum(len(table[name].cat.codes) * table[name].cat.codes.dtype.itemsize for name in
                ("contig", "strand", "split"))  # fmt: skip
    numbers = table[["start", "end", "pass"]].memory_usage(index=False).sum()
    assert names + numbers <= 26 * len(table)
    columns = WindowColumns.of(table)
    assert np.shares_memory(columns.starts, table["start"].to_numpy())
    assert columns.names == ["chr1", "chr2", "chrM"]


def test_a_broken_table_is_refused(tmp_path: Path, windows: Path) -> None:
    folder = write_folder(tmp_path / "windows", make_contigs([[(0, 9, 0, 0)]]))
    file = folder / WINDOWS_FILE
    pq.write_table(pa.table({"contig": ["a"], "start": [1]}), file)
    with pytest.raises(UserError, match="lacks the column end, strand, pass, split"):
        read_windows(folder)
    file.write_bytes((windows / WINDOWS_FILE).read_bytes()[:-20])
    with pytest.raises(UserError, match="missing or broken"):
        read_windows(folder)
    file.unlink()
    with pytest.raises(UserError, match="missing or broken"):
        read_windows(folder)
