"""``pybmfm build-task splice``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybmfm.cli.options import PATH, annotation_options

if TYPE_CHECKING:
    from pybmfm.tasks import AnnotationSettings


@click.command("splice")
@click.option("--gtf", type=PATH, required=True, help="GTF or GFF3 with exons.")
@click.option(
    "--length",
    type=click.IntRange(min=50),
    default=400,
    show_default=True,
    help="nt of a window, even.",
)
@click.option(
    "--adversarial",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Share of the class 'neither' that looks like a site to a weight matrix.",
)
@annotation_options("splice")
def command(common: AnnotationSettings, gtf: Path, length: int, adversarial: float) -> None:
    """Splice sites: windows around donors, acceptors, and places in genes that are neither.

    Rows keep contig, start, end and strand, so that encoding needs no alignment; splits are
    blocks of the genome. OUT/manifest.json says what became of every site.

    \b
    Example:
      pybmfm build-task splice --gtf gencode.gtf.gz --fasta GRCh38.fa.gz --out tasks \\
        --max-positives 12000
    """
    from pybmfm.tasks import SpliceSettings, build_splice_sites

    build_splice_sites(SpliceSettings(common, gtf=gtf, length=length, adversarial=adversarial))
