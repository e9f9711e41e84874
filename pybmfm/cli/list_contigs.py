"""``pybmfm list-contigs``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, fasta_option, out_option, unused_seed_option


@click.command("list-contigs")
@fasta_option()
@click.option("--vcf", type=PATH, help="List only contigs that this VCF has too.")
@click.option("--alias", type=PATH, help="Table of VCF name and FASTA name of contigs.")
@out_option("A TSV table: contig, length, vcf_name")
@unused_seed_option()
def command(fasta: Path, vcf: Path | None, alias: Path | None, out: Path) -> None:
    """List the contigs that a FASTA and a VCF share, in the order of the FASTA.

    Names are matched by accession, alias or length (20, chr20, NC_000020.11 are one contig).
    Without --vcf every contig of the FASTA is listed.

    \b
    Example:
      pybmfm list-contigs --fasta GRCh38.fa.gz --vcf dbsnp.vcf.gz --out contigs.tsv
    """
    from pybmfm.core import output_file
    from pybmfm.genome import Genome
    from pybmfm.variants.build import read_aliases
    from pybmfm.variants.vcf import VcfReader, shared_contigs

    with Genome(fasta) as genome:
        lengths = genome.lengths
        if vcf is None:
            names = dict.fromkeys(lengths, "")
        else:
            aliases = read_aliases(alias, genome) if alias else {}
            names = shared_contigs(fasta, lengths, VcfReader(vcf), aliases)
    with output_file(out) as staging, staging.open("w") as table:
        table.write("contig\tlength\tvcf_name\n")
        for contig, vcf_name in names.items():
            table.write(f"{contig}\t{lengths[contig]}\t{vcf_name}\n")
