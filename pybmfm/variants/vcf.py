"""Read a VCF line by line: plain, gzip or bgzip, indexed or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pybmfm.core import UserError
from pybmfm.genome import (
    TruncatedFile,
    broken_file,
    compression_of,
    describe_names,
    has_bgzip_end,
    match_contigs,
    open_bytes,
)

_BLOCK = 1 << 20
_COLUMNS = 8
_COMMON_KEY = re.compile(r"^[^#\n].*[\t;]COMMON(?:[=;\t\r]|$)", re.MULTILINE)
_ID = re.compile(r"[<,]ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=(\d+)")
_NUMBER = re.compile(r"[<,]Number=([^,>]+)")


class Record(NamedTuple):
    """The columns of a VCF line that frequencies need."""

    line: int
    contig: str
    start: int  # 0-based; -1 for the telomere record at POS 0
    reference: str
    alternates: list[str]
    info: str


@dataclass
class VcfHeader:
    """What the header says: contigs with their length (None if not given), INFO numbers."""

    contigs: dict[str, int | None] = field(default_factory=dict)
    info_numbers: dict[str, str] = field(default_factory=dict)

    @property
    def lengths(self) -> dict[str, int]:
        """Contigs whose length is given."""
        return {name: length for name, length in self.contigs.items() if length is not None}


class VcfReader:
    """Goes through the records of a VCF and checks that they are whole and sorted.

    Parameters
    ----------
    path
        VCF, plain, gzip or bgzip.

    Attributes
    ----------
    header : VcfHeader
    contigs_seen : dict of str to None
        Contig names of the records read so far, in order, skipped ones too.

    Raises
    ------
    UserError
        If the file is missing, empty, truncated, or not a VCF.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.contigs_seen: dict[str, None] = {}
        _check_whole(self.path)
        self.header = self._read_header()

    def records(self, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Record]:
        """Yield the records in order; those on contigs not ``wanted`` are only seen by name.

        Raises
        ------
        UserError
            If a line lacks columns, its POS is not a number, positions fall or a contig comes
            back after another, or the compression breaks; with the line number.
        """
        contig, position, skipped = "", -1, False
        for number, line in self._lines():
            if line.startswith("#") or not line:
                continue
            name, tab, rest = line.partition("\t")
            if name != contig:
                if not tab or not name:
                    raise self._malformed(number, line)
                if name in self.contigs_seen:
                    raise self._unsorted(number, f"contig {name} comes back after {contig}")
                self.contigs_seen[name] = None
                contig, position, skipped = name, -1, not wanted(name)
            if skipped:
                continue
            columns = rest.split("\t", _COLUMNS - 1)
            if len(columns) < _COLUMNS - 1 or not (columns[2] and columns[3]):
                raise self._malformed(number, line)
            if not (columns[0].isascii() and columns[0].isdigit()):
                raise UserError(
                    f"POS '{columns[0][:20]}' is not a number",
                    file=self.path,
                    place=f"line {number}",
                    remedy="give a valid VCF",
                )
            pos1 = int(columns[0])
            if pos1 < position:
                raise self._unsorted(number, f"{name}:{pos1} comes after {name}:{position}")
            position = pos1
            yield Record(
                number,
                name,
                pos1 - 1,
                columns[2].upper(),
                columns[3].upper().split(","),
                columns[6],
            )

    def has_common_key(self) -> bool:
        """Say whether any record has the INFO key COMMON, with whatever value."""
        return any("COMMON" in text and _COMMON_KEY.search(text) for _, text in self._blocks())

    def contig_names(self) -> list[str]:
        """Return the contigs of the header, and those that an index, else the records, name."""
        found = _indexed_names(self.path) or self._recorded_names()
        return list(dict.fromkeys([*self.header.contigs, *found]))

    def _recorded_names(self) -> dict[str, None]:
        names: dict[str, None] = {}
        last = "#"
        for _, line in self._lines():
            if line and not line.startswith(("#", last)):
                name = line.partition("\t")[0]
                names[name] = None
                last = f"{name}\t"
        return names

    def _read_header(self) -> VcfHeader:
        header = VcfHeader()
        lines = 0
        for _, line in self._lines():
            lines += 1
            if not line.startswith("#"):
                break
            identifier = _ID.search(line)
            if identifier and line.startswith("##contig="):
                length = _LENGTH.search(line)
                header.contigs[identifier[1]] = int(length[1]) if length else None
            elif identifier and line.startswith("##INFO="):
                number = _NUMBER.search(line)
                header.info_numbers[identifier[1]] = number[1] if number else "."
            if line.startswith("#CHROM"):
                return header
        problem = "has no header line '#CHROM'" if lines else "is empty"
        raise UserError(
            problem,
            file=self.path,
            place=f"line {lines}" if lines else None,
            remedy="give a VCF (.vcf, .vcf.gz)",
        )

    def _lines(self) -> Iterator[tuple[int, str]]:
        for first, text in self._blocks():
            lines = text.split("\n")
            if not lines[-1]:
                lines.pop()
            for number, line in enumerate(lines, start=first):
                yield number, line[:-1] if line.endswith("\r") else line

    def _blocks(self) -> Iterator[tuple[int, str]]:
        """Yield (number of the first line, text of whole lines)."""
        number, rest = 1, b""
        try:
            with open_bytes(self.path) as handle:
                while block := handle.read(_BLOCK):
                    whole, newline, tail = (rest + block).rpartition(b"\n")
                    rest = tail
                    if newline:
                        text = (whole + newline).decode("utf-8", "replace")
                        yield number, text
                        number += text.count("\n")
        except TruncatedFile as error:
            raise broken_file(self.path, f"line {_whole_lines(self.path) + 1}") from error
        if rest:
            yield number, rest.decode("utf-8", "replace")

    def _malformed(self, number: int, line: str) -> UserError:
        return UserError(
            f"has {len(line.split(chr(9)))} of the {_COLUMNS} tab-separated columns of a VCF",
            file=self.path,
            place=f"line {number}",
            remedy="give a whole, tab-separated VCF",
        )

    def _unsorted(self, number: int, what: str) -> UserError:
        return UserError(
            f"is not sorted, {what}",
            file=self.path,
            place=f"line {number}",
            remedy="sort it by contig and position",
        )


def shared_contigs(
    fasta: str | Path, fasta_lengths: Mapping[str, int], reader: VcfReader
) -> dict[str, str]:
    """Return FASTA contig -> VCF name of the contigs both have, in FASTA order.

    Raises
    ------
    UserError
        If they share none; the message names some of each.
    """
    names = reader.contig_names()
    matched = match_contigs(fasta_lengths, names, reader.header.lengths)
    if not matched:
        raise no_shared_contig(fasta, fasta_lengths, reader.path, names)
    of_fasta: dict[str, str] = {}
    for name, contig in matched.items():
        of_fasta.setdefault(contig, name)
    return {contig: of_fasta[contig] for contig in fasta_lengths if contig in of_fasta}


def no_shared_contig(
    fasta: str | Path, fasta_names: Collection[str], vcf: str | Path, vcf_names: Collection[str]
) -> UserError:
    """Return the error for a FASTA and a VCF of different genomes."""
    return UserError(
        f"shares no contig with {fasta}: the VCF has {describe_names(vcf_names)}, "
        f"the FASTA has {describe_names(fasta_names)}",
        file=vcf,
        remedy="give a VCF and a FASTA of the same genome",
    )


def _check_whole(path: Path) -> None:
    if compression_of(path) != "bgzip" or has_bgzip_end(path):
        return
    raise broken_file(path, f"line {_whole_lines(path) + 1}")


def _whole_lines(path: Path) -> int:
    """Count the lines that can still be read of a broken file."""
    lines = 0
    # Small reads: what a failing read had already decompressed is lost.
    with suppress(TruncatedFile), open_bytes(path) as handle:
        while block := handle.read(1 << 12):
            lines += block.count(b"\n")
    return lines


def _indexed_names(path: Path) -> list[str]:
    if not any(Path(f"{path}{suffix}").is_file() for suffix in (".tbi", ".csi")):
        return []
    import pysam

    try:
        with pysam.TabixFile(str(path)) as indexed:
            return list(indexed.contigs)
    except (OSError, ValueError):
        return []  # a broken index is no reason to stop: the records are read instead
