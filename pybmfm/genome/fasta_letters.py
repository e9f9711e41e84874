"""The letters of a FASTA's records as codes, if they are DNA."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError
from pybmfm.genome.bases import ReadBases, read_bases
from pybmfm.genome.byte_ranges import ByteRanges
from pybmfm.genome.dna import is_dna, why_no_dna
from pybmfm.genome.fasta_records import FastaRecord

_LINE_ENDS = b"\r\n"
_COUNTED = ("replaced", "uracils", "foreign", "never")


def read_letters(source: ByteRanges, record: FastaRecord) -> tuple[NDArray[np.uint8], Counter[str]]:
    """Read a record.

    Returns
    -------
    codes
        uint8[length], values 0-4, not to be written to.
    counts
        ``replaced`` by N and ``uracils`` read as T.

    Raises
    ------
    UserError
        If it is no DNA, has another length than its index says, or the file is damaged.
    """
    codes = np.empty(record.length, dtype=np.uint8)
    counts: Counter[str] = Counter()
    filled = 0
    for _, text in source.chunks(record.start, record.end):
        read = read_bases(text, _LINE_ENDS)
        if read.blanks:
            return _read_blank_lines(source, record)
        if filled + len(read.codes) > record.length:
            raise _other_length(source, record)
        codes[filled : filled + len(read.codes)] = read.codes
        filled += len(read.codes)
        _count(counts, read)
    if filled != record.length:
        raise _other_length(source, record)
    _check(source, record, counts)
    codes.flags.writeable = False
    return codes, counts


def check_head(path: Path, head: bytes) -> None:
    """Refuse a FASTA whose first lines are no DNA; what is further down is looked at when read.

    Raises
    ------
    UserError
        If they are not.
    """
    *lines, last = head.splitlines()
    if not last.startswith(b">"):
        lines.append(last)
    _refuse(path, "its beginning", [line for line in lines if not line.startswith(b">")])


def _read_blank_lines(
    source: ByteRanges, record: FastaRecord
) -> tuple[NDArray[np.uint8], Counter[str]]:
    """Read a record whose lines have blanks around them, which are harmless, or inside."""
    lines = [line.strip() for line in source.read(record.start, record.end).splitlines()]
    read = read_bases(b"".join(lines))
    if read.blanks:
        _refuse(source.path, f"contig {record.name}", lines)
    if len(read.codes) != record.length:
        raise _other_length(source, record)
    counts: Counter[str] = Counter()
    _count(counts, read)
    _check(source, record, counts)
    return read.codes, counts


def _count(counts: Counter[str], read: ReadBases) -> None:
    counts.update({name: getattr(read, name) for name in _COUNTED})


def _check(source: ByteRanges, record: FastaRecord, counts: Counter[str]) -> None:
    if counts["never"] or not is_dna(counts["foreign"], record.length):
        lines = source.read(record.start, record.end).splitlines()
        _refuse(source.path, f"contig {record.name}", lines)


def _refuse(path: Path, place: str, lines: list[bytes]) -> None:
    problem = why_no_dna(b"".join(map(bytes.strip, lines)).decode("latin-1"))
    if problem is not None:
        raise UserError(problem[0], file=path, place=place, remedy=problem[1])


def _other_length(source: ByteRanges, record: FastaRecord) -> UserError:
    return UserError(
        f"contig {record.name} has not the {record.length:,} letters that its index says",
        file=source.path,
        remedy="remove the index (.fai), or make it again with samtools faidx",
    )
