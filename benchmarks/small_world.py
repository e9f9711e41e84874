"""A synthetic genome with variants, its windows and tokenizer: what a corpus is built from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import write_manifest
from pybmfm.corpus import WindowSettings, sample_windows
from pybmfm.corpus.tokenizer_lines import TokenizerLines, TrainingGenome
from pybmfm.genome import Genome
from pybmfm.simulate.background import background, repeat_families
from pybmfm.tokenizer import TokenizerSettings, train_tokenizer
from pybmfm.variants.table import write_rows

LETTERS = np.frombuffer(b"ACGT", np.uint8)
REPEAT_SHARE = 0.4
TRAINING_BASES = 3_000_000


@dataclass(frozen=True)
class SmallWorld:
    """Folders and files of the world."""

    fasta: Path
    frequencies: Path
    windows: Path
    tokenizer: Path


def make_world(folder: Path, bases: int, common: float, passes: int, seed: int) -> SmallWorld:
    """Make a genome of one contig, a share ``common`` of its bases varying, and train on it.

    Windows are of 1-10 kb on both strands, the vocabulary has 4,096 tokens.
    """
    world = SmallWorld(
        folder / "genome.fa", folder / "frequencies", folder / "windows", folder / "tokenizer"
    )
    letters = _sequence(bases, seed)
    world.fasta.write_bytes(b">chr1\n" + letters.tobytes() + b"\n")
    _write_frequencies(world, common, seed)
    sample_windows(WindowSettings(world.fasta, world.windows, passes=passes, seed=seed))
    _train(world, seed)
    return world


def _sequence(bases: int, seed: int) -> NDArray[np.uint8]:
    """Background with copies of repeat families, as letters."""
    codes = background(seed, "chr1", bases)
    rng = np.random.default_rng(seed)
    families = repeat_families(seed)
    place = 0
    while True:
        copy = families[rng.integers(len(families))].copy(rng, 6000)
        place += int(rng.exponential(len(copy) * (1 - REPEAT_SHARE) / REPEAT_SHARE))
        if place + len(copy) > bases:
            return LETTERS[codes]
        codes[place : place + len(copy)] = copy
        place += len(copy)


def _write_frequencies(world: SmallWorld, common: float, seed: int) -> None:
    """Nine in ten varying positions are SNPs, mostly transitions; the rest are deletions."""
    rng = np.random.default_rng(seed)
    world.frequencies.mkdir()
    with Genome(world.fasta) as genome:
        codes = genome.codes("chr1")
        position = np.flatnonzero(rng.random(len(codes)) < common).astype(np.int32)
        reference = codes[position]
        # Codes are A G T C, so that a transition flips the last bit.
        other = np.where(rng.random(len(position)) < 0.67, reference ^ 1, reference ^ 2)
        other = np.where(rng.random(len(position)) < 0.1, 5, other)
        minor = rng.beta(0.3, 2, len(position)) / 2 + 0.001
        p = np.zeros((len(position), 11), np.float32)
        p[np.arange(len(position)), reference] = 1 - minor
        p[np.arange(len(position)), other] = minor
        write_rows(
            world.frequencies,
            "chr1",
            position,
            p,
            length=len(codes),
            sequence_digest=genome.sequence_digest("chr1"),
            haploid=False,
        )
    contigs = {"chr1": {"positions": len(position)}}
    write_manifest(world.frequencies, artefact="frequency-table", settings={}, contigs=contigs)


def _train(world: SmallWorld, seed: int) -> None:
    genome = TrainingGenome(world.fasta, world.windows, world.frequencies)
    lines = TokenizerLines([genome], max_bases=TRAINING_BASES, seed=seed, strategy="paper")
    settings = TokenizerSettings(out=world.tokenizer, encoding=lines.encoding)
    train_tokenizer(settings, lines, origin={}, inputs=[], counts={})
