"""The text of a VCF in blocks, so that several threads can decompress and read it.

This is where a VCF is opened, whoever reads it: what it is shows in its bytes, not in its name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

from pybmfm.core import UserError
from pybmfm.core.parallel import in_order, threads_that_may_be_left
from pybmfm.genome import (
    TruncatedFile,
    broken_file,
    compression_of,
    foreign_format,
    has_bgzip_end,
    open_bytes,
    quiet_htslib,
)
from pybmfm.genome.bgzip_blocks import BLOCKS_PER_GROUP, MAX_BLOCK, Group, block_groups, inflate
from pybmfm.genome.formats import BYTE_ORDER_MARK

_TEXT = 1 << 20
_HEAD = 1 << 9
_VCF = b"##fileformat=VCF"
_BCF = b"BCF"
_RECORDS = 1000  # of a BCF in a block
Block = bytes | Group

T = TypeVar("T")
R = TypeVar("R")


class TextBlocks:
    """A plain, gzip or bgzip VCF, or a BCF as the VCF that it stands for, in blocks of text.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    packed : bool
        Whether it is bgzip text, in which reading may begin at any block.
    is_bcf : bool
    mark : int
        Length of a byte order mark before the text of the blocks.

    Raises
    ------
    UserError
        If the file is missing, truncated, or of another known format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        compression = compression_of(path)
        if compression == "bgzip" and not has_bgzip_end(path):
            raise broken_file(path, f"line {whole_lines(path) + 1}")
        head = _head(path)
        self.is_bcf = head.startswith(_BCF)
        self.packed = compression == "bgzip" and not self.is_bcf
        other = None if self.is_bcf or head.startswith(_VCF) else foreign_format(head)
        if other is not None:
            raise UserError(
                f"is {other.name}, not a VCF", file=path, remedy="give a VCF or BCF, or unpack it"
            )
        self.mark = len(BYTE_ORDER_MARK) * (self.packed and _begins_with_mark(path))
        self._local = threading.local()

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks in order; what they hold comes from `text`."""
        return self.starting_at(0)

    def starting_at(self, start: int, end: int | None = None) -> Iterator[Block]:
        """Yield the blocks between two bytes of a bgzip file at which a block begins."""
        if self.packed:
            yield from block_groups(self.path, start, end)
        elif self.is_bcf:
            yield from _text_of_bcf(self.path)
        else:
            with open_bytes(self.path) as handle:
                while text := handle.read(_TEXT):
                    yield text

    def text(self, block: Block) -> tuple[bytes | bytearray, int]:
        """Return the text of a block and its length; the buffer is the thread's, used again.

        Raises
        ------
        UserError
            If it is damaged, or holds a NUL byte, which no text has.
        """
        text, length = self._text(block)
        if text.find(0, 0, length) >= 0:
            raise UserError(
                "holds a NUL byte, which no VCF has",
                file=self.path,
                place=f"line {whole_lines(self.path, before=0) + 1}",
                remedy="fetch or make it again",
            )
        return text, length

    def whole_lines(
        self, threads: int = 1, start: tuple[int, int] = (0, 0)
    ) -> Generator[bytes, None, None]:
        """Yield the text in pieces that end with a line feed, one added at the end if missing.

        Parameters
        ----------
        threads
            How many decompress.
        start
            As of `RecordWalk`.

        Raises
        ------
        UserError
            If the file is damaged, with the line, or holds a NUL byte.
        """
        skipped = start[1] or (self.mark if not start[0] else 0)
        rest = b""
        try:
            for text in ordered_map(self._copied, self.starting_at(start[0]), threads):
                whole, newline, tail = (rest + text[skipped:]).rpartition(b"\n")
                rest, skipped = tail, 0
                if newline:
                    yield whole + newline
        except TruncatedFile as error:
            raise broken_file(self.path, f"line {whole_lines(self.path) + 1}") from error
        if rest:
            yield rest + b"\n"

    def _copied(self, block: Block) -> bytes:
        text, length = self.text(block)
        return bytes(text[:length])

    def _text(self, block: Block) -> tuple[bytes | bytearray, int]:
        if not isinstance(block, Group):
            return block, len(block)
        if not hasattr(self._local, "buffer"):
            self._local.buffer = bytearray(MAX_BLOCK * BLOCKS_PER_GROUP)
        buffer: bytearray = self._local.buffer
        return buffer, inflate(self.path, block, buffer)


def is_vcf(path: Path) -> bool:
    """Say whether a file begins as a VCF or BCF does, whatever its name."""
    try:
        return _head(path).startswith((_VCF, _BCF))
    except UserError:
        return False


def open_with_htslib(path: Path, handle: IO[bytes] | None = None) -> Any:
    """Open a VCF or BCF with pysam, which is kept from an index beside it: that may not fit.

    Parameters
    ----------
    path
        The file.
    handle
        Where its text comes from instead; pysam makes a handle of its own of it.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    import pysam

    try:
        with quiet_htslib():
            if handle is not None:
                return pysam.VariantFile(handle)
            with path.open("rb") as own:
                return pysam.VariantFile(own)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UserError(
            "is not a VCF or BCF, or a broken one", file=path, remedy="make it again with bcftools"
        ) from error


def readable(records: Iterator[Any], path: Path) -> Iterator[Any]:
    """Yield pysam's records, and say after which one the file can no longer be read."""
    place = "first record"
    try:
        with quiet_htslib():
            for record in records:
                yield record
                place = f"after {record.contig}:{record.pos}"
    except (OSError, ValueError) as error:
        raise UserError(
            "holds a record that cannot be read", file=path, place=place, remedy="give a valid VCF"
        ) from error


def whole_lines(path: Path, before: int | None = None) -> int:
    """Count the lines that can still be read of a broken file, or those before some byte."""
    lines = 0
    # Small reads: what a failing read had already decompressed is lost.
    try:
        with open_bytes(path) as handle:
            while block := handle.read(1 << 12):
                end = -1 if before is None else block.find(before)
                lines += block.count(b"\n", 0, end if end >= 0 else len(block))
                if end >= 0:
                    break
    except UserError:
        pass
    return lines


def ordered_map(
    work: Callable[[T], R], items: Iterable[T], threads: int
) -> Generator[R, None, None]:
    """Yield ``work(item)`` in the order of the items, some of them computed ahead.

    Items are taken when their work begins, not before.
    """
    if threads == 1:
        yield from map(work, items)
        return
    with threads_that_may_be_left(threads) as pool:
        yield from in_order(work, items, pool, threads)


def _head(path: Path) -> bytes:
    with open_bytes(path) as handle:
        return handle.read(_HEAD)


def _begins_with_mark(path: Path) -> bool:
    """Say whether the text of a bgzip file begins with a byte order mark."""
    for group in block_groups(path):
        first = Group(group.packed, group.borders[:2])
        buffer = bytearray(MAX_BLOCK)
        length = inflate(path, first, buffer)
        return buffer[:length].startswith(BYTE_ORDER_MARK)
    return False


def _text_of_bcf(path: Path) -> Iterator[bytes]:
    """Yield the header, then some records at a time, as VCF."""
    with open_with_htslib(path) as bcf:
        yield str(bcf.header).encode()
        records = readable(iter(bcf), path)
        while some := "".join(map(str, islice(records, _RECORDS))):
            yield some.encode()
