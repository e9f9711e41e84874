"""The text of a VCF in blocks, so that several threads can decompress and read it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pybmfm.core.parallel import in_order, threads_that_may_be_left
from pybmfm.genome import compression_of, open_bytes
from pybmfm.genome.bgzip_blocks import BLOCKS_PER_GROUP, MAX_BLOCK, Group, block_groups, inflate

_TEXT = 1 << 20
Block = bytes | Group

T = TypeVar("T")
R = TypeVar("R")


class TextBlocks:
    """A plain, gzip or bgzip file as blocks of about a megabyte of text.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packed = compression_of(path) == "bgzip"
        self._local = threading.local()

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks in order; what they hold comes from `text`."""
        return self.starting_at(0)

    def starting_at(self, start: int, end: int | None = None) -> Iterator[Block]:
        """Yield the blocks between two bytes of a bgzip file at which a block begins."""
        if self.packed:
            yield from block_groups(self.path, start, end)
            return
        with open_bytes(self.path) as handle:
            while text := handle.read(_TEXT):
                yield text

    def text(self, block: Block) -> tuple[bytes | bytearray, int]:
        """Return the text of a block and its length; the buffer is the thread's, used again."""
        if not isinstance(block, Group):
            return block, len(block)
        if not hasattr(self._local, "buffer"):
            self._local.buffer = bytearray(MAX_BLOCK * BLOCKS_PER_GROUP)
        buffer: bytearray = self._local.buffer
        return buffer, inflate(self.path, block, buffer)


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
