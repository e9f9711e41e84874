"""k-mers, GC content and motif scores of sequences as one sparse table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.baselines.kmers import KmerVocabulary
from pybmfm.baselines.motifs import Motif, learn_motifs, score_motifs
from pybmfm.tasks import TaskTable
from pybmfm.variants import text_to_codes

MOST_LABELS = 10  # of a multilabel task that motifs are learned for, the most frequent
IS_GC = np.zeros(132, dtype=bool)
IS_GC[[1, 3]] = True


@dataclass(frozen=True)
class DenseFeatures:
    """GC content and the best score of every motif, about the training mean.

    Attributes
    ----------
    motifs
        Learned or given.
    mean
        Of the training rows, so that a linear model needs no large intercept.
    """

    motifs: list[Motif]
    mean: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, table: TaskTable, motifs: list[Motif] | None, seed: int) -> DenseFeatures:
        """Take given motifs, or learn them from the training rows."""
        if motifs is None:
            motifs = learn_motifs(table.sequences, contrasts(table), seed)
        return cls(motifs, _dense(table.sequences, motifs).mean(axis=0))

    def names(self) -> list[str]:
        """Each feature as text."""
        return ["GC content", *(f"motif {motif.name}" for motif in self.motifs)]

    def transform(self, sequences: Sequence[str]) -> npt.NDArray[np.float64]:
        """float64[sequences, 1 + motifs]."""
        return _dense(sequences, self.motifs) - self.mean


@dataclass(frozen=True)
class SequenceFeatures:
    """k-mer frequencies beside the dense features."""

    vocabulary: KmerVocabulary
    dense: DenseFeatures

    def names(self) -> list[str]:
        """Each feature as text."""
        return [*self.vocabulary.names(), *self.dense.names()]

    def join(self, sequences: Sequence[str], dense: npt.NDArray[np.float64]) -> Any:
        """Return scipy CSR ``float64[sequences, features]``; ``dense`` as it transforms them."""
        from scipy.sparse import csr_matrix, hstack

        if not len(self.vocabulary.words):
            return csr_matrix(dense)
        return hstack([self.vocabulary.transform(sequences), csr_matrix(dense)], format="csr")


def contrasts(table: TaskTable) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Parts of a training table that motifs are to set apart from the rest.

    Each class (both of a binary task), the rows above and below the median value, or each of
    the ten most frequent labels.
    """
    targets = table.targets
    if table.kind == "regression":
        above = targets > np.median(targets)
        return [("high", above), ("low", ~above)]
    if table.kind == "multilabel":
        frequent = np.argsort(-(targets > 0).sum(axis=0), kind="stable")[:MOST_LABELS]
        return [(table.classes[label], targets[:, label] > 0) for label in frequent]
    return [(name, targets == index) for index, name in enumerate(table.classes)]


def _dense(sequences: Sequence[str], motifs: Sequence[Motif]) -> npt.NDArray[np.float64]:
    gc = np.array([_gc_content(text) for text in sequences])[:, None]
    if not motifs:
        return gc
    return np.concatenate([gc, score_motifs(sequences, motifs)], axis=1)


def _gc_content(text: str) -> float:
    """Share of G and C among A, C, G, T; 0.5 where there is none."""
    codes = text_to_codes(text)
    plain = int((codes < 4).sum())
    return float(IS_GC[codes].sum() / plain) if plain else 0.5
