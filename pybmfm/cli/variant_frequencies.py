"""``pybmfm variant-frequencies``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, fasta_option, out_option, seed_option, threads_option


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
    metavar="auto|FREQ|CAF|AF|NAME,NAME...",
    help="INFO field of the frequencies; auto: per record the first of FREQ, CAF, AF that "
    "reports; several names are averaged.",
)
@click.option(
    "--haploid",
    multiple=True,
    default=("Y", "MT"),
    show_default=True,
    help="Chromosomes of which one copy is drawn; repeatable, replaces the default.",
)
@threads_option()
@seed_option()
def command(
    fasta: Path,
    vcf: Path,
    out: Path,
    contigs: tuple[str, ...],
    min_frequency: float,
    records: str,
    frequency_field: str,
    haploid: tuple[str, ...],
    threads: int,
    seed: int,
) -> None:
    """Turn a VCF into a table of state frequencies per position.

    One Arrow file per contig holds the varying positions; manifest.json counts the records read,
    used and dropped by reason. Nothing here is random, and one thread is used: --seed and
    --threads are accepted so that all verbs read alike.

    \b
    Example:
      pybmfm variant-frequencies --fasta GRCh38.fa.gz --vcf dbsnp.vcf.gz --out frequencies
    """
    del threads, seed
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
            haploid=haploid,
        )
    )
