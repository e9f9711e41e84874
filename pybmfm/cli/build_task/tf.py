"""``pybmfm build-task tf``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybmfm.cli.options import PATH, annotation_options

if TYPE_CHECKING:
    from pybmfm.tasks import AnnotationSettings


@click.command("tf")
@click.option("--peaks", type=PATH, required=True, help="Peaks: narrowPeak or BED.")
@click.option(
    "--length",
    type=click.IntRange(min=1),
    default=101,
    show_default=True,
    help="nt of a window, at the summit or else the middle of a peak.",
)
@click.option(
    "--gc-tolerance",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="Largest difference in G+C between a peak and its negative.",
)
@annotation_options("tf")
def command(common: AnnotationSettings, peaks: Path, length: int, gc_tolerance: float) -> None:
    """TF binding: windows at peaks against unbound ones of equal length and G+C.

    Rows keep contig, start, end and strand, so that encoding needs no alignment; splits are
    blocks of the genome. OUT/manifest.json says what became of every peak.

    \b
    Example:
      pybmfm build-task tf --peaks ctcf.narrowPeak.gz --fasta GRCh38.fa.gz --task ctcf --out tasks
    """
    from pybmfm.tasks import BindingSettings, build_binding_sites

    build_binding_sites(
        BindingSettings(common, peaks=peaks, length=length, gc_tolerance=gc_tolerance)
    )
