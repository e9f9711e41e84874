"""Token-budget batches of whole windows, in an order that depends on the seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch

from pybmfm.core import derive_seed
from pybmfm.model import FlatBatch
from pybmfm.training.masking import MaskPlan


class Corpus(Protocol):
    """One split of a corpus, as `pybmfm.corpus.TokenCorpus` gives it."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per window, specials counted."""

    def tokens(self, index: int, /) -> np.ndarray:
        """Return the tokens of a window, uint16[n], with [CLS] and [SEP]."""


class Pieces:
    """The windows of all corpora; those above ``max_length`` in consecutive pieces.

    A piece has its own [CLS] and [SEP]. Attributes, one entry per piece: ``corpus``, ``row``
    (the window), ``start`` (first token in the window, [CLS] not counted) and ``lengths``
    (tokens, specials counted).
    """

    def __init__(self, corpora: Sequence[Corpus], max_length: int) -> None:
        self.corpora = corpora
        room = max_length - 2
        columns = [_cut(np.asarray(corpus.lengths), room) for corpus in corpora]
        self.corpus = np.repeat(np.arange(len(columns)), [len(rows) for rows, _, _ in columns])
        self.row, self.start, self.lengths = (
            np.concatenate([column[i] for column in columns]) if columns else np.zeros(0, int)
            for i in range(3)
        )

    def __len__(self) -> int:
        return len(self.row)

    def order(self, seed: int, pass_number: int) -> np.ndarray:
        """Return the order of the pieces in a pass over the data."""
        return _order(len(self), seed, pass_number)

    def masked(self, piece: int, pass_number: int, plan: MaskPlan) -> tuple[np.ndarray, ...]:
        """Return what the model sees, what it predicts and where, for one piece.

        Returns
        -------
        tuple
            seen int64[n], true tokens int64[n], chosen bool[n].
        """
        corpus, row = int(self.corpus[piece]), int(self.row[piece])
        window = np.asarray(self.corpora[corpus].tokens(row))
        seen, chosen = plan.apply(window, pass_number, (corpus, row))
        start, content = int(self.start[piece]), int(self.lengths[piece]) - 2
        places = np.r_[0, np.arange(1 + start, 1 + start + content), len(window) - 1]
        return seen[places], window[places].astype(np.int64), chosen[places]


def _cut(lengths: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    content = lengths.astype(np.int64) - 2
    counts = np.where(content > 0, -(-content // room), 0)
    rows = np.repeat(np.arange(len(lengths)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    start = (np.arange(len(rows)) - first) * room
    return rows, start, np.minimum(room, content[rows] - start) + 2


@lru_cache(maxsize=4)
def _order(count: int, seed: int, pass_number: int) -> np.ndarray:
    return np.random.default_rng(derive_seed(seed, "order", pass_number)).permutation(count)


@dataclass(frozen=True)
class Position:
    """Where the sampler stands: so many passes done, so many pieces of the current one used."""

    pass_number: int = 0
    used: int = 0


def next_batch(
    pieces: Pieces, position: Position, budget: int, seed: int
) -> tuple[list[tuple[int, int]], Position]:
    """Take pieces in order until ``budget`` tokens are full; a batch may span two passes.

    Returns
    -------
    tuple
        Pairs (piece, pass), and the position after them.
    """
    chosen: list[tuple[int, int]] = []
    total, pass_number, used = 0, position.pass_number, position.used
    while True:
        if used == len(pieces):
            pass_number, used = pass_number + 1, 0
        piece = int(pieces.order(seed, pass_number)[used])
        total += int(pieces.lengths[piece])
        if chosen and total > budget:
            return chosen, Position(pass_number, used)
        chosen.append((piece, pass_number))
        used += 1


def share_of_process(sizes: np.ndarray, rank: int, processes: int) -> slice:
    """Cut a batch into contiguous shares of about equal tokens, one per process.

    Parameters
    ----------
    sizes
        Tokens of each member, int[n].
    """
    middles = np.cumsum(sizes) - sizes / 2
    owner = np.minimum((middles * processes / max(1, sizes.sum())).astype(int), processes - 1)
    bounds = np.searchsorted(owner, [rank, rank + 1])
    return slice(int(bounds[0]), int(bounds[1]))


def pack(members: Sequence[Any], size: Callable[[Any], int], budget: int) -> Iterator[list[Any]]:
    """Group members in order, each group within ``budget`` (a larger member goes alone).

    Examples
    --------
    >>> list(pack([3, 3, 9, 1], size=lambda n: n, budget=6))
    [[3, 3], [9], [1]]
    """
    group: list[Any] = []
    filled = 0
    for member in members:
        if group and filled + size(member) > budget:
            yield group
            group, filled = [], 0
        group.append(member)
        filled += size(member)
    if group:
        yield group


@dataclass(frozen=True)
class MaskedBatch:
    """A flat batch with the places to predict, int64[n], and the true tokens there, int64[n]."""

    batch: FlatBatch
    places: torch.Tensor
    targets: torch.Tensor

    def to(self, device: torch.device) -> MaskedBatch:
        """Return the batch on another device."""
        return MaskedBatch(
            self.batch.to(device),
            self.places.to(device, non_blocking=True),
            self.targets.to(device, non_blocking=True),
        )


def masked_batch(pieces: Pieces, members: Sequence[tuple[int, int]], plan: MaskPlan) -> MaskedBatch:
    """Build the flat batch of (piece, pass) pairs with its masks."""
    seen, true, chosen = zip(
        *(pieces.masked(piece, pass_number, plan) for piece, pass_number in members), strict=True
    )
    places = np.flatnonzero(np.concatenate(chosen))
    targets = np.concatenate(true)[places]
    return MaskedBatch(
        FlatBatch.from_sequences(seen), torch.from_numpy(places), torch.from_numpy(targets)
    )
