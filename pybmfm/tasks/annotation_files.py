"""Reading annotation: TSS and peaks from BED, transcripts from GTF or GFF3."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pybmfm.core import UserError, text_lines
from pybmfm.tasks.dropped import describe_dropped
from pybmfm.variants.placement import check_loci, read_bed

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")
THICK = ("column7", "column8")
EPDNEW_COLUMNS = 8  # later columns are colour and blocks, and the thick part the coding one
SUMMIT = "column10"
NARROW_PEAK_COLUMNS = 10  # BED12 and gappedPeak have their number of blocks there
NARROW_PEAK_NUMBERS = ("column7", "column8", "column9", SUMMIT)
GFF_COLUMNS = 9
GTF_TRANSCRIPT = re.compile(r'transcript_id "([^"]*)"')
GFF3_PARENT = re.compile(r"(?:^|;)\s*Parent=([^;]*)")
HEADER_LINE = re.compile(r"(?:track|browser)(?:\s|$)")
MOST_DIGITS = 18  # of a position, which then fits 64 bits
STRANDS = ("+", "-")
NO_STRAND = "no_strand"
NO_TRANSCRIPT = "no_transcript_id"


class Point(NamedTuple):
    """A base of a contig (0-based) on a strand, with the name of what it is."""

    contig: str
    position: int
    strand: str
    name: str


@dataclass(frozen=True)
class Transcript:
    """Exons in ascending order, 0-based half-open."""

    contig: str
    strand: str
    name: str
    exons: tuple[tuple[int, int], ...]

    @property
    def tss(self) -> int:
        """The first transcribed base."""
        return self.exons[0][0] if self.strand == "+" else self.exons[-1][1] - 1


def read_tss(path: Path, at: str = "auto") -> tuple[list[Point], str, dict[str, int]]:
    """Read transcription start sites from BED.

    Parameters
    ----------
    path
        BED of six columns or more, or EPDnew's of eight, whose thick part begins at the TSS.
    at
        ``five-prime``: the feature's first base on its strand; ``thick``: that of its thick
        part; ``auto``: thick in a file of eight columns where every row has a thick part that is
        not the whole feature. That of more columns, as in BED12, is where translation begins.

    Returns
    -------
    points, at, dropped
        One point per row with a strand, which of the two was used, and rows left out by reason.

    Raises
    ------
    UserError
        If the file is no BED, has no strands, or has no thick parts though they are asked for.
    """
    table, dropped = _with_strand(_bed_with(path, "strand", "give BED of six columns or more"))
    if not len(table):
        raise UserError(
            f"has no feature with a strand ({describe_dropped(dropped)})",
            file=path,
            remedy="say + or - in column 6",
        )
    table = check_loci(table, path, bed=True)
    if at == "auto":
        at = "thick" if _has_thick_parts(table) else "five-prime"
    start, end = table["start"], table["end"]
    if at == "thick":
        if not set(THICK) <= set(table):
            raise UserError(
                "has no thick parts", file=path, remedy="give BED of eight columns, or --tss-at"
            )
        parts = table.assign(start=table[THICK[0]], end=table[THICK[1]])
        thick = check_loci(parts, path, bed=True)
        start, end = thick["start"], thick["end"]
    positions = start.where(table["strand"] == "+", end - 1)
    return _points(table, positions.tolist()), at, dropped


def read_peaks(path: Path) -> tuple[list[Point], list[tuple[str, int, int]], str]:
    """Read peaks from BED, narrowPeak, broadPeak or gappedPeak; one without a strand is on plus.

    Returns
    -------
    points
        The summit of each peak where a narrowPeak has it, else its middle.
    peaks
        ``(contig, start, end)`` of each.
    source
        ``summit`` or ``middle``; ``summit`` where any peak has one.
    """
    table = _bed_with(path, "end", "give BED or narrowPeak")
    if "strand" in table:
        table = table.assign(strand=table["strand"].where(table["strand"].isin(STRANDS), "+"))
    table = check_loci(table, path, bed=True)
    middle = (table["start"] + table["end"]) // 2
    source = "middle"
    offset = _summits(table)
    if offset is not None:
        known = (offset >= 0) & (offset < table["end"] - table["start"])
        middle = (table["start"] + offset).where(known, middle)
        source = "summit" if known.any() else source
    peaks = zip(table["contig"], table["start"].tolist(), table["end"].tolist(), strict=True)
    return _points(table, middle.tolist()), list(peaks), source


def read_transcripts(path: Path) -> tuple[list[Transcript], dict[str, Any]]:
    """Read the transcripts of a GTF or GFF3.

    Returns
    -------
    transcripts, exons
        In order of appearance, and counts of exon lines: ``read``, ``used``, ``dropped`` by
        reason. A transcript on two strands or contigs becomes two.

    Raises
    ------
    UserError
        If a line is malformed, or there is no exon with a strand and a transcript.
    """
    found: dict[tuple[str, str, str], set[tuple[int, int]]] = {}
    read, dropped = 0, Counter[str]()
    for exon in _exons(path):
        read += 1
        if exon.reason:
            dropped[exon.reason] += 1
        for name in exon.transcripts:
            key = (exon.contig, exon.strand, name)
            found.setdefault(key, set()).add((exon.start, exon.end))
    if not found:
        raise UserError(
            f"has no exon of a transcript ({describe_dropped(dropped)})" if read else "has no exon",
            file=path,
            remedy="give GTF or GFF3 with exon lines",
        )
    transcripts = [
        Transcript(contig, strand, name, tuple(sorted(exons)))
        for (contig, strand, name), exons in found.items()
    ]
    counts = {
        "read": read,
        "used": read - dropped.total(),
        "dropped": dict(sorted(dropped.items())),
    }
    if dropped:
        log.info("%s: exons left out: %s", path.name, describe_dropped(dropped))
    return transcripts, counts


class _Exon(NamedTuple):
    """An exon line; without transcripts for ``reason``."""

    contig: str
    start: int
    end: int
    strand: str
    transcripts: list[str]
    reason: str


def _exons(path: Path) -> Iterator[_Exon]:
    for number, line in enumerate(text_lines(path, "replace"), start=1):
        if line.startswith("##FASTA"):
            return
        if not line.strip() or line.startswith("#") or HEADER_LINE.match(line):
            continue
        fields = line.rstrip("\n").split("\t")
        if len(fields) < GFF_COLUMNS:
            raise _malformed(path, number, f"has {len(fields)} columns, not nine")
        if fields[2] == "exon":
            yield _exon(fields, path, number)


def _exon(fields: list[str], path: Path, number: int) -> _Exon:
    contig, _, _, first, last, _, strand, _, attributes = fields[:GFF_COLUMNS]
    if not (_is_number(first) and _is_number(last) and 1 <= int(first) <= int(last)):
        raise _malformed(path, number, f"start {first} and end {last} are no interval from 1")
    names = _transcript_names(attributes)
    reason = NO_STRAND if strand not in STRANDS else "" if names else NO_TRANSCRIPT
    return _Exon(contig, int(first) - 1, int(last), strand, [] if reason else names, reason)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MOST_DIGITS


def _transcript_names(attributes: str) -> list[str]:
    gtf = GTF_TRANSCRIPT.search(attributes)
    if gtf:
        return [gtf[1]] if gtf[1].strip() else []
    gff3 = GFF3_PARENT.search(attributes)
    return [name for name in gff3[1].split(",") if name.strip()] if gff3 else []


def _malformed(path: Path, number: int, problem: str) -> UserError:
    return UserError(problem, file=path, place=f"line {number}", remedy="correct or remove it")


def _bed_with(path: Path, column: str, remedy: str) -> pd.DataFrame:
    table = read_bed(path)
    if not len(table):
        raise UserError("has no rows", file=path, remedy="give at least one row")
    if column not in table:
        raise UserError(f"has no column '{column}'", file=path, remedy=remedy)
    return table


def _with_strand(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Keep the rows that say their strand: without one there is no five prime end."""
    told = table["strand"].isin(STRANDS)
    return table[told], {NO_STRAND: int((~told).sum())} if not told.all() else {}


def _summits(table: pd.DataFrame) -> pd.Series[Any] | None:
    """Return the summits of a narrowPeak, -1 where a peak has none; None if it is no narrowPeak.

    It has ten columns, the last four numbers; with more, column 10 counts blocks.
    """
    import pandas as pd

    if table.shape[1] != NARROW_PEAK_COLUMNS:
        return None
    told = table[list(NARROW_PEAK_NUMBERS)].replace(".", "-1")
    numbers = told.apply(pd.to_numeric, errors="coerce")
    offset = numbers[SUMMIT]
    if numbers.isna().any(axis=None) or not ((offset == offset.round()) & (offset >= -1)).all():
        return None
    summits: pd.Series[Any] = offset.clip(upper=2**31).astype("int64")
    return summits


def _has_thick_parts(table: pd.DataFrame) -> bool:
    if table.shape[1] != EPDNEW_COLUMNS:
        return False
    whole = (table[THICK[0]] == table["start"].astype(str)) & (
        table[THICK[1]] == table["end"].astype(str)
    )
    none = table[THICK[0]] == table[THICK[1]]
    return not (whole | none).any()


def _points(table: pd.DataFrame, positions: list[int]) -> list[Point]:
    names = table["name"].tolist() if "name" in table else [""] * len(table)
    strands = table["strand"].tolist() if "strand" in table else ["+"] * len(table)
    return [Point(*row) for row in zip(table["contig"], positions, strands, names, strict=True)]
