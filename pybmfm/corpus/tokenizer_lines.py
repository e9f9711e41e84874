"""Lines that a tokenizer learns from: train windows of one genome or several, as codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError
from pybmfm.core.parallel import threads_that_may_be_left
from pybmfm.corpus.sources import open_encoder
from pybmfm.corpus.window_selection import check_windows_fit, draw_training_windows
from pybmfm.corpus.windows_table import read_windows
from pybmfm.genome import Genome
from pybmfm.variants.frequencies import PASSED

if TYPE_CHECKING:
    import pandas as pd

BATCH = 256  # windows encoded at once


@dataclass(frozen=True)
class TrainingGenome:
    """A genome, its windows and where its variants come from.

    Attributes
    ----------
    fasta, windows
        The reference, and the folder that ``sample-genome`` made of it.
    frequencies, haplotypes
        Frequency table, or phased VCF; neither: the plain reference.
    weight
        Its share of the lines per base of its train windows, relative to the other genomes.
    """

    fasta: Path
    windows: Path
    frequencies: Path | None = None
    haplotypes: Path | None = None
    weight: float = 1.0

    @property
    def encoding(self) -> str:
        """``"ref"`` or ``"snp"``."""
        return "ref" if self.frequencies is None and self.haplotypes is None else "snp"

    @property
    def inputs(self) -> list[Path]:
        """Files and folders to read."""
        paths = (self.fasta, self.windows, self.frequencies, self.haplotypes)
        return [path for path in paths if path is not None]


class TokenizerLines:
    """Encoded train windows of some genomes; iterating reads them, genome by genome.

    From every genome windows are drawn at random, both strands being candidates, in proportion
    to its train bases times its weight: as many as ``max_bases`` allow, and from the genome of
    the largest weight at most all of them.

    Parameters
    ----------
    genomes
        At least one.
    max_bases
        Most nucleotides, over all genomes; of each genome there is at least one window.
    seed, strategy
        Of the drawn windows and alleles.
    threads
        For encoding; the lines are the same for any number.
    filters
        Names in FILTER that records of a phased VCF may have.

    Attributes
    ----------
    encoding : str
        ``"ref"``, ``"snp"`` or ``"mixed"``.
    counts : dict
        What was used and dropped; complete once all lines have been read.

    Raises
    ------
    UserError
        If windows cannot be read or hold no train split; while iterating, if windows, genome
        and variants do not fit together.
    """

    def __init__(
        self,
        genomes: Sequence[TrainingGenome],
        *,
        max_bases: int,
        seed: int,
        strategy: str,
        threads: int = 1,
        filters: str = PASSED,
    ) -> None:
        self._genomes = list(genomes)
        self._seed, self._strategy, self._threads = seed, strategy, threads
        self._filters = filters
        encodings = {genome.encoding for genome in genomes}
        self.encoding = encodings.pop() if len(encodings) == 1 else "mixed"
        tables = [read_windows(genome.windows)[0] for genome in genomes]
        quotas = share_bases(
            [_train_bases(table) for table in tables],
            [genome.weight for genome in genomes],
            max_bases,
        )
        drawn = [
            draw_training_windows(table, max_bases=quota, seed=seed)
            for table, quota in zip(tables, quotas, strict=True)
        ]
        self._rows = [rows for rows, _ in drawn]
        self.counts = self._first_counts([used for _, used in drawn])

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._rows)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        for genome, rows in zip(self._genomes, self._rows, strict=True):
            yield from self._lines(genome, rows)

    def _lines(self, one: TrainingGenome, rows: pd.DataFrame) -> Iterator[npt.NDArray[np.uint8]]:
        with Genome(one.fasta) as genome, threads_that_may_be_left(self._threads) as pool:
            check_windows_fit(rows, genome, one.windows)
            encoder, _ = open_encoder(
                genome,
                one.frequencies,
                seed=self._seed,
                strategy=self._strategy,
                haplotypes=one.haplotypes,
                filters=self._filters,
            )
            for _, part in rows.groupby(["contig", "pass"], sort=False, observed=True):
                in_pass = encoder.contig(
                    str(part["contig"].iat[0]), int(part["pass"].to_numpy()[0])
                )
                yield from _split(pool.map(in_pass.encode_many, *_batches(part)))
            encoder.check_used()
            self.counts["marks_dropped"].update(encoder.dropped_marks)
            self.counts["replaced_letters"] += genome.note_replaced_letters()

    def _first_counts(self, used: list[dict[str, int]]) -> dict[str, Any]:
        totals: Counter[str] = Counter()
        for one in used:
            totals.update(one)
        counts = {**totals, "marks_dropped": Counter(), "replaced_letters": 0}
        if len(used) > 1:
            counts["by_genome"] = [
                {"fasta": genome.fasta.name, "weight": genome.weight, **one}
                for genome, one in zip(self._genomes, used, strict=True)
            ]
        return counts


def share_bases(bases: Sequence[int], weights: Sequence[float], most: int) -> list[int]:
    """Return how many bases to draw from each genome, in proportion to bases times weight.

    Parameters
    ----------
    bases
        Bases there are, per genome.
    weights
        Above 0, per genome.
    most
        The sum is not above it, and no share is above what there is.
    """
    # Exact, because a share of all there is must not lose a base to rounding.
    exact = [Fraction(weight) for weight in weights]
    weighted = [there * weight for there, weight in zip(bases, exact, strict=True)]
    scale = min(most / sum(weighted), 1 / max(exact))
    return [int(share * scale) for share in weighted]


def _train_bases(windows: pd.DataFrame) -> int:
    train = windows[windows["split"] == "train"]
    if train.empty:
        raise UserError("no window is in the split train", remedy="sample more windows")
    return int((train["end"] - train["start"]).sum())


def _batches(windows: pd.DataFrame) -> tuple[list[npt.NDArray[Any]], ...]:
    """Starts, ends and strands of windows, cut into batches."""
    columns = windows["start"], windows["end"], windows["strand"] == "-"
    cuts = range(BATCH, len(windows), BATCH)
    return tuple(np.split(column.to_numpy(), cuts) for column in columns)


def _split(
    encoded: Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]],
) -> Iterator[npt.NDArray[np.uint8]]:
    for codes, offsets in encoded:
        for start, end in pairwise(offsets):
            yield codes[start:end]
