"""``pybmfm encode-genome``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import (
    PATH,
    fasta_option,
    filters_option,
    haplotypes_option,
    out_option,
    pass_option,
    seed_option,
    strategy_option,
)


@click.command("encode-genome")
@fasta_option()
@click.option(
    "--frequencies",
    type=PATH,
    help="Frequency table of this genome; without variants the plain reference is written.",
)
@haplotypes_option()
@filters_option()
@out_option("FASTA of encoded text (.gz is compressed), or an .npz archive of codes")
@click.option(
    "--region",
    "regions",
    multiple=True,
    help="chr20:1-5000, 1-based inclusive; repeatable, once each. Default: every contig.",
)
@strategy_option()
@pass_option()
@click.option(
    "--strand",
    type=click.Choice(["+", "-"]),
    default="+",
    show_default=True,
    help="-: the reverse complement of the whole region, the same alleles.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "codes"]),
    default="text",
    show_default=True,
    help="text: FASTA in UTF-8, 60 characters a line; codes: numpy .npz, uint8 per region.",
)
@seed_option()
def command(
    fasta: Path,
    frequencies: Path | None,
    haplotypes: Path | None,
    filters: str,
    out: Path,
    regions: tuple[str, ...],
    strategy: str,
    pass_number: int,
    strand: str,
    output_format: str,
    seed: int,
) -> None:
    """Write the genome, or regions of it, with its variants in the 132-letter alphabet.

    Records are named contig:start-end(strand), in FASTA headers as in the .npz archive. Codes:
    0-4 are A G T C N, 5-10 lone DEL AI GI TI CI NI, 11-131 pairs of states.

    \b
    Examples:
      pybmfm encode-genome --fasta GRCh38.fa.gz --frequencies frequencies \\
          --region chr20:1000001-1005000 --out region.fa
      pybmfm encode-genome --fasta GRCh37.fa.gz --strategy haplotypes \\
          --haplotypes phased.vcf.gz --region chr20 --pass 3 --out person.fa
    """
    from pybmfm.variants.export import EncodeSettings, encode_genome

    encode_genome(
        EncodeSettings(
            fasta=fasta,
            frequencies=frequencies,
            haplotypes=haplotypes,
            filters=filters,
            out=out,
            regions=regions,
            strategy=strategy,
            pass_number=pass_number,
            strand=strand,
            output_format=output_format,
            seed=seed,
        )
    )
