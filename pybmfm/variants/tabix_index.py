"""Where each contig begins in an indexed bgzip VCF (.tbi, .csi), if the index fits the file."""

from __future__ import annotations

import logging
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pybmfm.core import UserError
from pybmfm.genome import open_bytes

log = logging.getLogger("pybmfm")

# A bin of this number holds counts, not places: one beyond the last real one.
_TBI_DEPTH = 5
_BLOCK_HEADER = 18
_GZIP = 31  # window bits of a gzip member, whose length and sum are checked

# Byte at which a block begins, and bytes of its text passed over.
Place = tuple[int, int]


class Span(NamedTuple):
    """Of a contig's records: where they begin, the last place the index knows, their number.

    The number is that of when the index was made; None where the index has none.
    """

    first: Place
    last: Place
    records: int | None


class _Misfit(Exception):
    """Why an index is not of this file."""


def contig_spans(path: Path) -> dict[bytes, Span] | None:
    """Read the index beside a VCF, if it fits.

    An index is judged by the file, not by its date: the header must end where the first contig
    begins; each contig must begin where the index says, at a line of its own that follows one of
    the contig before; and the last line of the file must be of the last contig. All records of a
    contig then stand from its beginning up to the next contig, which is all that is asked of an
    index here: where a file has grown at its end, what is new is read too.

    Parameters
    ----------
    path
        The VCF, bgzip; ``.tbi`` and ``.csi`` are looked for.

    Returns
    -------
    dict or None
        Contig -> where its records lie, in the order of the file. None without an index and with
        one that does not fit, which a line of the log says: the whole file is read then.
    """
    for suffix, read in ((".tbi", _read_tbi), (".csi", _read_csi)):
        index = Path(f"{path}{suffix}")
        if not index.is_file():
            continue
        try:
            with open_bytes(index) as handle:
                spans = read(handle.read())
            _check_fit(path, spans)
        except (UserError, OSError, struct.error, ValueError, IndexError, MemoryError):
            problem = "it is no whole index"
        except _Misfit as misfit:
            problem = str(misfit)
        else:
            return spans
        log.warning("%s does not fit its VCF and is not used: %s", index, problem)
    return None


def _read_tbi(content: bytes) -> dict[bytes, Span]:
    magic, n_contigs, *_, n_names = struct.unpack_from("<4s8i", content)
    if magic != b"TBI\1":
        raise ValueError("not a tabix index")
    names = content[36 : 36 + n_names].split(b"\0")[:n_contigs]
    return _spans(_Fields(content, 36 + n_names), names, _TBI_DEPTH, csi=False)


def _read_csi(content: bytes) -> dict[bytes, Span]:
    magic, _, depth, n_auxiliary = struct.unpack_from("<4s3i", content)
    if magic != b"CSI\1" or n_auxiliary < 28:
        raise ValueError("not an index of a VCF")
    (n_names,) = struct.unpack_from("<i", content, 16 + 24)
    fields = _Fields(content, 16 + n_auxiliary)
    (n_contigs,) = fields.take("<i")
    names = content[44 : 44 + n_names].split(b"\0")[:n_contigs]
    return _spans(fields, names, depth, csi=True)


class _Fields:
    """Takes binary fields one after another."""

    def __init__(self, content: bytes, at: int) -> None:
        self.content = content
        self.at = at

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self.content, self.at)
        self.at += struct.calcsize(layout)
        return values


def _spans(fields: _Fields, names: list[bytes], depth: int, *, csi: bool) -> dict[bytes, Span]:
    if not 0 < depth < 12:
        raise ValueError("no depth of an index")
    counts_bin = ((1 << (3 * (depth + 1))) - 1) // 7 + 1
    spans = {}
    for name in names:
        starts: list[int] = []
        records = None
        for _ in range(fields.take("<i")[0]):
            number, *_ = fields.take("<IQ" if csi else "<I")
            (n_chunks,) = fields.take("<i")
            chunks = fields.take(f"<{2 * n_chunks}Q")
            if number != counts_bin:
                starts += chunks[::2]
            elif n_chunks == 2:  # the second is no place: records with and without one
                records = chunks[2] + chunks[3]
        if not csi:
            (n_windows,) = fields.take("<i")
            fields.at += 8 * n_windows
        if starts:
            first, last = (divmod(end, 1 << 16) for end in (min(starts), max(starts)))
            spans[name] = Span(first, last, records)
    return dict(sorted(spans.items(), key=lambda item: item[1]))


def _check_fit(path: Path, spans: dict[bytes, Span]) -> None:
    """Compare what an index says with the file.

    Raises
    ------
    _Misfit
        If it says something else than the file.
    """
    if not spans:
        raise _Misfit("it names no contig")
    with path.open("rb") as handle:
        text = _Text(handle, path.stat().st_size)
        before, known = b"#", (0, 0)
        for name, span in spans.items():
            if text.line_name(span.first, len(name) + 1) != name + b"\t":
                raise _Misfit(f"no record of {_shown(name)} stands where it says")
            if not text.last_line(known, span.first).startswith(before):
                raise _Misfit(f"{_shown(name)} does not begin where it says")
            before, known = name + b"\t", span.last
        if not text.last_line(known, (text.size, 0)).startswith(before):
            raise _Misfit("the file goes on after the last record that it knows")


class _Text:
    """The text of a bgzip file by places."""

    def __init__(self, handle: BinaryIO, size: int) -> None:
        self.size = size
        self._handle = handle
        self._block = lru_cache(4)(self._read_block)

    def line_name(self, place: Place, length: int) -> bytes:
        """Return the first bytes of the line at a place."""
        at, passed = place
        found = b""
        while at < self.size and len(found) < length:
            text, at = self._block(at)
            found += text[passed:]
            passed = max(0, passed - len(text))
        return found[:length]

    def last_line(self, known: Place, end: Place) -> bytes:
        """Return the last line before a place; at ``known`` some earlier line begins."""
        blocks = self._blocks(known[0], end[0])
        text = self._block(end[0])[0][: end[1]] if end[1] else b""
        if known[0] == end[0]:
            text = text[known[1] :]
        while blocks and b"\n" not in text.rstrip(b"\r\n"):
            at = blocks.pop()
            text = self._block(at)[0][known[1] if at == known[0] else 0 :] + text
        if end[0] < self.size and not text.endswith(b"\n"):
            raise _Misfit("it points into a line")
        lines = text.rstrip(b"\r\n")
        return lines[lines.rfind(b"\n") + 1 :]

    def _blocks(self, start: int, end: int) -> list[int]:
        """Return where blocks begin from ``start`` up to ``end``, at which the next one begins."""
        blocks = []
        while start < end:
            blocks.append(start)
            start += self._block_size(start)
        if start != end:
            raise _Misfit("it points between blocks of the file")
        return blocks

    def _block_size(self, at: int) -> int:
        self._handle.seek(at)
        head = self._handle.read(_BLOCK_HEADER)
        if head[:4] != b"\x1f\x8b\x08\x04" or head[12:14] != b"BC" or len(head) < _BLOCK_HEADER:
            raise _Misfit("it points at no block of the file")
        return head[16] + (head[17] << 8) + 1

    def _read_block(self, at: int) -> tuple[bytes, int]:
        """Return a block's text, and where the next block begins."""
        size = self._block_size(at)
        self._handle.seek(at)
        try:
            return zlib.decompress(self._handle.read(size), _GZIP), at + size
        except zlib.error as error:
            raise _Misfit("it points at no whole block of the file") from error


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")
