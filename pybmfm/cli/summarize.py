"""``pybmfm summarize``: tables, figures and report content of a set of results."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, seed_option


@click.command("summarize")
@click.option(
    "--results",
    type=PATH,
    multiple=True,
    required=True,
    help="Folder (searched to any depth) or file of results; may be given repeatedly.",
)
@out_option("Folder of tables, figures and MultiQC content")
@seed_option()
def command(results: tuple[Path, ...], out: Path, seed: int) -> None:
    """Join results into tables, figures and report content.

    Writes OUT/table2.tsv (task, model, seeds, metric, mean, low, high, published), OUT/figures
    (PNG and SVG) and OUT/multiqc, which MultiQC turns into one HTML report.

    \b
    Example:
      pybmfm summarize --results results --out summary
      multiqc --config assets/multiqc_config.yml --filename report.html summary/multiqc
    """
    from pybmfm.report import SummarizeSettings, summarize

    summarize(SummarizeSettings(results=results, out=out, seed=seed))
