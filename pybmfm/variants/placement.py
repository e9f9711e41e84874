"""From the rows of a table to loci of a genome: by coordinates, or by alignment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, known_column, read_table, row_place, text_lines
from pybmfm.genome import (
    AlignmentSettings,
    Genome,
    align_sequences,
    check_dna,
    decode_bases,
    describe_names,
    encode_bases,
    match_contigs,
)

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("contig", "start", "end")
BED_COLUMNS = (*COLUMNS, "name", "score", "strand")
NOT_IN_FASTA = "contig_not_in_fasta"
BEYOND_END = "beyond_contig_end"
DIFFERS = "sequence_differs_from_fasta"
NO_COORDINATES = "no_coordinates"
MAX_DIFFERING = 0.01
BED_SUFFIXES = (".bed", ".narrowpeak", ".broadpeak", ".gappedpeak")
BED_HEADER = re.compile(r"#|(?:track|browser)(?:\s|$)")


class Locus(NamedTuple):
    """A stretch of a contig, 0-based half-open on the plus strand, read on ``strand``."""

    contig: str
    start: int
    end: int
    strand: str = "+"


def place_rows(
    table: pd.DataFrame, genome: Genome, path: Path, alignment: AlignmentSettings
) -> tuple[list[Locus], list[str]]:
    """Find the locus of each row of a table.

    A row with coordinates is placed by them, and its sequence, if it has one, must be the
    genome's there. One with a sequence alone is aligned, if that is wanted.

    Parameters
    ----------
    table
        Columns ``contig, start, end`` (perhaps ``strand``), ``sequence``, or both; cells may be
        empty.
    path
        The table's file, for messages.
    alignment
        How rows without coordinates are placed.

    Returns
    -------
    loci, reasons
        Per row a locus and ``""``, or a meaningless locus and why there is none.

    Raises
    ------
    UserError
        If coordinates are no coordinates, more than 1 % of the compared sequences differ, no
        row can be placed for want of coordinates and alignment, or bwa fails.
    """
    loci = [Locus("", 0, 0)] * len(table)
    reasons = [NO_COORDINATES] * len(table)
    given = np.flatnonzero(_has_coordinates(table))
    if len(given):
        rows = check_loci(table.iloc[given], path, bed=_is_bed(path))
        placed, why = _place(rows, genome, path)
        _compare(rows, genome, placed, why, path)
        for row, locus, reason in zip(given.tolist(), placed, why, strict=True):
            loci[row], reasons[row] = locus, reason
    rest = [row for row, reason in enumerate(reasons) if reason == NO_COORDINATES]
    if rest and alignment.wanted and "sequence" in table:
        found = align_sequences(texts_to_align(table), genome.lengths, genome.path, alignment)
        for row, one in zip(rest, found, strict=True):
            loci[row] = Locus(one.contig, one.start, one.end, one.strand)
            reasons[row] = one.reason(alignment)
    elif len(rest) == len(table):
        missing = [f"column '{name}'" for name in COLUMNS if name not in table]
        raise UserError(
            f"has no {(missing or ['coordinates'])[0]}",
            file=path,
            remedy="give contig, start and end, a BED file, or align its sequences with --align",
        )
    return loci, reasons


def texts_to_align(table: pd.DataFrame) -> list[str]:
    """Return the sequences of the rows without coordinates: what an alignment has to place."""
    if "sequence" not in table:
        return []
    return known_column(table[~_has_coordinates(table)], "sequence")


def reference_texts(genome: Genome, loci: Sequence[Locus]) -> list[str]:
    """Return the plain sequence of loci, each on its strand, in order."""
    texts = [""] * len(loci)
    for row in sorted(range(len(loci)), key=lambda row: loci[row].contig):
        texts[row] = genome.text(*loci[row])
    return texts


def read_rows(path: Path) -> pd.DataFrame:
    """Read a table or a BED file as it is, rows numbered from 0.

    BED columns are called contig, start, end, name, score, strand, column7 and so on.

    Raises
    ------
    UserError
        If the file is missing or broken, has no rows, or a sequence is no DNA.
    """
    bed = _is_bed(path)
    table = read_bed(path) if bed else read_table(path)
    if not len(table):
        raise UserError("has no rows", file=path, remedy="give at least one row")
    if "sequence" in table:
        texts = known_column(table, "sequence")
        letters = sum(map(len, texts))
        check_dna(enumerate(texts), letters, path, lambda row: _place_of_row(path, row, bed))
    return table


def check_loci(table: pd.DataFrame, path: Path, *, bed: bool = False) -> pd.DataFrame:
    """Return rows with checked coordinates.

    Parameters
    ----------
    table
        With the row numbers of the file.
    path, bed
        The file, and whether it was read as BED, for messages.

    Returns
    -------
    DataFrame
        ``start`` and ``end`` as int64, ``strand`` ``+`` or ``-`` where there is one.

    Raises
    ------
    UserError
        If a row has no whole numbers, ends before it starts, or has another strand than ``+``,
        ``-`` or ``.``.
    """
    table = table.copy()
    for name in ("start", "end"):
        table[name], whole = _whole_numbers(table[name])
        problem = f"holds a value of {name} that is not a whole number from 0"
        _refuse(~whole, path, problem, bed)
    _refuse(table["end"] <= table["start"], path, "ends where it starts or before", bed)
    if "strand" in table:
        strand = table["strand"].fillna("+").astype(str).replace({".": "+", "": "+"})
        _refuse(~strand.isin(["+", "-"]), path, "has another strand than '+', '-' or '.'", bed)
        table["strand"] = strand
    return table


def read_bed(path: Path) -> pd.DataFrame:
    """Read BED, or a format that extends it, as text; columns 7 and on have numbers for names.

    Raises
    ------
    UserError
        If the file is missing, broken or no text, or rows differ in their number of columns.
    """
    import pandas as pd

    rows: list[list[str]] = []
    for number, fields in _bed_lines(path):
        wanted = len(rows[0]) if rows else max(len(fields), len(COLUMNS))
        if len(fields) != wanted:
            raise UserError(
                f"has {len(fields)} columns, not {wanted}",
                file=path,
                place=f"line {number}",
                remedy="give BED rows of three or more columns, all the same number",
            )
        rows.append(fields)
    width = len(rows[0]) if rows else len(COLUMNS)
    names = [*BED_COLUMNS, *(f"column{number}" for number in range(7, width + 1))][:width]
    return pd.DataFrame(rows, columns=names, dtype=str)


def _is_bed(path: Path) -> bool:
    return bool(set(BED_SUFFIXES) & {suffix.lower() for suffix in path.suffixes[-2:]})


def _place_of_row(path: Path, row: int, bed: bool) -> str:
    """Say where row ``row`` (from 0) stands in its file."""
    if not bed:
        return row_place(path, row)
    numbers = (number for number, _ in _bed_lines(path))
    return f"line {next(islice(numbers, row, None))}"


def _bed_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text_lines(path), start=1):
        text = line.rstrip("\n")
        if text.strip() and not BED_HEADER.match(text):
            yield number, text.split("\t" if "\t" in text else None)


def _whole_numbers(cells: pd.Series[Any]) -> tuple[NDArray[np.int64], pd.Series[bool]]:
    """Return numbers, and which of them are whole, not negative and below 2^31."""
    import pandas as pd

    values = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    whole = (values >= 0) & (values < 2**31) & (values == np.floor(values))
    return values.where(whole, 0).to_numpy().astype(np.int64), whole


def _refuse(bad: pd.Series[bool], path: Path, problem: str, bed: bool) -> None:
    if bad.any():
        row = int(bad.index[int(np.argmax(bad.to_numpy()))])
        raise UserError(
            problem,
            file=path,
            place=_place_of_row(path, row, bed),
            remedy="correct or remove the row",
        )


def _place(table: pd.DataFrame, genome: Genome, path: Path) -> tuple[list[Locus], list[str]]:
    """Name each row's locus as the FASTA does, and why it cannot be used, if so."""
    names = [str(name) for name in table["contig"]]
    matched = match_contigs(genome.lengths, names, one_to_one=False)
    if not matched:
        raise UserError(
            f"shares no contig with {genome.path}: the table has "
            f"{describe_names(dict.fromkeys(names))}, the FASTA has "
            f"{describe_names(genome.lengths)}",
            file=path,
            remedy="give loci and a FASTA of the same genome",
        )
    strands = table["strand"].tolist() if "strand" in table else ["+"] * len(table)
    loci = [
        Locus(matched.get(name, name), start, end, strand)
        for name, start, end, strand in zip(
            names, table["start"].tolist(), table["end"].tolist(), strands, strict=True
        )
    ]
    lengths = genome.lengths
    reasons = [
        NOT_IN_FASTA
        if locus.contig not in lengths
        else BEYOND_END * (locus.end > lengths[locus.contig])
        for locus in loci
    ]
    return loci, reasons


def _compare(
    table: pd.DataFrame, genome: Genome, loci: list[Locus], reasons: list[str], path: Path
) -> None:
    """Mark the rows whose sequence is not the FASTA's."""
    if "sequence" not in table:
        return
    given = known_column(table, "sequence")
    rows = [row for row, reason in enumerate(reasons) if not reason and given[row]]
    expected = reference_texts(genome, [loci[row] for row in rows])
    differing = [
        row
        for row, text in zip(rows, expected, strict=True)
        if decode_bases(encode_bases(given[row])[0]) != text
    ]
    if len(differing) > MAX_DIFFERING * len(rows):
        raise UserError(
            f"{len(differing):,} of {len(rows):,} sequences differ from {genome.path} at their "
            "locus and strand",
            file=path,
            place=_place_of_row(path, int(table.index[differing[0]]), _is_bed(path)),
            remedy="give 0-based half-open loci of this FASTA, or leave the column sequence out",
        )
    for row in differing:
        reasons[row] = DIFFERS


def _has_coordinates(table: pd.DataFrame) -> NDArray[np.bool_]:
    if any(name not in table for name in COLUMNS):
        return np.zeros(len(table), dtype=bool)
    contig = table["contig"].fillna("").astype(str).str.strip()
    return np.asarray(contig.to_numpy() != "")
