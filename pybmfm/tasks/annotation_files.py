"""Reading annotation: TSS and peaks from BED, transcripts from GTF or GFF3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pybmfm.core import UserError
from pybmfm.genome import open_bytes
from pybmfm.variants.placement import check_loci, read_bed

if TYPE_CHECKING:
    import pandas as pd

THICK = ("column7", "column8")
SUMMIT = "column10"
GFF_COLUMNS = 9
GTF_TRANSCRIPT = re.compile(r'transcript_id "([^"]+)"')
GFF3_PARENT = re.compile(r"(?:^|;)\s*Parent=([^;]+)")


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


def read_tss(path: Path, at: str = "auto") -> tuple[list[Point], str]:
    """Read transcription start sites from BED.

    Parameters
    ----------
    path
        BED of six columns, or EPDnew's of eight, whose thick part begins at the TSS.
    at
        ``five-prime``: the feature's first base on its strand; ``thick``: that of its thick
        part; ``auto``: thick where every row has a thick part that is not the whole feature.

    Returns
    -------
    points, at
        One per row, and which of the two was used.

    Raises
    ------
    UserError
        If the file is no BED with strands, or has no thick parts though they are asked for.
    """
    table = _bed_with(path, "strand", "give BED of six columns or more")
    if at == "auto":
        at = "thick" if _has_thick_parts(table) else "five-prime"
    start, end = table["start"], table["end"]
    if at == "thick":
        if not set(THICK) <= set(table):
            raise UserError(
                "has no thick parts", file=path, remedy="give BED of eight columns, or --tss-at"
            )
        thick = check_loci(table.assign(start=table[THICK[0]], end=table[THICK[1]]), path)
        start, end = thick["start"], thick["end"]
    positions = start.where(table["strand"] == "+", end - 1)
    return _points(table, positions.tolist()), at


def read_peaks(path: Path) -> tuple[list[Point], list[tuple[str, int, int]], str]:
    """Read peaks from BED or narrowPeak.

    Returns
    -------
    points
        The summit of each peak where a tenth column has it (narrowPeak), else its middle.
    peaks
        ``(contig, start, end)`` of each.
    source
        ``summit`` or ``middle``; ``summit`` where any peak has one.
    """
    table = _bed_with(path, "end", "give BED or narrowPeak")
    middle = (table["start"] + table["end"]) // 2
    source = "middle"
    if SUMMIT in table:
        import pandas as pd

        offset = pd.to_numeric(table[SUMMIT], errors="coerce").fillna(-1).astype("int64")
        width = table["end"] - table["start"]
        known = (offset >= 0) & (offset < width)
        middle = (table["start"] + offset).where(known, middle)
        source = "summit" if known.any() else source
    peaks = zip(table["contig"], table["start"].tolist(), table["end"].tolist(), strict=True)
    return _points(table, middle.tolist()), list(peaks), source


def read_transcripts(path: Path) -> tuple[list[Transcript], int]:
    """Read the transcripts of a GTF or GFF3.

    Returns
    -------
    transcripts, exons
        In order of appearance, and how many exon lines there were. A transcript on two strands
        or contigs becomes two.

    Raises
    ------
    UserError
        If a line is malformed, an exon names no transcript, or there is no exon.
    """
    found: dict[tuple[str, str, str], set[tuple[int, int]]] = {}
    number = 0
    for contig, start, end, strand, names in _exons(path):
        number += 1
        for name in names:
            found.setdefault((contig, strand, name), set()).add((start, end))
    if not found:
        raise UserError("has no exon", file=path, remedy="give GTF or GFF3 with exon lines")
    transcripts = [
        Transcript(contig, strand, name, tuple(sorted(exons)))
        for (contig, strand, name), exons in found.items()
    ]
    return transcripts, number


def _exons(path: Path) -> Iterator[tuple[str, int, int, str, list[str]]]:
    with open_bytes(path) as lines:
        for number, raw in enumerate(lines, start=1):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line.startswith("##FASTA"):
                return
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.split("\t")
            if len(fields) < GFF_COLUMNS:
                raise _malformed(path, number, f"has {len(fields)} columns, not nine")
            if fields[2] == "exon":
                yield _exon(fields, path, number)


def _exon(fields: list[str], path: Path, number: int) -> tuple[str, int, int, str, list[str]]:
    contig, first, last, strand, attributes = (fields[i] for i in (0, 3, 4, 6, 8))
    if not (first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last)):
        raise _malformed(path, number, f"start {first} and end {last} are no interval from 1")
    if strand not in ("+", "-"):
        raise _malformed(path, number, f"an exon's strand is '{strand}'")
    gtf, gff3 = GTF_TRANSCRIPT.search(attributes), GFF3_PARENT.search(attributes)
    if gtf is None and gff3 is None:
        raise _malformed(path, number, "an exon has neither transcript_id nor Parent")
    names = [gtf[1]] if gtf else gff3[1].split(",") if gff3 else []
    return contig, int(first) - 1, int(last), strand, names


def _malformed(path: Path, number: int, problem: str) -> UserError:
    return UserError(problem, file=path, place=f"line {number}", remedy="correct or remove it")


def _bed_with(path: Path, column: str, remedy: str) -> pd.DataFrame:
    table = read_bed(path)
    if not len(table):
        raise UserError("has no rows", file=path, remedy="give at least one row")
    if column not in table:
        raise UserError(f"has no column '{column}'", file=path, remedy=remedy)
    return check_loci(table, path)


def _has_thick_parts(table: pd.DataFrame) -> bool:
    if not set(THICK) <= set(table):
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
