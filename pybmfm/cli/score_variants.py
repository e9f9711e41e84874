"""``pybmfm score-variants``: model scores of the variants of a VCF."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, fasta_option, inference_options, out_option, unused_seed_option


class Flank(click.ParamType[int | None]):
    """A number of nucleotides, or ``all`` (None)."""

    name = "nucleotides"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Turn the text into a number; ``all`` is None."""
        if value is None or value == "all":
            return None
        if str(value).isdigit():
            return int(str(value))
        self.fail(f"'{value}' is neither a number of nucleotides nor 'all'", param, ctx)


@click.command("score-variants")
@click.option("--checkpoint", type=PATH, required=True, help="Folder of a pretrained model.")
@fasta_option()
@click.option("--vcf", type=PATH, required=True, help="Variants, sorted (.vcf, .vcf.gz).")
@out_option("Scored VCF, FILE.vcf.gz, with FILE.vcf.gz.tbi")
@click.option(
    "--window",
    type=click.IntRange(min=8),
    default=512,
    show_default=True,
    help="Nucleotides of reference around a variant, clipped at contig ends.",
)
@click.option(
    "--flank",
    type=Flank(),
    default="16",
    show_default=True,
    help="Mask and sum the tokens within so many nucleotides of the allele, or 'all' of the "
    "window's; the others are context.",
)
@inference_options
@unused_seed_option()
def command(
    checkpoint: Path,
    fasta: Path,
    vcf: Path,
    out: Path,
    window: int,
    flank: int | None,
    batch_tokens: int | None,
    device: str,
    threads: int,
) -> None:
    """Score the variants of a VCF with a model.

    Writes the same records in the same order with these INFO keys, one value per ALT allele,
    natural logs, means over both strands:

    \b
    BMFM_LLR    pseudo-log-likelihood of the ALT window minus that of the REF window (each token
                masked in turn; negative: the model finds ALT less likely)
    BMFM_PAIR   log p(REF/ALT symbol) - log p(REF base) at the site; '.' for REF models
    BMFM_SHIFT  cosine distance of the mean embeddings of the two windows
    BMFM_NOTE   why a record or allele (n:reason) has no score

    Both windows are plain reference bases. The sums run over the tokens of allele +- --flank,
    widened to the nearest token borders that both windows share (BMFM_PAIR: flank 0).

    A record whose REF disagrees with the FASTA gets a note. Nothing is written where that is so
    at more than half of the records once 20 could be compared, or at the end at more than 1 %
    of at least 200: the VCF is then of another assembly.

    \b
    Example:
      pybmfm score-variants --checkpoint pretrained/snp --fasta genome.fa.gz \\
        --vcf variants.vcf.gz --out scored.vcf.gz
    """
    from pybmfm.inference import ScoreSettings, score_variants

    score_variants(
        ScoreSettings(
            checkpoint=checkpoint,
            fasta=fasta,
            vcf=vcf,
            out=out,
            window=window,
            flank=flank,
            batch_tokens=batch_tokens,
            device=device,
            threads=threads,
        )
    )
