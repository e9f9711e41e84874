"""Records with genotypes, parsed by htslib from text that was decompressed and checked here.

htslib is given a pipe, not the file: it then opens no index of its own accord, and what is true
of every VCF that this package reads (`TextBlocks`) is true of these records too.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pybmfm.core import UserError
from pybmfm.variants.record_walk import EMPTY_REMEDY
from pybmfm.variants.tabix_index import Place
from pybmfm.variants.text_blocks import open_with_htslib, readable
from pybmfm.variants.vcf import VcfReader

_BLANK_LINE = re.compile(rb"(?m)^\r?\n")
_WHOLE = (0, 0)


@contextmanager
def open_genotypes(reader: VcfReader, start: Place | None = None) -> Iterator[Any]:
    """Open a VCF for pysam, from a place on at which an index says that a contig begins.

    Raises
    ------
    UserError
        If htslib cannot read its header.
    """
    if reader.blocks.is_bcf:
        with open_with_htslib(reader.path) as file:
            yield file
        return
    read_end, write_end = os.pipe()
    feeder = _Feeder(reader, start, write_end)
    feeder.start()
    try:
        with os.fdopen(read_end, "rb") as pipe, open_with_htslib(reader.path, pipe) as file:
            pipe.close()  # htslib has a handle of its own, whose end ends the feeder
            yield file
    finally:
        feeder.join()
        feeder.check()


def check_header(reader: VcfReader) -> None:
    """Refuse a header whose names cannot be read.

    Raises
    ------
    UserError
        With the line that is not UTF-8.
    """
    for number, line in enumerate(reader.header.text.splitlines(), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise UserError(
                "has a letter that is not UTF-8",
                file=reader.path,
                place=f"line {number}",
                remedy="convert it with iconv -f latin1 -t utf8",
            ) from error


def genotype_records(file: Any, reader: VcfReader) -> Iterator[Any]:
    """Yield the records of a file opened by `open_genotypes`.

    Raises
    ------
    UserError
        If the file is broken, or the column ALT of a record is empty.
    """
    for record in readable(iter(file), reader.path):
        if record.alts == (".",):  # htslib's reading of an empty column; a dot is None
            raise UserError(
                "ALT is empty",
                file=reader.path,
                place=f"record {record.contig}:{record.pos}",
                remedy=EMPTY_REMEDY,
            )
        yield record


class _Feeder(threading.Thread):
    """Writes the text of a VCF into a pipe until it ends or nobody reads on."""

    def __init__(self, reader: VcfReader, start: Place | None, write_end: int) -> None:
        super().__init__(daemon=True)
        self._reader = reader
        self._start_at = start
        self._write_end = write_end
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            with os.fdopen(self._write_end, "wb", buffering=0) as pipe:
                for text in self._pieces():
                    view = memoryview(_without_blank_lines(text))
                    while view:
                        view = view[pipe.write(view) or 0 :]
        except BrokenPipeError:
            pass
        except BaseException as error:  # told in the thread that reads
            self._error = error

    def check(self) -> None:
        """Raise what ended the text too early, if anything did."""
        if self._error is not None:
            raise self._error

    def _pieces(self) -> Iterable[bytes]:
        if self._start_at is not None:
            yield self._reader.header.text
        yield from self._reader.blocks.whole_lines(start=self._start_at or _WHOLE)


def _without_blank_lines(text: bytes) -> bytes:
    """Take blank lines, which htslib does not bear, out of whole lines."""
    if text[:1] in b"\r\n" or b"\n\n" in text or b"\n\r\n" in text:
        return _BLANK_LINE.sub(b"", text)
    return text
