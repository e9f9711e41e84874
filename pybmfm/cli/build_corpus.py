"""``pybmfm build-corpus``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, seed_option, threads_option, windows_options


@click.command("build-corpus")
@windows_options
@click.option("--tokenizer", type=PATH, required=True, help="Folder made by train-tokenizer.")
@out_option("Corpus folder")
@click.option(
    "--shard-rows",
    type=click.IntRange(min=1),
    default=65_536,
    show_default=True,
    help="Windows per shard file.",
)
@seed_option()
@threads_option()
def command(
    fasta: Path,
    windows: Path,
    frequencies: Path | None,
    tokenizer: Path,
    out: Path,
    strategy: str,
    shard_rows: int,
    seed: int,
    threads: int,
) -> None:
    """Encode and tokenize every window into Arrow shards, one folder per split.

    Alleles are drawn anew in every pass. The result is the same for any number of threads.
    A tokenizer trained on the other encoding may be used; the manifest names both encodings.

    \b
    Example:
      pybmfm build-corpus --fasta genome.fa.gz --windows windows \\
        --frequencies frequencies --tokenizer tokenizer_snp --out corpus_snp
    """
    from pybmfm.corpus import CorpusSettings, build_corpus

    build_corpus(
        CorpusSettings(
            fasta=fasta,
            windows=windows,
            tokenizer=tokenizer,
            out=out,
            frequencies=frequencies,
            strategy=strategy,
            seed=seed,
            threads=threads,
            shard_rows=shard_rows,
        )
    )
