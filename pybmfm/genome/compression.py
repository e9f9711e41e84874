"""Plain, gzip and bgzip files, told apart by their first bytes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from pybmfm.core import UserError
from pybmfm.genome.formats import BYTE_ORDER_MARK, packed_format

# The empty block that ends every whole bgzip file (SAM specification, section 4.1.2).
BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def require_file(path: Path) -> None:
    """Refuse what is no file on disk: nothing, a folder, a pipe (inputs are read several times).

    Raises
    ------
    UserError
        If it is none.
    """
    if path.is_file():
        return
    if path.is_dir():
        raise UserError("is a folder", file=path, remedy="give a file in it")
    if path.exists():
        raise UserError("is a pipe or a device", file=path, remedy="write it to a file first")
    raise UserError("no such file", file=path, remedy="check the path")


def compression_of(path: Path) -> Literal["plain", "gzip", "bgzip"]:
    """Say how a file is compressed.

    Raises
    ------
    UserError
        If there is no such file, it may not be read, or it is packed in another way or text of
        two bytes a letter.
    """
    require_file(path)
    try:
        with path.open("rb") as handle:
            head = handle.read(18)
    except OSError as error:
        raise UserError(
            f"cannot be read ({error.strerror})", file=path, remedy="check its permissions"
        ) from error
    packed = packed_format(head)
    if packed is not None:
        raise UserError(f"is {packed.name}", file=path, remedy=packed.remedy)
    if head[:2] != b"\x1f\x8b":
        return "plain"
    return "bgzip" if head[3:4] == b"\x04" and head[12:14] == b"BC" else "gzip"


def has_bgzip_end(path: Path) -> bool:
    """Say whether a bgzip file ends with the empty block that marks it as whole."""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(0, size - len(BGZF_EOF)))
        return handle.read() == BGZF_EOF


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed, after a byte order mark if it begins with one.

    Raises
    ------
    UserError
        If there is no such file, or its compression is broken where it is read.
    """
    if compression_of(path) == "plain":
        with path.open("rb") as handle:
            _pass_mark(handle)
            yield handle
        return
    import isal.igzip

    igzip: Any = isal.igzip
    with damage_told(path), igzip.open(path, "rb") as handle:
        _pass_mark(handle)
        yield handle


def without_mark(text: bytes) -> bytes:
    """Return the beginning of a file's text without its byte order mark."""
    return text.removeprefix(BYTE_ORDER_MARK)


def _pass_mark(handle: IO[bytes]) -> None:
    if handle.read(len(BYTE_ORDER_MARK)) != BYTE_ORDER_MARK:
        handle.seek(0)


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what decompression raises on damaged data into the error that names the file.

    Raises
    ------
    UserError
        If the data is damaged or ends too early.
    """
    import isal.igzip_lib

    igzip_lib: Any = isal.igzip_lib
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, igzip_lib.IsalError) as error:
        raise broken_file(path) from error


class TruncatedFile(UserError):
    """A file whose compression or content ends too early."""


def broken_file(path: Path, place: str | None = None) -> TruncatedFile:
    """Return the error for a file whose compression or content ends too early."""
    return TruncatedFile(
        "is truncated or damaged",
        file=path,
        place=place,
        remedy="fetch it again and compare checksums",
    )
