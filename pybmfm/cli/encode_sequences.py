"""``pybmfm encode-sequences``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybmfm.cli.options import (
    PATH,
    alignment_options,
    fasta_option,
    filters_option,
    haplotypes_option,
    out_option,
    pass_option,
    seed_option,
    strategy_option,
)

if TYPE_CHECKING:
    from pybmfm.genome import AlignmentSettings


@click.command("encode-sequences")
@click.option(
    "--input",
    "input_",
    type=PATH,
    required=True,
    help="BED, or CSV, TSV, Parquet with columns contig, start, end (0-based half-open) and "
    "perhaps strand; with --align or --alignments the column sequence will do.",
)
@fasta_option()
@click.option("--frequencies", type=PATH, help="Frequency table of this genome.")
@haplotypes_option()
@filters_option()
@out_option("Table (.csv, .tsv, .parquet) with the column sequence")
@strategy_option()
@pass_option()
@alignment_options
@seed_option()
def command(
    input_: Path,
    fasta: Path,
    frequencies: Path | None,
    haplotypes: Path | None,
    filters: str,
    out: Path,
    strategy: str,
    pass_number: int,
    seed: int,
    alignment: AlignmentSettings,
) -> None:
    """Give the loci of a table their sequence, with drawn variants in the 132-letter alphabet.

    Rows keep their order and other columns. A column sequence that is there already is checked
    against the FASTA and replaced: rows that differ are dropped, and more than 1 % of them is an
    error. OUT.manifest.json counts what was dropped. Without variants the plain reference is
    written. Rows that only have a sequence are placed by bwa mem, on request.

    \b
    Examples:
      pybmfm encode-sequences --input promoters.bed --fasta GRCh38.fa.gz \\
          --frequencies frequencies --out promoters.csv
      pybmfm encode-sequences --input loci.parquet --fasta GRCh37.fa.gz \\
          --strategy haplotypes --haplotypes phased.vcf.gz --pass 3 --out person.parquet
      pybmfm encode-sequences --input gue/train.csv --fasta GRCh38.fa.gz --align \\
          --frequencies frequencies --out train.csv
    """
    from pybmfm.variants.sequences import SequenceSettings, encode_sequences

    encode_sequences(
        SequenceSettings(
            input=input_,
            fasta=fasta,
            out=out,
            frequencies=frequencies,
            haplotypes=haplotypes,
            filters=filters,
            strategy=strategy,
            pass_number=pass_number,
            seed=seed,
            alignment=alignment,
        )
    )
