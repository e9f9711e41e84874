"""``pybmfm merge-frequencies``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, unused_seed_option


@click.command("merge-frequencies")
@click.option(
    "--frequencies",
    type=PATH,
    multiple=True,
    required=True,
    help="A table of some contigs, from variant-frequencies --contig; repeatable.",
)
@out_option("Folder of the joined table")
@unused_seed_option()
def command(frequencies: tuple[Path, ...], out: Path) -> None:
    """Join frequency tables made contig by contig from the same inputs and settings.

    \b
    Example:
      pybmfm merge-frequencies --frequencies chr1 --frequencies chr2 --out frequencies
    """
    from pybmfm.variants.merge import merge_frequencies

    merge_frequencies(frequencies, out)
