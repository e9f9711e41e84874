"""What a masked token is, from counts alone: the models that a pretrained one must beat.

The unigram model knows how frequent each token is. The neighbour model also sees the token on
either side of the masked one, and the Markov model the letters before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float64]

STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
MOST_AT_ONCE = 1 << 22  # probabilities computed together take 32 MB


class ContextCounts:
    """How often each token stood in each context, as sorted keys ``context * size + token``.

    Parameters
    ----------
    contexts, tokens
        int64[n], one pair per place; contexts are any numbers from 0 to 2**63 / size.
    size
        Number of tokens.
    """

    def __init__(self, contexts: Ids, tokens: Ids, size: int) -> None:
        self.size = size
        self._keys, self._counts = np.unique(contexts * size + tokens, return_counts=True)

    def rows(self, contexts: Ids) -> Rows:
        """Return the counts in each of n contexts, float64[n, size]."""
        row, tokens, counts = self._entries(contexts)
        dense = np.zeros((len(contexts), self.size))
        dense[row, tokens] = counts
        return dense

    def products(self, contexts: Ids, rows: Rows) -> Rows:
        """Return the inner product of each context's counts with a row, float64[n].

        Parameters
        ----------
        rows
            float64[n, size].
        """
        row, tokens, counts = self._entries(contexts)
        return np.bincount(row, counts * rows[row, tokens], len(contexts)).astype(np.float64)

    def _entries(self, contexts: Ids) -> tuple[Ids, Ids, Ids]:
        """Return what stood in n contexts: place among them, token and count."""
        starts = np.searchsorted(self._keys, contexts * self.size)
        lengths = np.searchsorted(self._keys, (contexts + 1) * self.size) - starts
        places = _ranges(starts, lengths)
        row = np.repeat(np.arange(len(contexts)), lengths)
        return row, self._keys[places] % self.size, self._counts[places]

    def totals_and_counts(self, contexts: Ids, tokens: Ids) -> tuple[Rows, Rows]:
        """Return how often each context stood, and how often with its token, float64[n] both."""
        cumulative = np.concatenate([[0], np.cumsum(self._counts)])
        first, last = (
            np.searchsorted(self._keys, (contexts + step) * self.size) for step in (0, 1)
        )
        wanted = contexts * self.size + tokens
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        counts = np.where(self._keys[place] == wanted, self._counts[place], 0)
        return (cumulative[last] - cumulative[first]).astype(float), counts.astype(float)


def _ranges(starts: Ids, lengths: Ids) -> Ids:
    """Join the ranges ``start .. start + length``."""
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(starts, lengths) + np.arange(int(lengths.sum())) - first


@dataclass(frozen=True)
class Evidence:
    """What counts say of n places, whatever they are drawn to: float64[n] each.

    Attributes
    ----------
    frequency
        Of the true token.
    left_total, right_total, both_total
        How often the place's left neighbour, right one and pair of them stood in training.
    left, right, both
        And how often with the true token.
    overlap
        Sum over all tokens of left times right counts by the token's frequency.
    """

    frequency: Rows
    left_total: Rows
    left: Rows
    right_total: Rows
    right: Rows
    both_total: Rows
    both: Rows
    overlap: Rows


@dataclass(frozen=True)
class NeighbourTokens:
    """P(token | left token, right token) by interpolated counts.

    The token's frequency is smoothed by one occurrence each; the one-sided models
    P(token | left) and P(token | right) are drawn to it with ``side_strength`` pseudo-counts.
    Taken as independent given the token, they join to P(t | l) P(t | r) / P(t), and the counts
    of whole triples are drawn to that with ``pair_strength`` pseudo-counts (Dirichlet
    smoothing; MacKay and Peto 1995). A neighbour that is masked itself tells nothing: then only
    the other side counts, or neither.

    Attributes
    ----------
    frequency
        float64[vocab], of the unigram model; 0 for special tokens.
    mask_id
        What stands for a hidden neighbour.
    """

    frequency: Rows
    left: ContextCounts
    right: ContextCounts
    both: ContextCounts
    mask_id: int
    side_strength: float = 100.0
    pair_strength: float = 100.0

    @classmethod
    def fit(
        cls, tokens: npt.ArrayLike, vocab_size: int, special_ids: Sequence[int], mask_id: int
    ) -> NeighbourTokens:
        """Count the tokens of windows laid end to end, each from [CLS] to [SEP].

        Parameters
        ----------
        tokens
            int[n].
        special_ids
            Tokens that are never predicted; they do count as neighbours.
        """
        flat = np.asarray(tokens, dtype=np.int64)
        predicted = np.flatnonzero(~np.isin(flat[1:-1], special_ids)) + 1
        left, middle, right = (flat[predicted + step] for step in (-1, 0, 1))
        frequency = np.bincount(middle, minlength=vocab_size) + 1.0
        frequency[list(special_ids)] = 0
        return cls(
            frequency=frequency / frequency.sum(),
            left=ContextCounts(left, middle, vocab_size),
            right=ContextCounts(right, middle, vocab_size),
            both=ContextCounts(left * vocab_size + right, middle, vocab_size),
            mask_id=mask_id,
        )

    def tuned(self, left: Ids, right: Ids, targets: Ids) -> NeighbourTokens:
        """Return the model with the two strengths that suit some held-out places best."""
        candidates = [
            replace(self, side_strength=side, pair_strength=pair)
            for side in STRENGTHS
            for pair in STRENGTHS
        ]
        evidence = self._evidence(left, right, targets)
        losses = [-candidate._log_likelihood(evidence) for candidate in candidates]
        return candidates[int(np.argmin(losses))]

    def log_likelihood(self, left: Ids, right: Ids, targets: Ids) -> float:
        """Return the sum of ln P(target), as `predict` gives P, without all other tokens' P."""
        return self._log_likelihood(self._evidence(left, right, targets))

    def _evidence(self, left: Ids, right: Ids, targets: Ids) -> Evidence:
        overlap = np.zeros(len(left))
        inverse = np.divide(1, self.frequency, out=np.zeros_like(self.frequency), where=self._some)
        for part in self._parts(len(left)):
            rows = self.left.rows(left[part]) * inverse
            overlap[part] = self.right.products(right[part], rows)
        return Evidence(
            self.frequency[targets],
            *self.left.totals_and_counts(left, targets),
            *self.right.totals_and_counts(right, targets),
            *self.both.totals_and_counts(left * len(self.frequency) + right, targets),
            overlap,
        )

    def _log_likelihood(self, seen: Evidence) -> float:
        """Return the sum of ln P: the joined model's sum over all tokens is a polynomial."""
        side, pair = self.side_strength, self.pair_strength
        drawn = (seen.left + side * seen.frequency) * (seen.right + side * seen.frequency)
        every = seen.overlap + side * (seen.left_total + seen.right_total) + side**2
        joined = drawn / seen.frequency / every
        return float(np.log((seen.both + pair * joined) / (seen.both_total + pair)).sum())

    def predict(self, left: Ids, right: Ids) -> Iterable[tuple[slice, Rows]]:
        """Give the probabilities of every token, in parts.

        Parameters
        ----------
        left, right
            Neighbours as a model sees them, int64[n]; ``mask_id`` where hidden.

        Yields
        ------
        tuple
            Which places, and their probabilities, float64[places, vocab].
        """
        for part in self._parts(len(left)):
            yield part, self._probabilities(left[part], right[part])

    def _parts(self, count: int) -> Iterator[slice]:
        """Cut places so that rows over the vocabulary fit into memory."""
        step = max(1, MOST_AT_ONCE // len(self.frequency))
        return (slice(start, start + step) for start in range(0, count, step))

    @property
    def _some(self) -> npt.NDArray[np.bool_]:
        """Which tokens are ever predicted."""
        return np.asarray(self.frequency > 0)

    def _probabilities(self, left: Ids, right: Ids) -> Rows:
        from_left = self._one_sided(self.left, left)
        from_right = self._one_sided(self.right, right)
        joined: Rows = from_left * from_right
        np.divide(joined, self.frequency, out=joined, where=self._some)
        joined /= joined.sum(1, keepdims=True)
        seen = (left != self.mask_id) & (right != self.mask_id)
        triples = self.both.rows(left[seen] * len(self.frequency) + right[seen])
        joined[seen] = _drawn_to(triples, joined[seen], self.pair_strength)
        return joined

    def _one_sided(self, counts: ContextCounts, neighbour: Ids) -> Rows:
        return _drawn_to(counts.rows(neighbour), self.frequency, self.side_strength)


def _drawn_to(counts: Rows, prior: Rows, strength: float) -> Rows:
    drawn: Rows = (counts + strength * prior) / (counts.sum(1, keepdims=True) + strength)
    return drawn


class MarkovLetters:
    """P(letter | the letters before it), each order drawn to the next lower one.

    Parameters
    ----------
    letters
        Codes of the training windows, integer[n], laid end to end.
    size
        Number of codes.
    order
        Letters seen.
    strength
        Pseudo-counts of the lower order.
    """

    def __init__(
        self, letters: npt.ArrayLike, size: int, order: int = 5, strength: float = 100.0
    ) -> None:
        self.size, self.order, self.strength = size, order, strength
        codes = np.asarray(letters, dtype=np.int64)
        self._counts = [
            ContextCounts(self._contexts(codes, used), codes, size) for used in range(order + 1)
        ]

    def log_probabilities(self, letters: npt.ArrayLike) -> Rows:
        """Return ln P of each letter given those before it, float64[n].

        The first letters have shorter contexts filled up with code 0.
        """
        codes = np.asarray(letters, dtype=np.int64)
        probability = np.full(len(codes), 1 / self.size)
        for used, counts in enumerate(self._counts):
            totals, seen = counts.totals_and_counts(self._contexts(codes, used), codes)
            probability = (seen + self.strength * probability) / (totals + self.strength)
        logarithms: Rows = np.log(probability)
        return logarithms

    def _contexts(self, codes: Ids, used: int) -> Ids:
        """Number the ``used`` letters before each place."""
        padded = np.concatenate([np.zeros(used, np.int64), codes])
        context = np.zeros(len(codes), np.int64)
        for offset in range(used):
            context = context * self.size + padded[offset : offset + len(codes)]
        return context
