"""Go through a VCF from contig to contig, its blocks read by several threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple, Protocol

from pybmfm.core import UserError, progress
from pybmfm.genome import TruncatedFile, broken_file
from pybmfm.variants.contig_records import ContigRecords, ParsedBlock, SkippedContig, line_at
from pybmfm.variants.text_blocks import Block, TextBlocks, ordered_map, whole_lines

_COLUMNS = 8
EMPTY_REMEDY = "fill it; '.' in ALT says that there is no other allele"

Contig = ContigRecords | SkippedContig


class Visitor(Protocol):
    """What is done with the contigs and their records."""

    def open(self, name: bytes) -> Contig | None:
        """Begin a contig; None ends the walk."""

    def absorb(self, block: ParsedBlock, line: int) -> None:
        """Take records in the order of the file; ``line`` is the number of their first line."""

    def close(self) -> None:
        """End the contig begun last."""


class _Task(NamedTuple):
    block: Block
    contig: Contig


class _Result(NamedTuple):
    """A block read under the supposition that it holds one contig alone."""

    task: _Task
    head: bytes = b""  # up to the first line feed
    parsed: ParsedBlock | None = None  # None where the supposition was wrong
    tail: bytes = b""  # after the last line feed


class RecordWalk:
    """One pass over the records.

    A block is read for the contig that was current when its work began; where a block turns out
    to hold another, it is read again in its turn. What reaches the visitor does therefore not
    depend on threads or on where blocks end.

    Parameters
    ----------
    blocks
        The file.
    visitor
        Is given the contigs and their records.
    threads
        How many read.
    start
        Where a bgzip file is begun: byte at which a block begins, bytes of its text passed over.
    """

    def __init__(
        self,
        blocks: TextBlocks,
        visitor: Visitor,
        threads: int,
        start: tuple[int, int] = (0, 0),
    ) -> None:
        self.blocks = blocks
        self.visitor = visitor
        self.threads = threads
        self.start = start if any(start) else (0, blocks.mark)
        self.contigs_seen: dict[bytes, None] = {}
        self._before: int | None = None
        self._line = 0  # lines read so far
        self._contig: Contig = SkippedContig(b"")
        self._position = -1
        self._rest = b""
        self._ended = False

    def run(self) -> None:
        """Read the file.

        Raises
        ------
        UserError
            If a line lacks columns, its POS is not a number, positions fall or a contig comes
            back after another, or the compression breaks; with the line number.
        """
        skipped = self.start[1]
        try:
            with closing(ordered_map(self._read, self._tasks(), self.threads)) as results:
                for result in progress(results, "reading variants", unit="MB"):
                    self._take(result, skipped)
                    skipped = 0
                    if self._ended:
                        break
        except TruncatedFile as error:
            path = self.blocks.path
            raise broken_file(path, f"line {whole_lines(path) + 1}") from error
        if self._rest and not self._ended:
            self._feed(self._rest + b"\n", 0, len(self._rest) + 1)
        self._close()

    def line_number(self, line: int) -> int:
        """Return the number in the file of a line that was given to the visitor."""
        if self._before is None:
            self._before = _lines_before(self.blocks, *self.start)
        return self._before + line

    def _tasks(self) -> Iterator[_Task]:
        for block in self.blocks.starting_at(self.start[0]):
            yield _Task(block, self._contig)

    def _read(self, task: _Task) -> _Result:
        if not task.contig.name:
            return _Result(task)
        text, length = self.blocks.text(task.block)
        first, last = text.find(b"\n", 0, length) + 1, text.rfind(b"\n", 0, length) + 1
        if not first:
            return _Result(task)
        parsed = task.contig.parse(text, first, last)
        if parsed.stop < last:
            return _Result(task)
        return _Result(task, bytes(text[:first]), parsed, bytes(text[last:length]))

    def _take(self, result: _Result, skipped: int) -> None:
        if result.parsed is None:
            self._read_again(result, skipped)
            return
        self._feed_rest_and(result.head)
        if self._contig is result.task.contig:
            self._absorb(result.parsed)
            self._rest = result.tail
        else:
            self._read_again(result, len(result.head))

    def _read_again(self, result: _Result, start: int) -> None:
        text, length = self.blocks.text(result.task.block)
        text = bytes(text[start:length])
        first, last = text.find(b"\n") + 1, text.rfind(b"\n") + 1
        if not first:
            self._rest += text
            return
        self._feed_rest_and(text[:first])
        self._feed(text, first, last)
        self._rest = text[last:]

    def _feed_rest_and(self, head: bytes) -> None:
        line, self._rest = self._rest + head, b""
        self._feed(line, 0, len(line))

    def _feed(self, text: bytes, start: int, end: int) -> None:
        """Read whole lines here and now, whatever contigs they are of."""
        while start < end and not self._ended:
            parsed = self._contig.parse(text, start, end)
            start = parsed.stop
            if parsed.bad_line:
                self._check_order(parsed)
                raise self._what_is_bad(text, parsed)
            self._absorb(parsed)
            if start < end:
                self._begin_contig(text, start)

    def _absorb(self, parsed: ParsedBlock) -> None:
        self._check_order(parsed)
        self.visitor.absorb(parsed, self._line + 1)
        self._line += parsed.lines
        self._position = max(self._position, parsed.last_position)

    def _check_order(self, parsed: ParsedBlock) -> None:
        if 0 <= parsed.first_position < self._position:
            raise self._unsorted(
                self._line + 1 + parsed.first_line, self._falls(parsed.first_position)
            )

    def _begin_contig(self, text: bytes, start: int) -> None:
        line = line_at(text, start)
        name, tab, _ = bytes(text[start : text.find(b"\n", start)]).partition(b"\t")
        if not tab:
            raise self._malformed(self._line + 1, line)
        if not name:
            raise self._empty(self._line + 1, "CHROM")
        if name in self.contigs_seen:
            raise self._unsorted(
                self._line + 1, f"contig {shown(name)} comes back after {shown(self._contig.name)}"
            )
        self.contigs_seen[name] = None
        self._close()
        contig = self.visitor.open(name)
        if contig is None:
            self._ended = True
        else:
            self._contig, self._position = contig, -1

    def _close(self) -> None:
        if self._contig.name:
            self.visitor.close()
            self._contig = SkippedContig(b"")

    def _what_is_bad(self, text: bytes, parsed: ParsedBlock) -> UserError:
        line = line_at(text, parsed.stop)
        columns = line.split("\t", _COLUMNS)
        number = self._line + parsed.lines + 1
        if len(columns) < _COLUMNS:
            return self._malformed(number, line)
        empty = empty_column(columns)
        if empty:
            return self._empty(number, empty)
        pos = columns[1]
        if not (pos.isascii() and pos.isdigit()):
            return UserError(
                f"POS {pos[:20]!a} is not a number",
                file=self.blocks.path,
                place=f"line {self.line_number(number)}",
                remedy="give a valid VCF",
            )
        self._position = parsed.last_position
        return self._unsorted(number, self._falls(int(pos)))

    def _falls(self, position: int) -> str:
        name = shown(self._contig.name)
        return f"{name}:{position} comes after {name}:{self._position}"

    def _malformed(self, line: int, text: str) -> UserError:
        return UserError(
            f"has {len(text.split(chr(9)))} of the {_COLUMNS} tab-separated columns of a VCF",
            file=self.blocks.path,
            place=f"line {self.line_number(line)}",
            remedy="give a whole, tab-separated VCF",
        )

    def _empty(self, line: int, column: str) -> UserError:
        return UserError(
            f"{column} is empty",
            file=self.blocks.path,
            place=f"line {self.line_number(line)}",
            remedy=EMPTY_REMEDY,
        )

    def _unsorted(self, line: int, what: str) -> UserError:
        return UserError(
            f"is not sorted, {what}",
            file=self.blocks.path,
            place=f"line {self.line_number(line)}",
            remedy="sort it by contig and position",
        )


def empty_column(columns: Sequence[str | bytes]) -> str:
    """Name the first of CHROM, REF and ALT that is empty: without them a record is none."""
    named = zip(("CHROM", "REF", "ALT"), (columns[0], columns[3], columns[4]), strict=True)
    return next((name for name, column in named if not column), "")


def shown(name: bytes) -> str:
    """Return a contig's name as it is shown and matched; what cannot be printed is replaced."""
    text = name.decode("utf-8", "replace")
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _lines_before(blocks: TextBlocks, start: int, skipped: int) -> int:
    """Count the lines before the place where a walk began."""
    if not start and skipped == blocks.mark:
        return 0
    lines = 0
    for block in blocks.starting_at(0, start):
        text, length = blocks.text(block)
        lines += text.count(b"\n", 0, length)
    text, length = blocks.text(next(blocks.starting_at(start)))
    return lines + text.count(b"\n", 0, min(skipped, length))
