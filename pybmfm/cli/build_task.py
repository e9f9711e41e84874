"""``pybmfm build-task``: task tables from published benchmarks."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, unused_seed_option


@click.group("build-task")
def command() -> None:
    """Make task tables from published benchmarks.

    Each writes OUT/tasks.csv, OUT/TASK/{train,dev,test}.csv and OUT/manifest.json.

    \b
    Example:
      pybmfm build-task gue --input GUE --out tasks --task prom_300_all
    """


@command.command("gue")
@click.option("--input", "source", type=PATH, required=True, help="Folder GUE was unpacked to.")
@out_option("Folder of task tables")
@click.option("--task", "tasks", multiple=True, help="Only this task; may be given repeatedly.")
@unused_seed_option()
def gue(source: Path, out: Path, tasks: tuple[str, ...]) -> None:
    """Every folder with train, dev and test tables (.csv, .csv.gz) becomes a task.

    \b
    Example:
      pybmfm build-task gue --input GUE --out tasks --task prom_300_all --task tf_0
    """
    from pybmfm.tasks import GueSettings, build_gue

    build_gue(GueSettings(input=source, out=out, tasks=tasks))


@command.command("mpra")
@click.option("--input", "source", type=PATH, required=True, help="Library table (.tsv, .tsv.gz).")
@out_option("Folder of task tables")
@click.option("--column", help="Activity column, such as K562; may be left out if only one.")
@unused_seed_option()
def mpra(source: Path, out: Path, column: str | None) -> None:
    """A lenti-MPRA library (name, split, sequence, activity) becomes a regression task.

    \b
    Example:
      pybmfm build-task mpra --input k562.tsv.gz --out tasks --column K562
    """
    from pybmfm.tasks import MpraSettings, build_mpra

    build_mpra(MpraSettings(input=source, out=out, column=column))
