"""Bgzip files by groups of whole blocks, which several threads can inflate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pybmfm.genome.compression import broken_file, damage_told

# A block holds at most 64 KiB, packed or not (SAM specification, section 4.1).
MAX_BLOCK = 1 << 16
BLOCKS_PER_GROUP = 32
_READ = 1 << 20
_HEADER = 18
_GZIP = 31  # window bits of a gzip member, whose length and sum are checked


class Group(NamedTuple):
    """Compressed blocks, and where in ``packed`` each begins and the last one ends."""

    packed: bytes
    borders: list[int]


def block_groups(path: Path, start: int = 0, end: int | None = None) -> Iterator[Group]:
    """Yield up to 32 whole blocks at a time.

    Parameters
    ----------
    path
        A bgzip file.
    start, end
        Bytes of the file at which a block begins; ``end`` None is the end of the file.

    Raises
    ------
    UserError
        If the file ends within a block or something else than a block follows one.
    """
    with path.open("rb") as handle:
        handle.seek(start)
        rest = b""
        while more := handle.read(_READ if end is None else min(_READ, end - handle.tell())):
            rest += more
            borders = _borders(path, rest)
            for first in range(0, len(borders) - 1, BLOCKS_PER_GROUP):
                yield Group(rest, borders[first : first + BLOCKS_PER_GROUP + 1])
            rest = rest[borders[-1] :]
    if rest:
        raise broken_file(path)


def inflate(path: Path, group: Group, into: bytearray) -> int:
    """Decompress a group of blocks and check its sums; return the number of bytes.

    Parameters
    ----------
    path
        The file it came from, for the message.
    group
        What `block_groups` yielded.
    into
        At least ``MAX_BLOCK * BLOCKS_PER_GROUP`` bytes, to be overwritten.

    Raises
    ------
    UserError
        If a block is damaged.
    """
    import isal.isal_zlib

    isal_zlib: Any = isal.isal_zlib
    packed = memoryview(group.packed)
    done = 0
    with damage_told(path):
        for start, end in pairwise(group.borders):
            text = isal_zlib.decompress(packed[start:end], _GZIP, MAX_BLOCK)
            if len(text) > MAX_BLOCK:
                raise broken_file(path)
            into[done : done + len(text)] = text
            done += len(text)
    return done


def _borders(path: Path, packed: bytes) -> list[int]:
    """Return where the blocks that are whole begin, and where the last of them ends."""
    borders = [0]
    while borders[-1] + _HEADER <= len(packed):
        at = borders[-1]
        if packed[at : at + 4] != b"\x1f\x8b\x08\x04" or packed[at + 12 : at + 14] != b"BC":
            raise broken_file(path)
        end = at + packed[at + 16] + (packed[at + 17] << 8) + 1
        if end > len(packed):
            break
        borders.append(end)
    return borders
