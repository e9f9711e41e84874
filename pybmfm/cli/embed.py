"""``pybmfm embed``: one embedding per sequence."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import (
    PATH,
    alphabet_option,
    inference_options,
    out_option,
    unused_seed_option,
)


@click.command("embed")
@click.option("--checkpoint", type=PATH, required=True, help="Folder of a pretrained model.")
@click.option(
    "--input", "source", type=PATH, required=True, help="FASTA, CSV, TSV or Parquet of sequences."
)
@out_option("Parquet file (columns id, embedding)")
@click.option(
    "--pooling",
    type=click.Choice(("mean", "cls")),
    default="mean",
    show_default=True,
    help="Mean over the tokens without specials, or the first token's.",
)
@alphabet_option()
@inference_options
@unused_seed_option()
def command(
    checkpoint: Path,
    source: Path,
    out: Path,
    pooling: str,
    alphabet: str,
    batch_tokens: int | None,
    device: str,
    threads: int,
) -> None:
    """Write one embedding per sequence.

    Sequences longer than the model are cut into consecutive pieces, averaged by their tokens,
    and counted.

    \b
    Example:
      pybmfm embed --checkpoint pretrained/snp --input sequences.fa --out embeddings.parquet
    """
    from pybmfm.inference import EmbedSettings, embed

    embed(
        EmbedSettings(
            checkpoint=checkpoint,
            input=source,
            out=out,
            pooling=pooling,
            alphabet=alphabet,
            batch_tokens=batch_tokens,
            device=device,
            threads=threads,
        )
    )
