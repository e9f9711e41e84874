"""From a locus to its encoded sequence: one, many, or a whole table of them."""

from __future__ import annotations

import gzip
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pybmfm import __version__
from pybmfm.core import UserError, describe_inputs, read_table, write_json, write_table
from pybmfm.core.provenance import source_digest
from pybmfm.genome import Genome, decode_bases, describe_names, encode_bases, match_contigs
from pybmfm.variants.encoder import WindowEncoder
from pybmfm.variants.symbols import codes_to_text

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")

COLUMNS = ("contig", "start", "end")
BED_COLUMNS = (*COLUMNS, "name", "score", "strand")
NOT_IN_FASTA = "contig_not_in_fasta"
BEYOND_END = "beyond_contig_end"
DIFFERS = "sequence_differs_from_fasta"
MAX_DIFFERING = 0.01


class Locus(NamedTuple):
    """A stretch of a contig, 0-based half-open on the plus strand, read on ``strand``."""

    contig: str
    start: int
    end: int
    strand: str = "+"


def encode_locus(encoder: WindowEncoder, locus: Locus, pass_number: int = 0) -> str:
    """Return the encoded text of one locus on its strand, ``end - start`` characters."""
    return encode_loci(encoder, [locus], pass_number)[0]


def encode_loci(encoder: WindowEncoder, loci: Sequence[Locus], pass_number: int = 0) -> list[str]:
    """Return the encoded text of loci, in their order.

    A locus gives the same text alone, among others and within a longer one; overlapping loci
    show the same alleles.

    Parameters
    ----------
    encoder
        Genome, variants, strategy and seed.
    loci
        On contigs of the encoder's genome.
    pass_number
        Alleles are drawn anew in every pass.

    Raises
    ------
    UserError
        If a contig is unknown.
    ValueError
        If a locus lies outside its contig, or a strand is neither ``+`` nor ``-``.
    """
    by_contig: dict[str, list[int]] = {}
    for index, locus in enumerate(loci):
        if locus.strand not in ("+", "-"):
            raise ValueError(f"strand is '+' or '-', not {locus.strand!r}")
        by_contig.setdefault(locus.contig, []).append(index)
    texts = [""] * len(loci)
    for contig, indices in by_contig.items():
        codes, offsets = encoder.encode_many(
            contig,
            [loci[index].start for index in indices],
            [loci[index].end for index in indices],
            [loci[index].strand == "-" for index in indices],
            pass_number,
        )
        for index, first, last in zip(indices, offsets, offsets[1:], strict=False):
            texts[index] = codes_to_text(codes[first:last])
    return texts


@dataclass(frozen=True)
class SequenceSettings:
    """What `encode_sequences` does.

    Parameters
    ----------
    input
        CSV, TSV or Parquet with columns ``contig``, ``start``, ``end`` (0-based half-open) and
        perhaps ``strand``, or BED.
    fasta, out
        Reference genome and the table to write.
    frequencies, haplotypes
        The genome's frequency table or a phased VCF; without either the plain reference.
    strategy, pass_number, seed
        As in `pybmfm.variants.WindowEncoder`.
    """

    input: Path
    fasta: Path
    out: Path
    frequencies: Path | None = None
    haplotypes: Path | None = None
    strategy: str = "paper"
    pass_number: int = 0
    seed: int = 0


def encode_sequences(settings: SequenceSettings) -> dict[str, Any]:
    """Write a table with the encoded sequence of each row's locus in the column ``sequence``.

    Other columns are kept, and the order of the rows. Rows on contigs that the FASTA does not
    have and rows beyond a contig's end are dropped. Where the table has sequences, each must be
    the FASTA's at that locus and strand, case ignored, letters outside ACGTN read as N; empty
    ones are not compared, rows that differ are dropped. Counts go to ``OUT.manifest.json``.

    Returns
    -------
    dict
        Counts: ``read``, ``used``, ``dropped`` by reason, ``insertion_marks_dropped`` by
        reason, and ``genotypes`` for haplotypes.

    Raises
    ------
    UserError
        If an input is missing or malformed, more than 1 % of the compared sequences differ, or
        no row is left.
    """
    table = read_loci(settings.input)
    with Genome(settings.fasta) as genome:
        encoder = WindowEncoder.open(
            genome,
            settings.frequencies,
            settings.haplotypes,
            seed=settings.seed,
            strategy=settings.strategy,
        )
        loci, reasons = _place(table, genome, settings.input)
        _compare(table, genome, loci, reasons, settings.input)
        kept = [row for row, reason in enumerate(reasons) if not reason]
        if not kept:
            raise UserError(
                f"has no row that can be encoded ({_describe(Counter(reasons))})",
                file=settings.input,
                remedy="give loci of this FASTA",
            )
        texts = encode_loci(encoder, [loci[row] for row in kept], settings.pass_number)
        genome.note_replaced_letters()
    counts = _counts(reasons, encoder)
    write_table(table.iloc[kept].assign(sequence=texts), settings.out)
    _write_manifest(settings, counts)
    log.info(
        "%s of %s rows encoded%s",
        f"{counts['used']:,}",
        f"{counts['read']:,}",
        "".join(f", {reason} {number:,}" for reason, number in counts["dropped"].items()),
    )
    return counts


def read_loci(path: str | Path) -> pd.DataFrame:
    """Read a table of loci.

    Returns
    -------
    DataFrame
        The columns of the file, ``start`` and ``end`` as int64, ``strand`` ``+`` or ``-``
        where there is one. BED columns are called contig, start, end, name, score, strand,
        column7 and so on.

    Raises
    ------
    UserError
        If the file is missing or broken, has no rows or lacks a column, or a row has no whole
        numbers, ends before it starts, or has another strand than ``+``, ``-`` or ``.``.
    """
    path = Path(path)
    is_bed = ".bed" in path.suffixes[-2:]
    table = _read_bed(path) if is_bed else read_table(path)
    missing = [name for name in COLUMNS if name not in table]
    if missing or not len(table):
        problem = f"has no column '{missing[0]}'" if missing else "has no rows"
        raise UserError(
            problem, file=path, remedy="give the columns contig, start and end, or a BED file"
        )
    table = table.reset_index(drop=True)
    for name in ("start", "end"):
        table[name] = _whole_numbers(table, name, path)
    _refuse(table["end"] <= table["start"], path, "ends where it starts or before")
    if "strand" in table:
        strand = table["strand"].fillna("+").astype(str).replace({".": "+", "": "+"})
        _refuse(~strand.isin(["+", "-"]), path, "has another strand than '+', '-' or '.'")
        table["strand"] = strand
    return table


def _read_bed(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            rows = [
                line.rstrip("\r\n").split("\t" if "\t" in line else None)
                for line in lines
                if line.strip() and not line.startswith(("#", "track", "browser"))
            ]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"cannot be read ({error})", file=path, remedy="make it again") from error
    widths = {len(row) for row in rows}
    if len(widths) > 1 or min(widths, default=3) < len(COLUMNS):
        raise UserError(
            f"has rows of {' and '.join(map(str, sorted(widths)))} columns",
            file=path,
            remedy="give BED rows of three or more columns, all the same number",
        )
    width = max(widths, default=len(COLUMNS))
    names = [*BED_COLUMNS, *(f"column{number}" for number in range(7, width + 1))][:width]
    return pd.DataFrame(rows, columns=names, dtype=str)


def _whole_numbers(table: pd.DataFrame, name: str, path: Path) -> NDArray[np.int64]:
    import pandas as pd

    values = pd.to_numeric(table[name], errors="coerce").astype(np.float64)
    whole = (values >= 0) & (values < 2**31) & (values == np.floor(values))
    _refuse(~whole, path, f"holds a value of {name} that is not a whole number from 0")
    return values.to_numpy().astype(np.int64)


def _refuse(bad: pd.Series[bool], path: Path, problem: str) -> None:
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise UserError(
            problem, file=path, place=f"row {row + 1}", remedy="correct or remove the row"
        )


def _place(table: pd.DataFrame, genome: Genome, path: Path) -> tuple[list[Locus], list[str]]:
    """Name each row's locus as the FASTA does, and why it cannot be used, if so."""
    names = [str(name) for name in table["contig"]]
    matched = match_contigs(genome.lengths, dict.fromkeys(names))
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
    given = ["" if text is None else str(text).strip() for text in table["sequence"]]
    rows = [row for row, reason in enumerate(reasons) if not reason and given[row]]
    expected = encode_loci(WindowEncoder(genome, None), [loci[row] for row in rows])
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
            place=f"row {differing[0] + 1}",
            remedy="give 0-based half-open loci of this FASTA, or leave the column sequence out",
        )
    for row in differing:
        reasons[row] = DIFFERS


def _counts(reasons: list[str], encoder: WindowEncoder) -> dict[str, Any]:
    dropped = Counter(reason for reason in reasons if reason)
    counts = {
        "read": len(reasons),
        "used": len(reasons) - dropped.total(),
        "dropped": dict(sorted(dropped.items())),
        "insertion_marks_dropped": dict(sorted(encoder.dropped_marks.items())),
    }
    if encoder.haplotypes is not None:
        counts["genotypes"] = encoder.haplotypes.counts()
    return counts


def _describe(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))


def _write_manifest(settings: SequenceSettings, counts: dict[str, Any]) -> None:
    paths = {
        name: value
        for name, value in asdict(settings).items()
        if name in ("input", "fasta", "frequencies", "haplotypes") and value is not None
    }
    write_json(
        f"{settings.out}.manifest.json",
        {
            "artefact": "encoded-sequences",
            "pybmfm": __version__,
            "source_digest": source_digest(),
            "settings": {
                "strategy": settings.strategy,
                "pass": settings.pass_number,
                "seed": settings.seed,
            },
            "inputs": describe_inputs(paths.values()),
            "alphabet": "encoded" if {"frequencies", "haplotypes"} & set(paths) else "plain",
            "counts": counts,
        },
    )
