"""``pybmfm build-task core-promoter``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybmfm.cli.options import annotation_options, promoter_options

if TYPE_CHECKING:
    from pybmfm.tasks import AnnotationSettings


@click.command("core-promoter")
@promoter_options
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
