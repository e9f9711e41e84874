"""``pybmfm sample-genome``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pybmfm.cli.options import fasta_option, out_option, seed_option


def _names(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@click.command("sample-genome")
@fasta_option()
@out_option("Folder of windows")
@click.option(
    "--passes",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Times the genome is cut, each with new boundaries.",
)
@click.option(
    "--min-length",
    type=click.IntRange(min=100),
    default=1000,
    show_default=True,
    help="Shortest window, nt.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=100),
    default=10_000,
    show_default=True,
    help="Longest window, nt.",
)
@click.option(
    "--step",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Window lengths are min, min + step, ..., max.",
)
@click.option(
    "--split",
    type=click.Choice(["position", "random"]),
    default="position",
    show_default=True,
    help="position: whole blocks of the genome per split, nothing shared; random: per window.",
)
@click.option(
    "--block-size",
    type=click.IntRange(min=1),
    default=None,
    help="Block of one split, nt.  [default: a fiftieth of the genome, at most 1 Mb and at "
    "least 40 kb, below 400 kb a tenth]",
)
@click.option(
    "--buffer",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="nt left out on both sides of a border between blocks of different splits.",
)
@click.option(
    "--dev-contigs",
    default="",
    callback=_names,
    metavar="NAME,NAME...",
    help="Whole contigs for dev instead of blocks; the contigs not named train.",
)
@click.option(
    "--test-contigs",
    default="",
    callback=_names,
    metavar="NAME,NAME...",
    help="Whole contigs for test instead of blocks.",
)
@seed_option()
def command(fasta: Path, out: Path, **options: Any) -> None:
    """Cut the genome into windows of random length, both strands, in three splits.

    Writes windows.parquet (contig, start, end, strand, pass, split) and a manifest that says
    how much is covered and how many base pairs the splits share. Runs of 1,000 N or more are
    cut out. At the border of a region a window may be shorter than --min-length.

    Splits depend on the genome, --block-size, --buffer and --seed only: a second call with other
    lengths (20 kb windows for the tokenizer) has the same train, dev and test blocks. With
    --dev-contigs and --test-contigs whole contigs are held out by name or alias (20, chr20).

    \b
    Example:
      pybmfm sample-genome --fasta genome.fa.gz --out windows
      pybmfm sample-genome --fasta genome.fa.gz --out long_windows \\
        --passes 1 --min-length 20000 --max-length 20000
      pybmfm sample-genome --fasta genome.fa.gz --out windows \\
        --dev-contigs chr8,chr9 --test-contigs chr20
    """
    from pybmfm.corpus import WindowSettings, sample_windows

    sample_windows(WindowSettings(fasta=fasta, out=out, **options))
