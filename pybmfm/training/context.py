"""What counts alone predict at the masks of a split: the figures that a model must leave behind."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.training.batches import Pieces, Visit
from pybmfm.training.masking import MaskPlan
from pybmfm.training.token_counts import NeighbourTokens

log = logging.getLogger("pybmfm")

NAMES = (
    "bits_per_nucleotide",
    "unigram_bits_per_nucleotide",
    "neighbours_bits_per_nucleotide",
)
TUNED_PLACES = 4000  # of dev, by which the smoothing is chosen: to the counts' advantage
NO_CONTEXT = 0.005  # bits per nucleotide: a model within so much of the unigram knows no more


@dataclass(frozen=True)
class MaskedPlaces:
    """The masked places of a split: n of them, with what stands beside each as a model sees it.

    Attributes
    ----------
    left, right, targets
        Token ids, int64[n].
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    targets: NDArray[np.int64]

    @classmethod
    def of(cls, pieces: Pieces, members: Sequence[Visit], plan: MaskPlan) -> MaskedPlaces:
        """Collect the places of some pieces."""
        columns = []
        for one in members:
            seen, true, chosen = pieces.masked(one.piece, one.pass_number, plan, one.copy)
            at = np.flatnonzero(chosen)
            columns.append((seen[at - 1], seen[at + 1], true[at]))
        return cls(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    def first(self, count: int) -> MaskedPlaces:
        """Return the first so many."""
        return MaskedPlaces(self.left[:count], self.right[:count], self.targets[:count])


class CountModels:
    """Unigram and neighbour model of the training split, asked at the masks of another.

    Parameters
    ----------
    tokens
        Training windows end to end, [CLS] and [SEP] included.
    plan
        Any plan of the run: it knows the special tokens.
    span_lengths
        Nucleotides under each token, int[vocabulary].
    dev
        Places by which the smoothing is chosen.
    """

    def __init__(
        self,
        tokens: NDArray[np.uint16],
        plan: MaskPlan,
        span_lengths: NDArray[np.int32],
        dev: MaskedPlaces,
    ) -> None:
        self.spans = span_lengths
        model = NeighbourTokens.fit(tokens, plan.vocab_size, plan.special_ids, plan.mask_id)
        some = dev.first(TUNED_PLACES)
        self.model = model.tuned(some.left, some.right, some.targets)

    def figures(self, places: MaskedPlaces) -> dict[str, float]:
        """Return bits per nucleotide of both at some places."""
        nucleotides = float(self.spans[places.targets].sum())
        unigram = -np.log2(self.model.frequency[places.targets]).sum()
        neighbours = -self.model.log_likelihood(places.left, places.right, places.targets)
        return {
            "unigram_bits_per_nucleotide": float(unigram) / nucleotides,
            "neighbours_bits_per_nucleotide": neighbours / np.log(2) / nucleotides,
        }


def known_of(figures: Mapping[str, Any]) -> str:
    """Say in a few words how much a model knows beside counts."""
    bits, unigram, neighbours = (figures.get(name) for name in NAMES)
    if bits is None or unigram is None or neighbours is None:
        return ""
    return f"{bits:.3f} bits/nt (unigram {unigram:.3f}, neighbours {neighbours:.3f})"


def warn_of_no_context(figures: Mapping[str, Any]) -> None:
    """Warn of a model that knows no more than how frequent tokens are."""
    bits, unigram, _ = (figures.get(name) for name in NAMES)
    if bits is not None and unigram is not None and bits > unigram - NO_CONTEXT:
        log.warning(
            "the model knows no context: %.3f bits per nucleotide where the frequencies of tokens "
            "alone have %.3f; train it longer (--minutes, --tokens) or with --recipe default",
            bits,
            unigram,
        )
