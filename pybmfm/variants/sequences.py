"""From a locus to its encoded sequence: one, many, or a whole table of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybmfm import __version__
from pybmfm.core import UserError, describe_inputs, write_json, write_table
from pybmfm.core.provenance import source_digest
from pybmfm.genome import AlignmentSettings, Genome
from pybmfm.variants.encoder import WindowEncoder
from pybmfm.variants.frequencies import PASSED
from pybmfm.variants.placement import Locus, place_rows, read_rows
from pybmfm.variants.symbols import codes_to_text

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")


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
        perhaps ``strand``, or BED; or ``sequence`` alone, to be aligned.
    fasta, out
        Reference genome and the table to write.
    frequencies, haplotypes
        The genome's frequency table or a phased VCF; without either the plain reference.
    strategy, pass_number, seed
        As in `pybmfm.variants.WindowEncoder`.
    alignment
        How rows without coordinates find their locus.
    filters
        As in `pybmfm.variants.PhasedPanel`.
    """

    input: Path
    fasta: Path
    out: Path
    frequencies: Path | None = None
    haplotypes: Path | None = None
    strategy: str = "paper"
    pass_number: int = 0
    seed: int = 0
    alignment: AlignmentSettings = field(default_factory=AlignmentSettings)
    filters: str = PASSED


def encode_sequences(settings: SequenceSettings) -> dict[str, Any]:
    """Write a table with the encoded sequence of each row's locus in the column ``sequence``.

    Other columns are kept, and the order of the rows. Rows on contigs that the FASTA does not
    have and rows beyond a contig's end are dropped. Where the table has sequences, each must be
    the FASTA's at that locus and strand, case ignored, letters outside ACGTN read as N; empty
    ones are not compared, rows that differ are dropped. A row without coordinates is aligned if
    that is wanted, and gets them. Counts go to ``OUT.manifest.json``.

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
    table = read_rows(settings.input)
    with Genome(settings.fasta) as genome:
        encoder = WindowEncoder.open(
            genome,
            settings.frequencies,
            settings.haplotypes,
            seed=settings.seed,
            strategy=settings.strategy,
            filters=settings.filters,
        )
        loci, reasons = place_rows(table, genome, settings.input, settings.alignment)
        kept = [row for row, reason in enumerate(reasons) if not reason]
        if not kept:
            raise UserError(
                f"has no row that can be encoded ({_describe(Counter(reasons))})",
                file=settings.input,
                remedy="give loci of this FASTA",
            )
        texts = encode_loci(encoder, [loci[row] for row in kept], settings.pass_number)
        encoder.check_used()
        genome.note_replaced_letters()
    counts = _counts(reasons, encoder)
    written = _with_loci(table.iloc[kept], [loci[row] for row in kept])
    write_table(written.assign(sequence=texts), settings.out)
    _write_manifest(settings, counts)
    log.info(
        "%s of %s rows encoded%s",
        f"{counts['used']:,}",
        f"{counts['read']:,}",
        "".join(f", {reason} {number:,}" for reason, number in counts["dropped"].items()),
    )
    return counts


def _with_loci(table: pd.DataFrame, loci: list[Locus]) -> pd.DataFrame:
    """Fill in the coordinates; a contig that was given keeps its name, three columns stay three."""
    columns = {name: [getattr(locus, name) for locus in loci] for name in Locus._fields}
    if "contig" in table:
        named = table["contig"].fillna("").astype(str)
        columns["contig"] = [a or b for a, b in zip(named, columns["contig"], strict=True)]
        if "strand" not in table and (named != "").all():
            del columns["strand"]
    return table.assign(**columns)


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
        for name, value in (vars(settings) | vars(settings.alignment)).items()
        if name in ("input", "fasta", "frequencies", "haplotypes", "alignments") and value
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
                **settings.alignment.described,
            },
            "inputs": describe_inputs(paths.values()),
            "alphabet": "encoded" if {"frequencies", "haplotypes"} & set(paths) else "plain",
            "counts": counts,
        },
    )
