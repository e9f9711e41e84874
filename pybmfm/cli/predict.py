"""``pybmfm predict``: apply a fine-tuned model."""

from __future__ import annotations

from typing import Any

import click

from pybmfm.cli.options import (
    PATH,
    alphabet_option,
    inference_options,
    out_option,
    precision_option,
    unused_seed_option,
)


@click.command("predict")
@click.option(
    "--checkpoint",
    type=PATH,
    required=True,
    help="Folder that 'finetune --save-model' wrote.",
)
@click.option(
    "--input",
    type=PATH,
    required=True,
    help="FASTA, CSV, TSV or Parquet with sequences, or a sorted VCF.",
)
@out_option("Table (.tsv, .csv or .parquet)")
@click.option("--fasta", type=PATH, help="Reference genome of a VCF.")
@click.option(
    "--flank",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Nucleotides of reference on each side of a SNP.",
)
@click.option(
    "--center",
    type=click.Choice(("ref", "encoded")),
    default="ref",
    show_default=True,
    help="In the middle of a SNP's window: the reference base, or the symbol of REF and ALT.",
)
@alphabet_option()
@inference_options
@precision_option()
@unused_seed_option()
def command(**options: Any) -> None:
    """Predict classes, values or disease probabilities with a fine-tuned model.

    One row per sequence, or per record and alternate of a VCF; records that cannot be used have
    a note instead.

    \b
    Example:
      pybmfm predict --checkpoint results/disease/snp/seed_0 --input patient.vcf.gz \\
        --fasta genome.fa.gz --center encoded --out patient.tsv
    """
    from pybmfm.inference.predict import PredictSettings, predict

    predict(PredictSettings(**options))
