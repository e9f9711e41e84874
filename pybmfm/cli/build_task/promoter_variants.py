"""``pybmfm build-task promoter-variants``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybmfm.cli.options import (
    PATH,
    alignment_options,
    fasta_option,
    label_option,
    out_option,
    pass_option,
    seed_option,
)

if TYPE_CHECKING:
    from pybmfm.genome import AlignmentSettings


@click.command("promoter-variants")
@click.option("--train", type=PATH, required=True, help="Training table (CSV, TSV, Parquet).")
@click.option("--dev", type=PATH, required=True, help="Table that choices are made on.")
@click.option("--test", type=PATH, required=True, help="Table that is only predicted.")
@fasta_option()
@click.option("--frequencies", type=PATH, required=True, help="Frequency table of this genome.")
@out_option("Folder of task tables")
@label_option(
    "--task",
    what="task",
    help="Base of the tasks' names; by default the training table's folder.",
)
@click.option(
    "--class",
    "classes",
    type=click.IntRange(1, 4),
    multiple=True,
    default=(1, 2, 3, 4),
    show_default=True,
    help="Which classes to make; given repeatedly.",
)
@click.option(
    "--class4",
    type=click.Choice(["move", "insert"]),
    default="move",
    show_default=True,
    help="move: the positives' SNPs go to random places; insert: others are added.",
)
@click.option(
    "--strategy",
    type=click.Choice(["paper", "hardy-weinberg"]),
    default="paper",
    show_default=True,
    help="How the two states of a varying position are drawn.",
)
@pass_option()
@alignment_options
@seed_option()
def command(
    train: Path,
    dev: Path,
    test: Path,
    fasta: Path,
    frequencies: Path,
    out: Path,
    task: str | None,
    classes: tuple[int, ...],
    class4: str,
    strategy: str,
    pass_number: int,
    seed: int,
    alignment: AlignmentSettings,
) -> None:
    """A binary task becomes variant-encoded ones: BASE.none, BASE.class1 to BASE.class4.

    Positives are encoded with the variants of their locus. Negatives: 1 by their locus too;
    2 random symbols at random places; 3 the positives' symbols at random places; 4 the positives
    with their SNPs elsewhere. BASE.none holds the rows of class 1 as they were. OUT/statistics
    says how encoded each class is.

    \b
    Example:
      pybmfm build-task promoter-variants --train prom_300_all/train.csv \\
        --dev prom_300_all/dev.csv --test prom_300_all/test.csv --fasta GRCh38.fa --align \\
        --frequencies frequencies --out tasks
    """
    from pybmfm.tasks import PromoterVariantSettings, build_promoter_variants

    build_promoter_variants(
        PromoterVariantSettings(
            train=train,
            dev=dev,
            test=test,
            fasta=fasta,
            frequencies=frequencies,
            out=out,
            task=task,
            classes=classes,
            class4=class4,
            strategy=strategy,
            pass_number=pass_number,
            seed=seed,
            alignment=alignment,
        )
    )
