"""``pybmfm build-task gue``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, both_strands_option, out_option, unused_seed_option


@click.command("gue")
@click.option("--input", "source", type=PATH, required=True, help="Folder GUE was unpacked to.")
@out_option("Folder of task tables")
@click.option("--task", "tasks", multiple=True, help="Only this task; may be given repeatedly.")
@both_strands_option("none")
@unused_seed_option()
def command(source: Path, out: Path, tasks: tuple[str, ...], both_strands: tuple[str, ...]) -> None:
    """Every folder with train, dev and test tables (.csv, .tsv, .gz) becomes a task.

    The kind follows from the labels: two classes, more, or one column of 0 and 1 per label.

    \b
    Example:
      pybmfm build-task gue --input GUE --out tasks --task prom_300_all --task tf_0
    """
    from pybmfm.tasks import GueSettings, build_gue

    build_gue(GueSettings(input=source, out=out, tasks=tasks, both_strands=both_strands))
