"""``pybmfm train-tokenizer``."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybmfm.cli.options import (
    PATH,
    filters_option,
    haplotypes_option,
    out_option,
    seed_option,
    strategy_option,
    threads_option,
)

if TYPE_CHECKING:
    from pybmfm.corpus.tokenizer_lines import TrainingGenome

PARTS = ("fasta", "windows", "frequencies", "haplotypes", "weight")
_NEXT_PART = re.compile(rf",(?=(?:{'|'.join(PARTS)})=)")  # paths may hold commas


@click.command("train-tokenizer")
@click.option("--fasta", type=PATH, help="Reference genome (.fa, .fa.gz), index not needed.")
@click.option("--windows", type=PATH, help="Folder made by sample-genome.")
@click.option(
    "--frequencies",
    type=PATH,
    help="Frequency table: encode variants; without it the plain reference.",
)
@haplotypes_option()
@filters_option()
@click.option(
    "--genome",
    "genomes",
    multiple=True,
    metavar="fasta=PATH,windows=PATH[,frequencies=PATH][,haplotypes=PATH][,weight=W]",
    help="One of several genomes, instead of the four options above; repeatable. Lines are "
    "drawn in proportion to size times weight (1).",
)
@strategy_option()
@out_option("Tokenizer folder")
@click.option(
    "--algorithm",
    type=click.Choice(["bpe", "kmer", "single-nucleotide"]),
    default="bpe",
    show_default=True,
    help="bpe: frequent pairs are merged; kmer: pieces of k letters, rare ones spelled out; "
    "single-nucleotide: a token per letter.",
)
@click.option(
    "--k",
    type=click.IntRange(2, 8),
    default=6,
    show_default=True,
    help="Letters of a k-mer; k-mers do not overlap.",
)
@click.option(
    "--vocab-size",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    help="Most tokens, the five special ones included.",
)
@click.option(
    "--min-frequency",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="A pair (k-mer) seen less often is not merged (is no token).",
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
    fasta: Path | None,
    windows: Path | None,
    frequencies: Path | None,
    haplotypes: Path | None,
    filters: str,
    genomes: tuple[str, ...],
    strategy: str,
    out: Path,
    algorithm: str,
    k: int,
    vocab_size: int,
    min_frequency: int,
    alphabet: str,
    max_bases: int,
    seed: int,
    threads: int,
) -> None:
    """Train a tokenizer on the train windows of one genome or several.

    The folder loads with transformers' AutoTokenizer.from_pretrained. Lower-case letters are
    upper-cased, letters outside the alphabet become N. Give either --fasta and --windows, or
    --genome once per genome.

    \b
    Examples:
      pybmfm train-tokenizer --fasta genome.fa.gz --windows long_windows \\
        --frequencies frequencies --out tokenizer_snp
      pybmfm train-tokenizer --out tokenizer_two \\
        --genome fasta=human.fa.gz,windows=human,frequencies=human_frequencies \\
        --genome fasta=mouse.fa.gz,windows=mouse,weight=0.5
    """
    sources = _sources(fasta, windows, frequencies, haplotypes, genomes)

    from pybmfm.core import progress
    from pybmfm.corpus.tokenizer_lines import TokenizerLines
    from pybmfm.tokenizer import TokenizerSettings, train_tokenizer

    lines = TokenizerLines(
        sources,
        max_bases=max_bases,
        seed=seed,
        strategy=strategy,
        threads=threads,
        filters=filters,
    )
    train_tokenizer(
        TokenizerSettings(
            out=out,
            encoding=lines.encoding,
            algorithm=algorithm,
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            alphabet=alphabet,
            k=k,
        ),
        progress(lines, "encoding windows", unit="window"),
        origin={
            "strategy": strategy,
            "filters": filters,
            "seed": seed,
            "max_bases": max_bases,
        },
        inputs=[path for genome in sources for path in genome.inputs],
        counts=lines.counts,
    )


def _sources(
    fasta: Path | None,
    windows: Path | None,
    frequencies: Path | None,
    haplotypes: Path | None,
    genomes: tuple[str, ...],
) -> list[TrainingGenome]:
    """Return the genomes, given in exactly one of the two ways."""
    from pybmfm.core import UserError
    from pybmfm.corpus.tokenizer_lines import TrainingGenome

    if not genomes:
        if fasta is None or windows is None:
            missing = "--fasta" if fasta is None else "--windows"
            raise UserError(f"{missing} is missing", remedy="give --fasta and --windows")
        return [TrainingGenome(fasta, windows, frequencies, haplotypes)]
    if any(path is not None for path in (fasta, windows, frequencies, haplotypes)):
        raise UserError(
            "--genome and --fasta, --windows, --frequencies, --haplotypes exclude each other",
            remedy="give every genome with --genome",
        )
    return [_parse_genome(text) for text in genomes]


def _parse_genome(text: str) -> TrainingGenome:
    from pybmfm.core import UserError
    from pybmfm.corpus.tokenizer_lines import TrainingGenome

    parts: dict[str, str] = {}
    for part in _NEXT_PART.split(text):
        name, equals, value = part.partition("=")
        if name not in PARTS or name in parts or not equals or not value:
            raise UserError(
                f"--genome '{text}' is not understood at '{part}'",
                remedy=f"give {'=, '.join(PARTS)}=, each once; the first two are needed",
            )
        parts[name] = value
    missing = [name for name in ("fasta", "windows") if name not in parts]
    if missing:
        raise UserError(f"--genome '{text}' lacks {missing[0]}=", remedy=f"add {missing[0]}=PATH")
    weight = _weight(parts.pop("weight", "1"), text)
    return TrainingGenome(**{name: Path(value) for name, value in parts.items()}, weight=weight)


def _weight(value: str, text: str) -> float:
    from pybmfm.core import UserError

    try:
        weight = float(value)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise UserError(
            f"--genome '{text}': weight '{value}' is not above 0", remedy="give a number above 0"
        )
    return weight
