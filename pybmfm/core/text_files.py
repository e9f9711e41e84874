"""Lines of text files as people have them: compressed, with a byte order mark, from anywhere."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from pybmfm.core.errors import UserError

COMPRESSED_SUFFIXES = (".gz", ".bgz", ".bz2", ".xz", ".zst", ".zip")
GZIP, BZIP2, XZ, ZSTD, ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\3\4"
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
EXCEL_PART = "[Content_Types].xml"
MAC_FOLDER = "__MACOSX/"  # what macOS adds to every zip
# What the decompressors raise on damaged data.
DAMAGE = (
    OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip


def text_lines(path: str | Path, errors: str = "strict") -> Iterator[str]:
    r"""Yield the lines of a text file, each with ``\n`` where it had any line end.

    A byte order mark is passed over; gzip, bzip2, xz, zstd and a zip of one file are told by
    their first bytes, whatever the file's name.

    Parameters
    ----------
    errors
        ``strict``, or ``replace`` where a stray byte in a comment is to be borne.

    Raises
    ------
    UserError
        If the file is missing or damaged, is UTF-16, or a line holds a NUL or is not UTF-8.
    """
    path = Path(path)
    number = 0
    with open_decompressed(path) as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8-sig", errors=errors)
        try:
            for number, line in enumerate(lines, start=1):
                if "\0" in line:
                    raise UserError(
                        "holds a NUL byte, which no text has",
                        file=path,
                        place=f"line {number}",
                        remedy="make or copy the file again",
                    )
                yield line
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error
        except DAMAGE as error:
            raise _damaged(path, error, number) from error


@contextmanager
def open_decompressed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed by its first bytes.

    Raises
    ------
    UserError
        If the file is missing, may not be read, is UTF-16, or a zip of more than one file.
    """
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    try:
        with path.open("rb") as handle:
            head = handle.read(8)
        stream = _decompressed(path, head)
    except DAMAGE as error:
        raise _damaged(path, error, 0) from error
    if head.startswith(UTF16_MARKS):
        raise UserError("is UTF-16 text", file=path, remedy="save it as UTF-8 (CSV UTF-8 in Excel)")
    with stream:
        yield stream


def _decompressed(path: Path, head: bytes) -> IO[bytes]:
    if head.startswith(GZIP):
        return cast(IO[bytes], gzip.open(path))
    if head.startswith(BZIP2):
        return bz2.open(path)
    if head.startswith(XZ):
        return lzma.open(path)
    if head.startswith(ZSTD):
        import pyarrow as pa

        with pa.input_stream(str(path), compression="zstd") as stream:
            return io.BytesIO(stream.read())
    if head.startswith(ZIP):
        return _only_member(path)
    return path.open("rb")


def _only_member(path: Path) -> IO[bytes]:
    with zipfile.ZipFile(path) as archive:
        names = [
            name
            for name in archive.namelist()
            if not name.endswith("/") and not name.startswith(MAC_FOLDER)
        ]
        if EXCEL_PART in names:
            raise UserError("is an Excel workbook", file=path, remedy="save it as CSV UTF-8")
        if len(names) != 1:
            raise UserError(
                f"is a zip of {len(names)} files", file=path, remedy="unpack it and give one"
            )
        return archive.open(names[0])  # keeps the archive open until it is closed itself


def _not_utf8(path: Path) -> UserError:
    """Find the line, which a decoder of whole blocks does not know."""
    lines = enumerate(text_lines(path, "surrogateescape"), start=1)
    place = next(number for number, line in lines if not _is_utf8(line))
    return UserError(
        "holds bytes that are no UTF-8 text",
        file=path,
        place=f"line {place}",
        remedy="save it as UTF-8",
    )


def _is_utf8(line: str) -> bool:
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _damaged(path: Path, error: BaseException, lines: int) -> UserError:
    reason = str(getattr(error, "strerror", None) or error).strip().partition("\n")[0].rstrip(".")
    return UserError(
        f"cannot be read ({reason or type(error).__name__})",
        file=path,
        place=f"after line {lines}" if lines else None,
        remedy="fetch or make it again",
    )
