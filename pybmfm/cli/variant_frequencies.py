"""``pybmfm variant-frequencies``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import (
    PATH,
    fasta_option,
    filters_option,
    out_option,
    threads_option,
    unused_seed_option,
)


@click.command("variant-frequencies")
@fasta_option()
@click.option(
    "--vcf",
    type=PATH,
    required=True,
    help="Variants (.vcf, .vcf.gz), sorted, index not needed.",
)
@out_option("Folder of the frequency table")
@click.option(
    "--contig",
    "contigs",
    multiple=True,
    help="Only this contig, under any alias; repeatable. Records of others are not counted.",
)
@click.option(
    "--min-frequency",
    type=click.FloatRange(0, 0.5),
    default=0.001,
    show_default=True,
    help="Alleles at or below this mean frequency are dropped, the reference too.",
)
@click.option(
    "--records",
    type=click.Choice(["auto", "common", "all"]),
    default="auto",
    show_default=True,
    help="auto: those flagged COMMON if any record of the VCF has that key, else all.",
)
@click.option(
    "--frequency-field",
    default="auto",
    show_default=True,
    metavar="auto|FREQ|CAF|AF|AC/AN|NAME,NAME...",
    help="INFO field of the frequencies; auto: per record the first that reports of FREQ, CAF, "
    "AF_joint, AF, AC with AN, the header's wholes (AF_total ...) and its parts (AF_exomes, "
    "EAS_AF ...); parts, and several names, are averaged.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="Only this source of FREQ (1000Genomes, TOPMED ...); repeatable, else all.",
)
@filters_option()
@click.option(
    "--alias",
    type=PATH,
    help="Table of two columns, the VCF's and the FASTA's name of a contig, where they differ.",
)
@click.option(
    "--haploid",
    multiple=True,
    default=("Y", "MT"),
    show_default=True,
    help="Chromosomes of which one copy is drawn; repeatable, replaces the default.",
)
@threads_option()
@unused_seed_option()
def command(
    fasta: Path,
    vcf: Path,
    out: Path,
    contigs: tuple[str, ...],
    min_frequency: float,
    records: str,
    frequency_field: str,
    sources: tuple[str, ...],
    filters: str,
    alias: Path | None,
    haploid: tuple[str, ...],
    threads: int,
) -> None:
    """Turn a VCF into a table of state frequencies per position.

    One Arrow file per contig holds the varying positions; manifest.json counts the records read,
    used and dropped by reason, and describes the alleles used; density.tsv counts varying positions
    along each contig. With --contig an index beside the VCF (.tbi, .csi) saves reading the rest.

    \b
    Example:
      pybmfm variant-frequencies --fasta GRCh38.fa.gz --vcf dbsnp.vcf.gz --out frequencies
    """
    from pybmfm.variants.build import FrequencySettings, variant_frequencies

    variant_frequencies(
        FrequencySettings(
            fasta=fasta,
            vcf=vcf,
            out=out,
            contigs=contigs,
            min_frequency=min_frequency,
            records=records,
            frequency_field=frequency_field,
            sources=sources,
            filters=filters,
            alias=alias,
            haploid=haploid,
            threads=threads,
        )
    )
