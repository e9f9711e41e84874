"""What a VCF says of itself: its header, its contigs, which keys its records have."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pybmfm.core import UserError
from pybmfm.genome import describe_left_out, describe_names, match_contigs
from pybmfm.variants.frequencies import source_names
from pybmfm.variants.record_walk import shown
from pybmfm.variants.tabix_index import Place, Span, contig_spans
from pybmfm.variants.text_blocks import TextBlocks

_ID = re.compile(r"[<,]ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=(\d+)")
_NUMBER = re.compile(r"[<,]Number=([^,>]+)")
MAX_LEFT_OUT = 0.5  # of the records, on contigs that the FASTA has not
log = logging.getLogger("pybmfm")
_COMMON_KEY = re.compile(rb"(?:[^\t]*\t){7}(?:[^\t]*;)?COMMON(?:[=;\t\r\n]|$)")


@dataclass
class VcfHeader:
    """What the header says: contigs with their length (None if not given), INFO numbers.

    ``text`` is all of it, up to the line ``#CHROM``.
    """

    contigs: dict[str, int | None] = field(default_factory=dict)
    info_numbers: dict[str, str] = field(default_factory=dict)
    reference: str = ""
    text: bytes = b""

    @property
    def lengths(self) -> dict[str, int]:
        """Contigs whose length is given."""
        return {name: length for name, length in self.contigs.items() if length is not None}


class VcfReader:
    """Answers questions about a VCF, plain, gzip or bgzip, or a BCF, indexed or not.

    Parameters
    ----------
    path
        The VCF.
    threads
        How many decompress it where all of it must be read.

    Attributes
    ----------
    header : VcfHeader

    Raises
    ------
    UserError
        If the file is missing, empty, truncated, or not a VCF.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self.path = Path(path)
        self.threads = threads
        self.blocks = TextBlocks(self.path)
        self.header = self._read_header()

    @cached_property
    def spans(self) -> dict[bytes, Span] | None:
        """Where each contig's records lie, by an index that fits the file; None without one."""
        return contig_spans(self.path) if self.blocks.packed else None

    @property
    def starts(self) -> dict[bytes, Place] | None:
        """Where each contig begins, by an index that fits the file; None without one."""
        return None if self.spans is None else {n: one.first for n, one in self.spans.items()}

    def has_common_key(self) -> bool:
        """Say whether any record has the INFO key COMMON, with whatever value."""
        return any(_COMMON_KEY.match(line) for line in self._lines_with(b"COMMON"))

    def source_names(self) -> list[str]:
        """Return the names of the sources of FREQ in the whole file, in alphabetical order."""
        names: set[str] = set()
        for line in self._lines_with(b"FREQ="):
            columns = line.decode("utf-8", "replace").split("\t", 8)
            names.update(source_names(columns[7]) if len(columns) > 7 else ())
        return sorted(names)

    def contig_records(self) -> dict[str, int | None]:
        """Return the contigs of the header and of the records, with their number of records.

        None stands for a number that would take a reading: some indices name contigs alone.
        """
        found: Mapping[bytes, int | None]
        if self.spans is None:
            found = self._count_records()
        else:
            found = {name: span.records for name, span in self.spans.items()}
        return {
            **dict.fromkeys(self.header.contigs, 0),
            **{shown(name): number for name, number in found.items()},
        }

    def numbered_records(self) -> Iterator[tuple[int, bytes]]:
        """Yield the line number, from 1, and the line of every record; blank lines are none."""
        number = 0
        for text in self.blocks.whole_lines(self.threads):
            for line in text[:-1].split(b"\n"):
                number += 1
                if line.strip() and not line.startswith(b"#"):
                    yield number, line.rstrip(b"\r")

    def _count_records(self) -> dict[bytes, int]:
        counts: Counter[bytes] = Counter()
        last, number = b"", 0
        for line in self._lines():
            if last and line.startswith(last):
                number += 1
            elif not line.startswith(b"#") and line.strip(b"\r\n"):
                counts[last[:-1]] += number
                last, number = line.rstrip(b"\r\n").partition(b"\t")[0] + b"\t", 1
        counts[last[:-1]] += number
        del counts[b""]
        return counts

    def _read_header(self) -> VcfHeader:
        header = VcfHeader()
        text: list[bytes] = []
        for raw in self._lines():
            text.append(raw)
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not line.startswith("#"):
                break
            _note_header_line(header, line)
            if line.startswith("#CHROM"):
                header.text = b"".join(text)
                return header
        raise UserError(
            "has no header line '#CHROM'" if text else "is empty",
            file=self.path,
            place=f"line {len(text)}" if text else None,
            remedy="give a VCF (.vcf, .vcf.gz)",
        )

    def _lines_with(self, letters: bytes) -> Iterator[bytes]:
        """Yield the lines of records in which the letters occur."""
        for text in self.blocks.whole_lines(self.threads):
            at = text.find(letters)
            while at >= 0:
                start, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at) + 1
                if text[start : start + 1] != b"#":
                    yield text[start:end]
                at = text.find(letters, end)

    def _lines(self) -> Iterator[bytes]:
        for text in self.blocks.whole_lines():
            yield from (line + b"\n" for line in text[:-1].split(b"\n"))


def shared_contigs(
    fasta: str | Path,
    fasta_lengths: Mapping[str, int],
    reader: VcfReader,
    aliases: Mapping[str, str],
    contigs: Collection[str] = (),
) -> dict[str, str]:
    """Return FASTA contig -> VCF name of the contigs both have, in FASTA order.

    Contigs of records that are left out are named in the log.

    Parameters
    ----------
    aliases
        VCF name -> FASTA name where the user says so; they go before all other matching.
    contigs
        FASTA names of those to look at; empty is all.

    Raises
    ------
    UserError
        If they share none, or most records lie on contigs that the FASTA has not, unless some
        are chosen; the message names some.
    """
    records = reader.contig_records()
    matched = match_contigs(fasta_lengths, records, reader.header.lengths)
    matched |= {name: aliases[name] for name in records if name in aliases}
    if not matched:
        raise no_shared_contig(fasta, fasta_lengths, reader.path, records, by_alias=True)
    left_out = {name: n for name, n in records.items() if n != 0 and name not in matched}
    chosen = set(matched.values()) if not contigs else set(contigs)
    of_fasta: dict[str, str] = {}
    for name, contig in matched.items():
        if contig in chosen:
            of_fasta.setdefault(contig, name)
    if left_out and not contigs:
        _tell_left_out(fasta, fasta_lengths, reader, left_out, records)
    return {contig: of_fasta[contig] for contig in fasta_lengths if contig in of_fasta}


def _tell_left_out(
    fasta: str | Path,
    fasta_lengths: Mapping[str, int],
    reader: VcfReader,
    left_out: Mapping[str, int | None],
    records: Mapping[str, int | None],
) -> None:
    """Name the contigs that have records but no place in the FASTA; refuse most records there."""
    known = {name: n or 0 for name, n in left_out.items()}
    lost, read = sum(known.values()), sum(n or 0 for n in records.values())
    if lost > MAX_LEFT_OUT * read:
        raise records_left_out(
            fasta, fasta_lengths, reader.path, reader.header.lengths, known, read, by_alias=True
        )
    log.warning(
        "%s contigs%s of the VCF are not in the FASTA: %s",
        f"{len(left_out):,}",
        f" with {lost:,} of {read:,} records" if lost else "",
        describe_left_out(left_out, fasta_lengths, reader.header.lengths),
    )


def no_shared_contig(
    fasta: str | Path,
    fasta_names: Collection[str],
    vcf: str | Path,
    vcf_names: Collection[str],
    *,
    by_alias: bool = False,
) -> UserError:
    """Return the error for a FASTA and a VCF of different genomes.

    ``by_alias`` says that the command has an option to name contigs.
    """
    remedy = "give a VCF and a FASTA of the same genome"
    if by_alias:
        remedy += ", or name the contigs by --alias (in the pipeline --contig_aliases)"
    return UserError(
        f"shares no contig with {fasta}: the VCF has {describe_names(vcf_names)}, "
        f"the FASTA has {describe_names(fasta_names)}",
        file=vcf,
        remedy=remedy,
    )


def records_left_out(
    fasta: str | Path,
    fasta_lengths: Mapping[str, int],
    vcf: str | Path,
    vcf_lengths: Mapping[str, int],
    left_out: Mapping[str, int],
    read: int,
    *,
    by_alias: bool = False,
) -> UserError:
    """Return the error for a VCF most of whose records lie on contigs that the FASTA has not.

    ``by_alias`` says that the command has options to name and to choose contigs.
    """
    by_number = sorted(left_out, key=lambda name: -left_out[name])
    names = describe_left_out(by_number, fasta_lengths, vcf_lengths)
    remedy = "give a VCF and a FASTA of the same genome"
    if by_alias:
        remedy = (
            "name them by --alias (in the pipeline --contig_aliases), give the FASTA that has "
            "them, or choose contigs by --contig"
        )
    return UserError(
        f"{sum(left_out.values()):,} of {read:,} records lie on contigs that {fasta} has not: "
        f"{names}",
        file=vcf,
        remedy=remedy,
    )


def _note_header_line(header: VcfHeader, line: str) -> None:
    if line.startswith("##reference="):
        header.reference = line.partition("=")[2]
    identifier = _ID.search(line)
    if identifier and line.startswith("##contig="):
        length = _LENGTH.search(line)
        header.contigs[identifier[1]] = int(length[1]) if length else None
    elif identifier and line.startswith("##INFO="):
        number = _NUMBER.search(line)
        header.info_numbers[identifier[1]] = number[1] if number else "."
