"""``pybmfm build-task snp-disease``."""

from __future__ import annotations

from typing import Any

import click

from pybmfm.cli.options import (
    PATH,
    fasta_option,
    label_option,
    out_option,
    seed_option,
    threads_option,
)
from pybmfm.tasks.clinvar import ANY, DEFAULT_SIGNIFICANCE


@click.command("snp-disease")
@fasta_option()
@click.option("--clinvar", type=PATH, help="ClinVar's VCF, of the FASTA's assembly.")
@click.option("--gwas", type=PATH, help="GWAS Catalog associations (.tsv), v1.0 to v1.0.2.")
@click.option(
    "--ontology",
    type=PATH,
    multiple=True,
    help="Map of disease terms (SSSOM, ClinVar traits, EFO pairs); may be given repeatedly.",
)
@click.option(
    "--rsid-vcf",
    type=PATH,
    help="VCF with rs numbers that places the Catalog's SNPs, such as dbSNP.",
)
@out_option("Folder of task tables")
@label_option(
    "--task", what="task", default="snp_disease", show_default=True, help="Name of the task."
)
@click.option(
    "--diseases",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Classes: the diseases with most SNPs.",
)
@click.option(
    "--center",
    type=click.Choice(("ref", "encoded")),
    default="ref",
    show_default=True,
    help="At the SNP: the reference base, or the symbol of reference and alternate.",
)
@click.option(
    "--split",
    type=click.Choice(("blocks", "random")),
    default="blocks",
    show_default=True,
    help="blocks: neighbouring SNPs on one side; random: the paper's way, which leaks.",
)
@click.option(
    "--block-size",
    type=click.IntRange(min=1),
    help="nt of a block.  [default: by the genome's size, at most 1 Mb]",
)
@click.option(
    "--flank",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="nt on each side of the SNP.",
)
@click.option(
    "--edges",
    type=click.Choice(("pad", "drop")),
    default="pad",
    show_default=True,
    help="SNPs whose window leaves the contig: filled with N, or left out.",
)
@click.option(
    "--significance",
    multiple=True,
    default=DEFAULT_SIGNIFICANCE,
    show_default=True,
    help=f"Clinical significance that counts, repeatable; '{ANY}' is any that is reported.",
)
@click.option(
    "--stars",
    type=click.IntRange(0, 4),
    default=1,
    show_default=True,
    help="Smallest review status of a ClinVar entry, in gold stars.",
)
@click.option(
    "--max-p",
    type=click.FloatRange(0, 1, min_open=True),
    default=5e-8,
    show_default=True,
    help="Largest p-value of a GWAS association.",
)
@click.option("--keep-unspecified", is_flag=True, help="Make 'not provided' a class.")
@click.option(
    "--keep-unmapped", is_flag=True, help="Keep conditions that no map turns into a term."
)
@click.option(
    "--assembly", help="Assembly of the FASTA, where its lengths and the VCFs do not say."
)
@click.option("--alias", type=PATH, help="Table of other names and FASTA names of contigs.")
@seed_option()
@threads_option()
def command(significance: tuple[str, ...], **options: Any) -> None:
    """SNPs of ClinVar and the GWAS Catalog with their diseases become a multi-label task.

    One row per SNP: the window around it, its diseases as MONDO terms where a map knows them,
    its block of neighbours. Every row left out is counted by reason in OUT/manifest.json;
    OUT/TASK/diseases.tsv lists the classes.

    \b
    Example:
      pybmfm build-task snp-disease --fasta GRCh38.fa.gz --clinvar clinvar.vcf.gz \\
          --gwas gwas_catalog.tsv --ontology mondo_exactmatch_efo.sssom.tsv.gz \\
          --ontology clinvar_trait_to_efo_mondo.tsv.gz --out tasks
    """
    from pybmfm.tasks.snp_disease import SnpDiseaseSettings, build_snp_disease

    names = tuple(name.strip().replace(" ", "_").lower() for name in significance)
    build_snp_disease(SnpDiseaseSettings(significance=names, **options))
