"""``pybmfm simulate``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from pybmfm.cli.options import out_option, seed_option


class ContigLength(click.ParamType):  # type: ignore[type-arg]
    """``NAME=LENGTH``."""

    name = "NAME=LENGTH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return name and length, or refuse in one sentence."""
        match = re.fullmatch(r"([A-Za-z0-9_.]+)=([0-9][0-9_,]*)", str(value))
        if match is None:
            self.fail(f"'{value}' is not NAME=LENGTH, such as chr1=600000.", param, ctx)
        return match[1], int(re.sub("[_,]", "", match[2]))


@click.command("simulate")
@out_option("Folder of the demo world")
@seed_option()
@click.option(
    "--contig-length",
    "contigs",
    type=ContigLength(),
    multiple=True,
    help="A contig and its length; give it once per contig.  "
    "[default: chr1=600000 chr2=400000 chrX=200000]",
)
@click.option(
    "--variant-density", type=float, default=0.01, show_default=True, help="Records per base."
)
@click.option(
    "--task-rows",
    type=int,
    default=900,
    show_default=True,
    help="Rows of the promoter and TF tables; the others have two thirds of it.",
)
@click.option(
    "--controls",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="BASES",
    help="Add a genome of so many bases with control experiments, and their tables.",
)
def command(
    out: Path,
    seed: int,
    contigs: tuple[tuple[str, int], ...],
    variant_density: float,
    task_rows: int,
    controls: int,
) -> None:
    """Make a demo world: genome, variants, task tables, disease files.

    Biology is planted where a model should find it; manifest.json counts all of it. The same
    seed gives the same bytes.

    \b
    Example:
        pybmfm simulate --out world --seed 0
        pybmfm simulate --out small --contig-length chr1=60000 --task-rows 60
        pybmfm simulate --out world --controls 1200000
    """
    from pybmfm.simulate import SimulationSettings, simulate
    from pybmfm.simulate.settings import DEFAULT_CONTIGS

    simulate(
        SimulationSettings(
            out=out,
            seed=seed,
            contigs=contigs or DEFAULT_CONTIGS,
            variant_density=variant_density,
            task_rows=task_rows,
            controls=controls,
        )
    )
