"""Any stretch of a plain or bgzip file's text, by its place."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from pybmfm.genome.bgzip_blocks import MAX_BLOCK, Group, inflate
from pybmfm.genome.compression import broken_file
from pybmfm.genome.formats import BYTE_ORDER_MARK

CHUNK = 1 << 24
_HEADER = 18
_SIZE = 4


class ByteRanges:
    """A plain file; a context manager.

    Parameters
    ----------
    path
        The file.
    shown
        Its name in messages, where it is a copy of the user's.

    Attributes
    ----------
    path : Path
        The name in messages.
    size : int
        Bytes of text.
    """

    def __init__(self, path: Path, shown: Path | None = None) -> None:
        self.path = shown or path
        self._file = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._file).st_size

    def __enter__(self) -> ByteRanges:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    @property
    def start(self) -> int:
        """Where the text begins: after the byte order mark, if there is one."""
        mark = self.read(0, min(len(BYTE_ORDER_MARK), self.size))
        return len(mark) if mark == BYTE_ORDER_MARK else 0

    def read(self, start: int, end: int) -> bytes:
        """Return the text of ``[start, end)``.

        Raises
        ------
        UserError
            If the file ends before, or is damaged.
        """
        return self._read_file(start, end - start)

    def chunks(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield pieces of ``[start, end)`` with their places."""
        for at in range(start, end, CHUNK):
            yield at, self.read(at, min(at + CHUNK, end))

    def _read_file(self, at: int, length: int) -> bytes:
        parts = []
        while length:
            part = os.pread(self._file, length, at)  # at most 2 GiB at once
            if not part:
                raise broken_file(self.path)
            parts.append(part)
            at, length = at + len(part), length - len(part)
        return b"".join(parts)


class BgzipRanges(ByteRanges):
    """A bgzip file. Its blocks say where they are: a .gzi is not needed, and not believed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._buffer = bytearray(MAX_BLOCK)
        self._last: tuple[int, bytes] = (-1, b"")
        try:
            self._places, self._texts = self._find_blocks()
        except BaseException:
            self.close()
            raise
        self.size = self._texts[-1]

    def read(self, start: int, end: int) -> bytes:
        """Return the text of ``[start, end)``; errors as :meth:`ByteRanges.read`."""
        if start >= end:
            return b""
        first = bisect_right(self._texts, start) - 1
        last = bisect_left(self._texts, end)
        text = b"".join(map(self._block, range(first, last)))
        skipped = start - self._texts[first]
        return text[skipped : skipped + end - start]

    def _find_blocks(self) -> tuple[list[int], list[int]]:
        """Return where each block begins in the file and in the text, and where the last ends."""
        places, texts = [0], [0]
        header = self._read_file(0, min(_HEADER, self.size))
        while places[-1] < self.size:
            if header[:4] != b"\x1f\x8b\x08\x04" or header[12:14] != b"BC":
                raise broken_file(self.path)
            end = places[-1] + header[16] + (header[17] << 8) + 1
            if end > self.size:
                raise broken_file(self.path)
            # The length of its text ends a block, and the next header follows.
            tail = self._read_file(end - _SIZE, min(_SIZE + _HEADER, self.size - end + _SIZE))
            places.append(end)
            texts.append(texts[-1] + int.from_bytes(tail[:_SIZE], "little"))
            header = tail[_SIZE:].ljust(_HEADER, b"\0")
        return places, texts

    def _block(self, number: int) -> bytes:
        if self._last[0] != number:
            start, end = self._places[number : number + 2]
            packed = self._read_file(start, end - start)
            length = inflate(self.path, Group(packed, [0, len(packed)]), self._buffer)
            if length != self._texts[number + 1] - self._texts[number]:
                raise broken_file(self.path)
            self._last = (number, bytes(self._buffer[:length]))
        return self._last[1]
