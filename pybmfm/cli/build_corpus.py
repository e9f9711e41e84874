"""``pybmfm build-corpus``."""

from __future__ import annotations

from typing import Any

import click

from pybmfm.cli.options import (
    PATH,
    filters_option,
    haplotypes_option,
    out_option,
    seed_option,
    threads_option,
    windows_options,
)


@click.command("build-corpus")
@windows_options
@haplotypes_option()
@filters_option()
@click.option("--tokenizer", type=PATH, required=True, help="Folder made by train-tokenizer.")
@out_option("Corpus folder")
@click.option(
    "--ref-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the windows that stay plain reference, both strands alike, drawn by seed.",
)
@click.option(
    "--shard-rows",
    type=click.IntRange(min=1),
    default=65_536,
    show_default=True,
    help="Windows per shard file.",
)
@seed_option()
@threads_option()
def command(**options: Any) -> None:
    """Encode and tokenize every window into Arrow shards, one folder per split.

    Alleles are drawn anew in every pass. The result is the same for any number of threads.
    A tokenizer trained on the other encoding may be used; the manifest names both encodings.
    The column 'encoding' says of each row whether it is ref or snp; with --ref-share between
    0 and 1 the corpus is 'mixed'.

    \b
    Example:
      pybmfm build-corpus --fasta genome.fa.gz --windows windows \\
        --frequencies frequencies --tokenizer tokenizer_snp --out corpus_snp
      pybmfm build-corpus --fasta genome.fa.gz --windows windows --strategy haplotypes \\
        --haplotypes phased.vcf.gz --tokenizer tokenizer_snp --out corpus_snp
    """
    from pybmfm.corpus import CorpusSettings, build_corpus

    build_corpus(CorpusSettings(**options))
