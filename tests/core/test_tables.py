"""Text tables as people have them, read cell by cell or refused with the line."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pybmfm.core import (
    UserError,
    is_missing,
    known_column,
    read_table,
    row_place,
    sequence_column,
    text_column,
    write_table,
)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def cells(path: Path) -> list[list[str]]:
    frame = read_table(path)
    return [list(map(str, frame.columns)), *frame.to_numpy().tolist()]


@pytest.mark.parametrize("name", ["t.tsv", "t.txt"])
def test_tab_separated_text_has_no_quoting(tmp_path: Path, name: str) -> None:
    text = 'name\tnote\n"x1\ta\nx2\t5" tail\n"x3"\t"b""c\n'
    assert cells(write(tmp_path / name, text)) == [
        ["name", "note"], ['"x1', "a"], ["x2", '5" tail'], ['"x3"', '"b""c'],
    ]  # fmt: skip


def test_csv_has_quoting(tmp_path: Path) -> None:
    text = 'name,note\n"x,1","say ""yes"""\nx2,"two\nlines"\n'
    path = write(tmp_path / "t.csv", text)
    assert cells(path)[1:] == [["x,1", 'say "yes"'], ["x2", "two\nlines"]]
    assert row_place(path, 1) == "line 4"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ['"x', "a,b", "NA"], "note": ['5"', "", " c "]})
    for name in ("t.tsv", "t.csv", "t.parquet"):
        write_table(frame, tmp_path / name)
        assert cells(tmp_path / name)[1:] == frame.to_numpy().tolist()


def test_tabs_in_cells_become_blanks_in_tab_separated_text(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"a\tb": ["x\ty\nz"], "c": [1]}), tmp_path / "t.tsv")
    assert cells(tmp_path / "t.tsv") == [["a b", "c"], ["x y z", "1"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_are_passed_over(
    tmp_path: Path, end: str, mark: bytes
) -> None:
    text = end.join(["sequence,label", "AC,1", "", "GT,0", ""])
    path = write(tmp_path / "t.csv", mark + text.encode())
    assert cells(path) == [["sequence", "label"], ["AC", "1"], ["GT", "0"]]
    assert row_place(path, 1) == "line 4"


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("t.csv", content)
        archive.writestr("__MACOSX/._t.csv", b"\0\0")
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress),
    ("zst", zstd), ("zip", zipped),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "pack"), PACKED)
def test_packed_tables_are_read_and_rows_placed(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    path = write(tmp_path / f"t.csv.{suffix}", pack(b"a,b\n1,2\n\n3,4\n"))
    assert cells(path) == [["a", "b"], ["1", "2"], ["3", "4"]]
    assert row_place(path, 1) == "line 4"


def test_compression_is_told_by_content(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", gzip.compress(b"a,b\n1,2\n"))
    assert cells(path)[1:] == [["1", "2"]]


def test_a_cell_may_be_long(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", f"a,b\n{'A' * 300_000},1\n,2\n")
    assert read_table(path)["a"].str.len().tolist() == [300_000, 0]
    assert row_place(path, 1) == "line 3"


EXCEL = io.BytesIO()
with zipfile.ZipFile(EXCEL, "w") as workbook:
    workbook.writestr("[Content_Types].xml", "")
TWO = io.BytesIO()
with zipfile.ZipFile(TWO, "w") as archive_of_two:
    archive_of_two.writestr("a.csv", "a\n")
    archive_of_two.writestr("b.csv", "b\n")

REFUSED: list[tuple[str, bytes, str]] = [
    ("t.csv", b"a,b\n1,2\n3\n", "line 3: has fewer fields than the header line .1, not 2"),
    ("t.csv", b"a,b\n1,2\n3,4,5\n", "line 3: has more fields than the header line .3, not 2"),
    ("t.tsv", b"a\tb\n1\t2\t\n", "line 2: has more fields"),
    ("t.csv", b"a,b\n1,2\nx\0y,4\n", "line 3: holds a NUL byte"),
    ("t.tsv", b"a\tb\n1\t2\0\n", "line 2: holds a NUL byte"),
    ("t.csv", b"a,b\n1,2\nK\xf6ln,4\n", "line 3: holds bytes that are no UTF-8"),
    ("t.csv", b"a,b\r1,2\rK\xf6ln,4\r", "line 3: holds bytes that are no UTF-8"),
    ("t.csv", "a,b\n1,2\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    ("t.csv", b"", "cannot be read as a table .it is empty"),
    ("t.csv", b"\n\n", "cannot be read as a table .it is empty"),
    ("t.csv", b'a,b\n"1,2\n3,4\n', "line 3: cannot be read as a table .unexpected end"),
    ("t.csv", b"label,label\n1,2\n", "has two columns called 'label'"),
    ("t.csv", b"sequence;label\nAC;1\n", "line 1: has semicolons between its columns, not commas"),
    ("t.txt", b"sequence,label\nAC,1\n", "line 1: has commas between its columns, not tabs"),
    ("t.csv", b"sequence\tlabel\nAC\t1\n", "line 1: has tabs between its columns, not commas"),
    ("t.csv", b"PAR1\x15\x04", "is a Parquet file"),
    ("t.parquet", b"sequence,label\nAC,1\n", "is no Parquet file"),
    ("t.parquet", b"PAR1 and nothing more PAR1", "cannot be read as a table"),
    ("t.xlsx", b"PK", "unknown table format '.xlsx'"),
    ("t.csv", EXCEL.getvalue(), "is an Excel workbook"),
    ("t.csv.zip", TWO.getvalue(), "is a zip of 2 files"),
    ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:40], "cannot be read"),
    ("t.csv.xz", lzma.compress(b"a,b\n1,2\n" * 999)[:70], "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "message"), REFUSED)
def test_what_is_no_table_is_named_with_its_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read_table(write(tmp_path / name, content))


def test_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ",sequence, label ,Unnamed: 3,\n0,AC,1,7,\n")
    assert cells(path) == [["sequence", "label"], ["AC", "1"]]
    frame = pd.DataFrame({"sequence": ["AC"]}, index=pd.Index(["x"], name="id"))
    frame.to_parquet(tmp_path / "t.parquet")
    assert sorted(read_table(tmp_path / "t.parquet")) == ["id", "sequence"]


@pytest.mark.parametrize(
    "text", ["", " ", ".", "NA", "N/A", "n/a", "NaN", "nan", "None", "null", " NULL ", "#N/A"]
)
def test_missing_is_missing_however_it_is_written(text: str) -> None:
    assert is_missing(text)


@pytest.mark.parametrize("text", ["0", "N", "NAN1", "no", "nano", "-", "A"])
def test_what_has_a_value_is_not_missing(text: str) -> None:
    assert not is_missing(text)


def test_names_keep_their_text_and_values_may_be_missing(tmp_path: Path) -> None:
    frame = read_table(write(tmp_path / "t.csv", "id,value\nNA, N/A \nNone, 1\n"))
    assert text_column(frame, "id") == ["NA", "None"]
    assert known_column(frame, "value") == ["", "1"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array(["AC", None]), "row 2: empty sequence"),
        (pa.array(["AC", "NaN"]), r"row 2: sequence is missing \('NaN'\)"),
        (pa.array([b"AC", None]), "row 2: empty sequence"),
        (pa.array([None, None], pa.string()), "row 1: empty sequence"),
        (pa.array([1, 2]), "column 'sequence' holds no text .integer"),
        (pa.array([["A"], ["C"]]), "column 'sequence' holds no text"),
        (pa.array([b"\xff\xfe", b"AC"]), "column 'sequence' holds no text .bytes"),
    ],
)
def test_a_parquet_sequence_is_text_and_never_missing(
    tmp_path: Path, column: pa.Array, message: str
) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"sequence": column}), path)
    with pytest.raises(UserError, match=message):
        sequence_column(read_table(path), path)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["AC", "GT"]).dictionary_encode(),
        pa.array(["AC", "GT"], pa.large_string()),
        pa.array([b"AC", b"GT"]),
        pa.array([b"AC", b"GT"], pa.large_binary()),
        pa.array([b"AC", b"GT"], pa.binary(2)),
    ],
)
def test_text_of_any_parquet_type_is_read(tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "split=train" / "t.parquet"  # such a folder is no column
    path.parent.mkdir()
    pq.write_table(pa.table({"sequence": column}), path)
    frame = read_table(path)
    assert sequence_column(frame, path) == ["AC", "GT"]
    assert list(frame) == ["sequence"]


def test_repeated_columns_of_parquet_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["label", "label"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(UserError, match="two columns called 'label'"):
        read_table(tmp_path / "t.parquet")


def test_numbers_of_parquet_keep_their_type(tmp_path: Path) -> None:
    pq.write_table(pa.table({"value": [1.5, None]}), tmp_path / "t.parquet")
    frame = read_table(tmp_path / "t.parquet")
    assert text_column(frame, "value") == ["1.5", ""]
    assert frame["value"].dtype == np.float64
