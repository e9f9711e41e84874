"""Where the records of a FASTA lie: found by reading it, or by an index that fits it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pybmfm.core import UserError
from pybmfm.genome.byte_ranges import ByteRanges

_LINE_ENDS = (b"\n", b"\r")
_LINE_END = re.compile(rb"[\r\n]")
_ANY_BLANK = re.compile(rb"\s")
_BLANKS = (b"\n", b"\r", b" ", b"\t", b"\v", b"\f")
_INDEX_COLUMNS = 5
_LONGEST_HEADER = 1 << 20
_LOOKED_AT = 1 << 16


class FastaRecord(NamedTuple):
    """A contig.

    Attributes
    ----------
    name
        Its first word.
    length
        Letters, without white space.
    start, end
        Bytes of the text between which its lines lie.
    """

    name: str
    length: int
    start: int
    end: int


class _Header(NamedTuple):
    """A header's text after the sign, where it begins, and where the line after it does."""

    text: bytes
    place: int
    end: int


class _Entry(NamedTuple):
    """A line of a .fai (samtools-faidx manual)."""

    name: bytes
    length: int
    offset: int
    line_bases: int
    line_width: int

    @property
    def end(self) -> int:
        """The byte after the last letter."""
        if not self.length:
            return self.offset
        lines, rest = divmod(self.length - 1, self.line_bases)
        return self.offset + lines * self.line_width + rest + 1


class IndexMisfit(Exception):
    """Why an index is not one of this FASTA."""


def find_records(source: ByteRanges) -> list[FastaRecord]:
    """Read a FASTA once and return its records with letters, in order.

    Raises
    ------
    UserError
        If a name occurs twice, or a record has none.
    """
    headers = list(_headers(source))
    ends = [*(header.place for header in headers[1:]), source.size]
    records: dict[str, FastaRecord] = {}
    for header, end in zip(headers, ends, strict=True):
        name = (header.text.decode("utf-8", "replace").split() or [""])[0]
        if not name or name in records:
            raise UserError(
                f"names contig {name} twice" if name else "has a contig without a name",
                file=source.path,
                place=f"line {_lines(source, header.end)}",
                remedy="give every contig a name of its own",
            )
        records[name] = FastaRecord(name, _letters(source, header.end, end), header.end, end)
    # As samtools: an index does not have them either.
    return [record for record in records.values() if record.length]


def read_index(index: Path, source: ByteRanges) -> list[FastaRecord]:
    """Return the records that an index names, after having looked for each of them in the FASTA.

    Between an entry's last letter and the next entry's first one there must be a header of the
    next one's name and no letters, so that no record of the FASTA is missing; the first and the
    last line of an entry must be as it says. That each line is, shows when a contig is read.

    Raises
    ------
    IndexMisfit
        If it does not fit.
    """
    try:
        entries = [_entry(line) for line in index.read_bytes().splitlines()]
    except (OSError, ValueError):
        raise IndexMisfit("it is no index of a FASTA") from None
    if len({entry.name for entry in entries}) < len(entries):
        raise IndexMisfit("it names a contig twice")
    end = source.start
    for entry in entries:
        _check_entry(source, entry, end)
        end = entry.end
    rest = min(source.size, end + _LONGEST_HEADER)
    if rest < source.size or not _is_between_contigs(source.read(end, rest)):
        raise IndexMisfit("the FASTA goes on after its last contig")
    return [
        FastaRecord(entry.name.decode("utf-8", "replace"), entry.length, entry.offset, entry.end)
        for entry in entries
    ]


def _entry(line: bytes) -> _Entry:
    name, *numbers = line.split(b"\t")
    if len(numbers) != _INDEX_COLUMNS - 1:
        raise ValueError("not a line of an index")
    length, offset, line_bases, line_width = map(int, numbers)
    if min(length, offset, line_bases) < 0 or (length and not 0 < line_bases < line_width):
        raise ValueError("not a line of an index")
    return _Entry(name, length, offset, line_bases, line_width)


def _check_entry(source: ByteRanges, entry: _Entry, end: int) -> None:
    """Compare an entry with the FASTA, whose contig before it ends at ``end``."""
    name = entry.name.decode("utf-8", "replace")
    if not 0 < entry.offset - end <= _LONGEST_HEADER or entry.end > source.size:
        raise IndexMisfit(f"contig {name} is not where it says")
    between = source.read(end, entry.offset)
    if not _is_header_of(between, entry.name) or (
        end > source.start and not _is_between_contigs(between)
    ):
        raise IndexMisfit(f"contig {name} is not where it says")
    if not _lines_fit(source, entry):
        raise IndexMisfit(f"the lines of contig {name} are not as it says")


def _is_header_of(text: bytes, name: bytes) -> bool:
    """Whether text ends with the header line of a contig, and has no letters before it."""
    header = text.splitlines()[-1]
    word = (header[1:].split() or [b""])[0]
    return header[:1] == b">" and word == name and text[-1:] in _LINE_ENDS and _no_letters(text)


def _is_between_contigs(text: bytes) -> bool:
    """Whether a line ends here, and no letters follow."""
    return not text or (text[:1] in _LINE_ENDS and _no_letters(text))


def _no_letters(text: bytes) -> bool:
    """Whether there are blank lines and headers only: samtools has no entry for an empty record."""
    return all(line.startswith(b">") or not line.strip() for line in text.splitlines())


def _lines_fit(source: ByteRanges, entry: _Entry) -> bool:
    """Whether the first and the last line are where they should be, as far as can be seen soon."""
    whole_lines, in_last = divmod(entry.length - 1, max(entry.line_bases, 1))
    in_first = min(entry.length, entry.line_bases, _LOOKED_AT)
    in_last = min(in_last + 1, _LOOKED_AT) if entry.length else 0
    lines = source.read(entry.offset, entry.offset + in_first)
    lines += source.read(entry.end - in_last, entry.end)
    first_end = entry.offset + entry.line_bases
    return not _ANY_BLANK.search(lines) and (
        whole_lines <= 0
        or source.read(first_end, entry.offset + entry.line_width) in (b"\n", b"\r\n")
    )


def _headers(source: ByteRanges) -> Iterator[_Header]:
    """Yield the lines that begin with ``>``, whatever ends the lines."""
    before = b"\n"
    for at, text in source.chunks(source.start, source.size):
        found = text.find(b">")
        while found >= 0:
            if (text[found - 1 : found] if found else before) in _LINE_ENDS:
                yield _header_at(source, at + found, text, found)
            found = text.find(b">", found + 1)
        before = text[-1:]


def _header_at(source: ByteRanges, place: int, text: bytes, found: int) -> _Header:
    """Return the header that begins in a chunk, and may go on after it."""
    ended = _LINE_END.search(text, found)
    if ended is None:
        text, found = source.read(place, min(place + _LONGEST_HEADER, source.size)), 0
        ended = _LINE_END.search(text)
    length = (len(text) if ended is None else ended.end()) - found
    return _Header(text[found + 1 : found + length], place, place + length)


def _letters(source: ByteRanges, start: int, end: int) -> int:
    return sum(len(text) - sum(map(text.count, _BLANKS)) for _, text in source.chunks(start, end))


def _lines(source: ByteRanges, end: int) -> int:
    """Count the lines that end before a place, of Unix, Windows or old Macintosh."""
    counted = Counter[bytes]()
    for _, text in source.chunks(source.start, end):
        counted.update({one: text.count(one) for one in _LINE_ENDS})
    return max(counted.values())
