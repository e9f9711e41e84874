"""``pybmfm list-genomes``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, unused_seed_option


@click.command("list-genomes")
@click.option(
    "--sheet", type=PATH, required=True, help="CSV: name,fasta[,vcf][,encoding][,weight]."
)
@out_option("A TSV table: name, fasta, vcf, encoding, weight")
@unused_seed_option()
def command(sheet: Path, out: Path) -> None:
    """Check a sheet of genomes and write it with every column filled.

    Paths in the sheet start at its folder; addresses such as s3://... are not looked at.
    Without an encoding a genome with a VCF is snp and one without is ref; the weight is 1.

    \b
    Example:
      pybmfm list-genomes --sheet genomes.csv --out genomes.tsv
    """
    from pybmfm.corpus import read_genomes_sheet, write_genomes_table

    write_genomes_table(read_genomes_sheet(sheet), out)
