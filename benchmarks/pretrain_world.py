"""Corpora to pretrain on: the demo genome, or a real chromosome cut at one place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TRAIN_SHARE, DEV_SHARE = 0.7, 0.07  # of the varying positions; dev is the end of the train part


@dataclass(frozen=True)
class Branch:
    """One encoding's tokenizer and corpus."""

    encoding: str
    tokenizer: Path
    corpus: Path


def run_verb(verb: str, *options: object) -> None:
    """Run a command of pybmfm."""
    subprocess.run([sys.executable, "-m", "pybmfm", verb, *map(str, options)], check=True)


def demo_branches(
    folder: Path, vocab_size: int, passes: int, seed: int, size: tuple[str, ...] = ()
) -> list[Branch]:
    """Simulate the demo genome and build its REF and SNP corpora, unless they are there."""
    world = folder / "world"
    _once(world, lambda: run_verb("simulate", "--out", world, "--seed", seed, *size))
    fasta, vcf = world / "genome.fa.gz", world / "variants.vcf.gz"
    frequencies = _frequencies(folder, fasta, vcf)
    windows, long = _windows(folder, fasta, passes)
    return [
        _branch(folder, fasta, windows, long, vocab_size, "ref", ()),
        _branch(folder, fasta, windows, long, vocab_size, "snp", ("--frequencies", frequencies)),
    ]


def real_branch(
    folder: Path, fasta: Path, vcf: Path, contig: str, vocab_size: int, passes: int
) -> Branch:
    """Build the SNP corpus of a contig: train on its first part, test on the rest."""
    frequencies = _frequencies(folder, fasta, vcf, "--contig", contig)
    windows, long = _windows(folder, fasta, passes)
    for made in (windows, long):
        split_by_place(made / "windows.parquet", contig, *_borders(frequencies, contig))
    more = ("--frequencies", frequencies)
    return _branch(folder, fasta, windows, long, vocab_size, "snp", more)


def split_by_place(file: Path, contig: str, dev_start: int, test_start: int) -> None:
    """Keep a contig's windows: train up to ``dev_start``, then dev, test from ``test_start``."""
    table = pq.read_table(file)
    starts, ends = table["start"].to_numpy(), table["end"].to_numpy()
    split = np.full(len(table), "", object)
    split[ends <= dev_start] = "train"
    split[(starts >= dev_start) & (ends <= test_start)] = "dev"
    split[starts >= test_start] = "test"
    kept = (split != "") & (np.array(table["contig"].to_pylist()) == contig)
    place = table.column_names.index("split")
    moved = table.set_column(place, table.schema.field("split"), pa.array(split.tolist()))
    pq.write_table(moved.filter(pa.array(kept)), file)


def _borders(frequencies: Path, contig: str) -> tuple[int, int]:
    """Return where dev and test begin, so that test has the last 30 % of varying positions."""
    positions = pa.ipc.open_file(frequencies / f"{contig}.arrow").read_all()["position"].to_numpy()
    shares = (TRAIN_SHARE - DEV_SHARE, TRAIN_SHARE)
    dev_start, test_start = (int(positions[int(share * len(positions))]) for share in shares)
    return dev_start, test_start


def _frequencies(folder: Path, fasta: Path, vcf: Path, *more: str) -> Path:
    out = folder / "frequencies"
    options = ("--fasta", fasta, "--vcf", vcf, "--out", out, *more)
    _once(out, lambda: run_verb("variant-frequencies", *options))
    return out


def _windows(folder: Path, fasta: Path, passes: int) -> tuple[Path, Path]:
    """Cut windows for the models, and 20-kb ones for the tokenizers."""
    windows, long = folder / "windows", folder / "long_windows"
    for out, options in (
        (windows, ("--passes", passes)),
        (long, ("--passes", 1, "--min-length", 20_000, "--max-length", 20_000)),
    ):
        _once(
            out,
            lambda o=out, m=options: run_verb("sample-genome", "--fasta", fasta, "--out", o, *m),
        )
    return windows, long


def _branch(
    folder: Path,
    fasta: Path,
    windows: Path,
    long: Path,
    vocab_size: int,
    encoding: str,
    variants: tuple[object, ...],
) -> Branch:
    tokenizer, corpus = folder / f"tokenizer_{encoding}", folder / f"corpus_{encoding}"
    common = ("--fasta", fasta, *variants)
    size = ("--vocab-size", vocab_size, "--alphabet", "observed")
    _once(
        tokenizer,
        lambda: run_verb("train-tokenizer", *common, "--windows", long, *size, "--out", tokenizer),
    )
    with_windows = (*common, "--windows", windows, "--tokenizer", tokenizer)
    _once(corpus, lambda: run_verb("build-corpus", *with_windows, "--out", corpus))
    return Branch(encoding, tokenizer, corpus)


def _once(out: Path, make: Callable[[], None]) -> None:
    if not out.exists():
        make()
