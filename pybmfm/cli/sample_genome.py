"""``pybmfm sample-genome``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import fasta_option, out_option, seed_option


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
@seed_option()
def command(
    fasta: Path,
    out: Path,
    passes: int,
    min_length: int,
    max_length: int,
    step: int,
    split: str,
    block_size: int | None,
    seed: int,
) -> None:
    """Cut the genome into windows of random length, both strands, in three splits.

    Writes windows.parquet (contig, start, end, strand, pass, split) and a manifest that says
    how much is covered and how many base pairs the splits share. Runs of 1,000 N or more are
    cut out. At the border of a region a window may be shorter than --min-length.

    Splits depend on the genome, --block-size and --seed only: a second call with other lengths
    (20 kb windows for the tokenizer) has the same train, dev and test blocks.

    \b
    Example:
      pybmfm sample-genome --fasta genome.fa.gz --out windows
      pybmfm sample-genome --fasta genome.fa.gz --out long_windows \\
        --passes 1 --min-length 20000 --max-length 20000
    """
    from pybmfm.corpus import WindowSettings, sample_windows

    sample_windows(
        WindowSettings(
            fasta=fasta,
            out=out,
            passes=passes,
            min_length=min_length,
            max_length=max_length,
            step=step,
            split=split,
            block_size=block_size,
            seed=seed,
        )
    )
