"""``pybmfm train-tokenizer``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pybmfm.cli.options import out_option, seed_option, threads_option, windows_options


@click.command("train-tokenizer")
@windows_options
@out_option("Tokenizer folder")
@click.option(
    "--algorithm",
    type=click.Choice(["bpe"]),
    default="bpe",
    show_default=True,
    help="How the vocabulary is made.",
)
@click.option(
    "--vocab-size",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    help="Tokens, the five special ones included.",
)
@click.option(
    "--min-frequency",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="A pair seen less often is not merged.",
)
@click.option(
    "--alphabet",
    type=click.Choice(["all", "observed"]),
    default="all",
    show_default=True,
    help="all: every variant symbol is a token; observed: only those in the training text.",
)
@click.option(
    "--max-bases",
    type=click.IntRange(min=1),
    default=300_000_000,
    show_default=True,
    help="Train on at most so many nt, windows drawn by --seed.",
)
@seed_option()
@threads_option()
def command(
    fasta: Path,
    windows: Path,
    frequencies: Path | None,
    out: Path,
    algorithm: str,
    vocab_size: int,
    min_frequency: int,
    alphabet: str,
    max_bases: int,
    strategy: str,
    seed: int,
    threads: int,
) -> None:
    """Train a BPE tokenizer on the train windows of a genome.

    The folder loads with transformers' AutoTokenizer.from_pretrained. Lower-case letters are
    upper-cased, letters outside the alphabet become N.

    \b
    Example:
      pybmfm train-tokenizer --fasta genome.fa.gz --windows long_windows \\
        --frequencies frequencies --out tokenizer_snp
    """
    from pybmfm.tokenizer import TokenizerSettings, train_tokenizer, use_threads

    use_threads(threads)

    from pybmfm.core import progress
    from pybmfm.corpus import (
        check_windows_fit,
        draw_training_windows,
        encode_windows,
        open_encoder,
        read_windows,
    )
    from pybmfm.genome import Genome

    table, _ = read_windows(windows)
    rows, counts = draw_training_windows(table, max_bases=max_bases, seed=seed)
    with Genome(fasta) as genome:
        check_windows_fit(rows, genome, windows)
        encoder, encoding = open_encoder(genome, frequencies, seed=seed, strategy=strategy)
        # Complete once the lines have been read, which is before the manifest is written.
        all_counts: dict[str, Any] = {**counts, "marks_dropped": encoder.dropped_marks}

        def lines() -> Iterator[str]:
            yield from encode_windows(encoder, rows)
            all_counts["replaced_letters"] = genome.note_replaced_letters()

        train_tokenizer(
            TokenizerSettings(
                out=out,
                encoding=encoding,
                algorithm=algorithm,
                vocab_size=vocab_size,
                min_frequency=min_frequency,
                alphabet=alphabet,
            ),
            progress(lines(), "encoding windows", total=len(rows), unit="window"),
            origin={"strategy": strategy, "seed": seed, "max_bases": max_bases},
            inputs=[fasta, windows, *([frequencies] if frequencies else [])],
            counts=all_counts,
        )
