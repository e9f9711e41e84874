"""Plain, gzip and bgzip files, told apart by their first bytes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from pybmfm.core import UserError

# The empty block that ends every whole bgzip file (SAM specification, section 4.1.2).
BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def compression_of(path: Path) -> Literal["plain", "gzip", "bgzip"]:
    """Say how a file is compressed.

    Raises
    ------
    UserError
        If there is no such file, or it may not be read.
    """
    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    try:
        with path.open("rb") as handle:
            head = handle.read(18)
    except OSError as error:
        raise UserError(
            f"cannot be read ({error.strerror})", file=path, remedy="check its permissions"
        ) from error
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
    """Open a file for reading, decompressed.

    Raises
    ------
    UserError
        If there is no such file, or its compression is broken where it is read.
    """
    if compression_of(path) == "plain":
        with path.open("rb") as handle:
            yield handle
        return
    import isal.igzip

    igzip: Any = isal.igzip
    with damage_told(path), igzip.open(path, "rb") as handle:
        yield handle


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
