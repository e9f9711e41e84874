"""``pybmfm build-task mpra``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, both_strands_option, out_option, unused_seed_option


@click.command("mpra")
@click.option("--input", "source", type=PATH, required=True, help="Library table (.tsv, .tsv.gz).")
@out_option("Folder of task tables")
@click.option("--column", help="Activity column, such as K562; may be left out if only one.")
@both_strands_option("all")
@unused_seed_option()
def command(source: Path, out: Path, column: str | None, both_strands: tuple[str, ...]) -> None:
    """A lenti-MPRA library (name, split, sequence, activity) becomes a regression task.

    The reverse complement of a row has the id ID/rc and the row's group and value.

    \b
    Example:
      pybmfm build-task mpra --input k562.tsv.gz --out tasks --column K562
    """
    from pybmfm.tasks import MpraSettings, build_mpra

    build_mpra(MpraSettings(input=source, out=out, column=column, both_strands=both_strands))
