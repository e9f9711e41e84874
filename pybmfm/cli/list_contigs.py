"""``pybmfm list-contigs``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, fasta_option, out_option, unused_seed_option


@click.command("list-contigs")
@fasta_option()
@click.option("--vcf", type=PATH, help="List only contigs that this VCF has too.")
@click.option("--alias", type=PATH, help="Table of VCF name and FASTA name of contigs.")
@click.option("--contig", "contigs", multiple=True, help="Only this contig; give it once each.")
@out_option("A TSV table: contig, length, vcf_name")
@unused_seed_option()
def command(
    fasta: Path, vcf: Path | None, alias: Path | None, contigs: tuple[str, ...], out: Path
) -> None:
    """List the contigs that a FASTA and a VCF share, in the order of the FASTA.

    Names are matched without chr, chromosome or leading zeros, by Roman numeral, accession,
    alias or length (20, chr20, NC_000020.11 are one contig; so are 4 and chrIV beside chrII).
    What of the VCF is left out is named; where that is most of its records, name the contigs by
    --alias or choose some by --contig. Without --vcf every contig of the FASTA is listed.

    \b
    Example:
      pybmfm list-contigs --fasta GRCh38.fa.gz --vcf dbsnp.vcf.gz --out contigs.tsv
    """
    from pybmfm.core import output_file
    from pybmfm.genome import Genome, find_contig
    from pybmfm.variants.build import read_aliases
    from pybmfm.variants.vcf import VcfReader, shared_contigs

    with Genome(fasta) as genome:
        lengths = genome.lengths
        chosen = [find_contig(lengths, name, fasta) for name in contigs]
        if vcf is None:
            names = dict.fromkeys(chosen or lengths, "")
        else:
            aliases = read_aliases(alias, genome) if alias else {}
            names = shared_contigs(fasta, lengths, VcfReader(vcf), aliases, chosen)
    with output_file(out) as staging, staging.open("w") as table:
        table.write("contig\tlength\tvcf_name\n")
        for contig, vcf_name in names.items():
            table.write(f"{contig}\t{lengths[contig]}\t{vcf_name}\n")
