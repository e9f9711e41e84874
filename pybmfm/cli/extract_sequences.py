"""``pybmfm extract-sequences``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, unused_seed_option


@click.command("extract-sequences")
@click.option(
    "--input",
    "inputs",
    type=PATH,
    multiple=True,
    required=True,
    help="Table (CSV, TSV, Parquet) with the column sequence; given repeatedly.",
)
@out_option("FASTA")
@unused_seed_option()
def command(inputs: tuple[Path, ...], out: Path) -> None:
    """Write the sequences of tables as FASTA, each distinct one once, to align them elsewhere.

    Reads are named by a digest of their letters; encode-sequences and build-task find them again
    in the SAM or BAM given as --alignments.

    \b
    Example:
      pybmfm extract-sequences --input train.csv --input test.csv --out reads.fa
      bwa mem -K 100000000 GRCh38.fa reads.fa | samtools view -b -o reads.bam
      pybmfm encode-sequences --input train.csv --alignments reads.bam --fasta GRCh38.fa \\
          --frequencies frequencies --out encoded.csv
    """
    from pybmfm.variants.reads import extract_sequences

    extract_sequences(inputs, out)
