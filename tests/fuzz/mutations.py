"""Seeded damage to files: what disks, editors, spreadsheets, downloads and attackers do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Generator = np.random.Generator
Mutation = Callable[[bytes, Generator], bytes]

HOSTILE = (
    "../../x",
    "$(touch RAN)",
    "a'b\"c",
    "<script>alert(1)</script>",
    "-rf",
    "a\x1b[31mb",
    "con tig",
    "=1+1",
    "%s%n",
    "é",
    "",
)
NUMBERS = ("-1", "0", "1e400", "99999999999999999999", "2147483648", "NaN", "1.5", "-0", "١")
VALUES: tuple[Any, ...] = (None, True, -1, 1e400, 2**70, "", "x" * 10_000, [], {}, [[1]], "\0")


def flip_bytes(content: bytes, rng: Generator) -> bytes:
    """Other bytes at one to eight places."""
    changed = bytearray(content)
    for place in rng.integers(0, max(1, len(changed)), rng.integers(1, 9)):
        if changed:
            changed[place] = rng.integers(0, 256)
    return bytes(changed)


def truncate(content: bytes, rng: Generator) -> bytes:
    """The file ends early, as when a disk was full."""
    return content[: rng.integers(0, len(content) + 1)]


def empty(content: bytes, rng: Generator) -> bytes:
    """Nothing, or one line break."""
    return b"" if rng.random() < 0.5 else b"\n"


def append(content: bytes, rng: Generator) -> bytes:
    """Something after the end: another copy, zeros, a blank line, text."""
    tails = (content, b"\0" * 512, b"\n\n", b"trailing text")
    return content + tails[rng.integers(0, len(tails))]


def insert(content: bytes, rng: Generator) -> bytes:
    """NUL, bytes that are not UTF-8, control characters or a line break anywhere."""
    pieces = (b"\0", b"\xff\xfe", b"\xe9", b"\x1b[2J", b"\n", b"\r", b"\t", b" ", b'"', b"\x1a")
    place = rng.integers(0, len(content) + 1)
    return content[:place] + pieces[rng.integers(0, len(pieces))] + content[place:]


def add_byte_order_mark(content: bytes, rng: Generator) -> bytes:
    """As Windows editors write."""
    return b"\xef\xbb\xbf" + content


def as_utf_16(content: bytes, rng: Generator) -> bytes:
    """As spreadsheets export 'Unicode text'."""
    return content.decode("latin-1").encode("utf-16")


def line_ends(content: bytes, rng: Generator) -> bytes:
    """Line ends of Windows, or of old Macintosh."""
    return content.replace(b"\n", b"\r\n" if rng.random() < 0.7 else b"\r")


def on_lines(change: Callable[[list[bytes], Generator], list[bytes]]) -> Mutation:
    """A change of the list of lines."""

    def mutate(content: bytes, rng: Generator) -> bytes:
        return b"\n".join(change(content.split(b"\n"), rng))

    mutate.__name__ = change.__name__
    return mutate


def _any(lines: list[bytes], rng: Generator) -> int:
    return int(rng.integers(0, len(lines)))


@on_lines
def duplicate_line(lines: list[bytes], rng: Generator) -> list[bytes]:
    place = _any(lines, rng)
    return [*lines[:place], lines[place], *lines[place:]]


@on_lines
def remove_line(lines: list[bytes], rng: Generator) -> list[bytes]:
    place = 0 if rng.random() < 0.3 else _any(lines, rng)
    return lines[:place] + lines[place + 1 :]


@on_lines
def swap_lines(lines: list[bytes], rng: Generator) -> list[bytes]:
    one, other = _any(lines, rng), _any(lines, rng)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


@on_lines
def long_line(lines: list[bytes], rng: Generator) -> list[bytes]:
    place = _any(lines, rng)
    lines[place] = lines[place] + b"ACGT,x\t1"[: rng.integers(1, 9)] * 100_000
    return lines


def on_cells(change: Callable[[list[bytes], Generator], list[bytes]]) -> Mutation:
    """A change of the cells of one line, by tabs where it has any, else by commas."""

    def mutate(content: bytes, rng: Generator) -> bytes:
        lines = content.split(b"\n")
        place = _any(lines, rng)
        separator = b"\t" if b"\t" in lines[place] else b","
        lines[place] = separator.join(change(lines[place].split(separator), rng))
        return b"\n".join(lines)

    mutate.__name__ = change.__name__
    return mutate


@on_cells
def swap_cells(cells: list[bytes], rng: Generator) -> list[bytes]:
    one, other = _any(cells, rng), _any(cells, rng)
    cells[one], cells[other] = cells[other], cells[one]
    return cells


@on_cells
def remove_cell(cells: list[bytes], rng: Generator) -> list[bytes]:
    del cells[_any(cells, rng)]
    return cells


@on_cells
def add_cell(cells: list[bytes], rng: Generator) -> list[bytes]:
    return [*cells, b"extra"]


@on_cells
def number_cell(cells: list[bytes], rng: Generator) -> list[bytes]:
    cells[_any(cells, rng)] = NUMBERS[rng.integers(0, len(NUMBERS))].encode()
    return cells


@on_cells
def hostile_cell(cells: list[bytes], rng: Generator) -> list[bytes]:
    cells[_any(cells, rng)] = HOSTILE[rng.integers(0, len(HOSTILE))].encode()
    return cells


@on_cells
def missing_cell(cells: list[bytes], rng: Generator) -> list[bytes]:
    words = (b"", b".", b"NA", b"nan", b"None", b"null")
    cells[_any(cells, rng)] = words[rng.integers(0, len(words))]
    return cells


def on_json(change: Callable[[list[tuple[Any, Any]], Generator], None]) -> Mutation:
    """A change of one place of a JSON file; the change gets every (container, key)."""

    def mutate(content: bytes, rng: Generator) -> bytes:
        tree = [json.loads(content)]
        change(_places(tree, 0, []), rng)
        return json.dumps(tree[0]).encode()

    mutate.__name__ = change.__name__
    return mutate


def _places(container: Any, key: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """All places of a tree; of long lists and objects (a vocabulary) only the first few."""
    found.append((container, key))
    inner = container[key]
    if isinstance(inner, dict):
        for one in list(inner)[:30]:
            _places(inner, one, found)
    elif isinstance(inner, list):
        for number in range(len(inner[:5])):
            _places(inner, number, found)
    return found


def _place(places: list[tuple[Any, Any]], rng: Generator) -> tuple[Any, Any]:
    return places[rng.integers(0, len(places))]


@on_json
def other_value(places: list[tuple[Any, Any]], rng: Generator) -> None:
    container, key = _place(places, rng)
    container[key] = VALUES[rng.integers(0, len(VALUES))]


@on_json
def missing_key(places: list[tuple[Any, Any]], rng: Generator) -> None:
    container, key = _place(places[1:] or places, rng)
    del container[key]


@on_json
def renamed_key(places: list[tuple[Any, Any]], rng: Generator) -> None:
    inside = [place for place in places if isinstance(place[0], dict)]
    if inside:
        container, key = _place(inside, rng)
        container[HOSTILE[rng.integers(0, len(HOSTILE))]] = container.pop(key)


@on_json
def hostile_text(places: list[tuple[Any, Any]], rng: Generator) -> None:
    texts = [(box, key) for box, key in places if isinstance(box[key], str)] or places
    container, key = _place(texts, rng)
    container[key] = HOSTILE[rng.integers(0, len(HOSTILE))]


@on_json
def other_number(places: list[tuple[Any, Any]], rng: Generator) -> None:
    numbers = [(box, key) for box, key in places if isinstance(box[key], (int, float))] or places
    container, key = _place(numbers, rng)
    container[key] = (-1, 0, 10**9, 2**63, 0.5, float("nan"))[rng.integers(0, 6)]


def on_header(mutation: Mutation) -> Mutation:
    """A change of the JSON header of a safetensors file, its length kept right."""

    def mutate(content: bytes, rng: Generator) -> bytes:
        size = int.from_bytes(content[:8], "little")
        header = mutation(content[8 : 8 + size], rng)
        return len(header).to_bytes(8, "little") + header + content[8 + size :]

    mutate.__name__ = f"header_{mutation.__name__}"
    return mutate


def on_columns(change: Callable[[pa.Table, Generator], pa.Table]) -> Mutation:
    """A change of a Parquet table, written again as it should be."""

    def mutate(content: bytes, rng: Generator) -> bytes:
        out = io.BytesIO()
        pq.write_table(change(pq.read_table(io.BytesIO(content)), rng), out)
        return out.getvalue()

    mutate.__name__ = change.__name__
    return mutate


def _column(table: pa.Table, rng: Generator) -> int:
    return int(rng.integers(0, table.num_columns))


@on_columns
def remove_column(table: pa.Table, rng: Generator) -> pa.Table:
    return table.remove_column(_column(table, rng))


@on_columns
def rename_column(table: pa.Table, rng: Generator) -> pa.Table:
    names = table.column_names
    names[_column(table, rng)] = HOSTILE[rng.integers(0, len(HOSTILE))]
    return table.rename_columns(names)


@on_columns
def column_of_other_type(table: pa.Table, rng: Generator) -> pa.Table:
    place, rows = _column(table, rng), len(table)
    columns: list[list[Any]] = [
        [None] * rows,
        [-1] * rows,
        [float("nan")] * rows,
        ["x"] * rows,
        [b"\xff"] * rows,
        [[1.0]] * rows,
        [[]] * rows,
        [{"a": 1}] * rows,
        [True] * rows,
    ]
    values = pa.array(columns[rng.integers(0, len(columns))])
    return table.set_column(place, table.column_names[place], values)


@on_columns
def null_cell(table: pa.Table, rng: Generator) -> pa.Table:
    place, row = _column(table, rng), int(rng.integers(0, max(1, len(table))))
    values = table.column(place).to_pylist()
    values[row : row + 1] = [None]
    column = pa.array(values, table.column(place).type)
    return table.set_column(place, table.column_names[place], column)


@on_columns
def other_rows(table: pa.Table, rng: Generator) -> pa.Table:
    rows = rng.integers(0, max(1, len(table)), rng.integers(0, 2 * len(table) + 1))
    return table.take(pa.array(rows, pa.int64()))


BYTES: tuple[Mutation, ...] = (flip_bytes, truncate, empty, append, insert)
TEXT: tuple[Mutation, ...] = (
    *BYTES,
    add_byte_order_mark,
    as_utf_16,
    line_ends,
    duplicate_line,
    remove_line,
    swap_lines,
    long_line,
    swap_cells,
    remove_cell,
    add_cell,
    number_cell,
    hostile_cell,
    missing_cell,
)
JSON: tuple[Mutation, ...] = (
    *BYTES,
    add_byte_order_mark,
    *(2 * (other_value, missing_key, renamed_key, hostile_text, other_number)),
)
PARQUET: tuple[Mutation, ...] = (
    *BYTES,
    remove_column,
    rename_column,
    *(3 * (column_of_other_type, null_cell)),
    other_rows,
)
WEIGHTS: tuple[Mutation, ...] = (*BYTES, *(on_header(one) for one in JSON))
