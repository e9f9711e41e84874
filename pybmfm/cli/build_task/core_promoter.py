"""``pybmfm build-task core-promoter``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybmfm.cli.options import PATH, annotation_options

if TYPE_CHECKING:
    from pybmfm.tasks import AnnotationSettings


@click.command("core-promoter")
@click.option("--tss", type=PATH, help="TSS as BED, such as EPDnew's.")
@click.option("--gtf", type=PATH, help="GTF or GFF3 instead: transcripts begin at a TSS.")
@click.option(
    "--tss-at",
    type=click.Choice(["auto", "five-prime", "thick"]),
    default="auto",
    show_default=True,
    help="Where in a BED feature the TSS is: its first base, or that of its thick part (EPDnew).",
)
@click.option(
    "--negatives",
    type=click.Choice(["paired", "tata", "shuffled"]),
    default="paired",
    show_default=True,
    help="paired: non-promoters with a TATA box for promoters with one, the others shuffled in "
    "pieces of 20 nt; or one kind for all.",
)
@annotation_options("core_promoter")
def command(
    common: AnnotationSettings, tss: Path | None, gtf: Path | None, tss_at: str, negatives: str
) -> None:
    """Core promoters, 70 nt (-34 to +35), around TSS against hard negatives.

    Rows keep contig, start, end and strand, so that encoding needs no alignment; splits are
    blocks of the genome. OUT/manifest.json says what became of every row of the annotation.

    \b
    Example:
      pybmfm build-task core-promoter --tss epdnew.bed --fasta GRCh38.fa.gz --out tasks
    """
    from pybmfm.tasks import PromoterSettings, build_promoters

    build_promoters(PromoterSettings(common, tss=tss, gtf=gtf, tss_at=tss_at, negatives=negatives))
