"""Token-budget batches of whole windows, in an order that depends on the seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

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


class Visit(NamedTuple):
    """A piece in a pass over the data; a corpus of weight above 1 comes in several copies."""

    piece: int
    pass_number: int
    copy: int = 0


class Pieces:
    """The windows of all corpora; those above ``max_length`` in consecutive pieces.

    A piece has its own [CLS] and [SEP]. Attributes, one entry per piece: ``corpus``, ``row``
    (the window), ``start`` (first token in the window, [CLS] not counted) and ``lengths``
    (tokens, specials counted).

    Parameters
    ----------
    corpora
        One split each.
    max_length
        Tokens, specials counted.
    weights
        How often each corpus is gone through in a pass over the data: whole copies of its
        windows, and of the rest a part drawn anew in every pass, so that weight 0.5 takes half
        of the windows and 2.5 two copies and half of a third. None is once each.
    """

    def __init__(
        self, corpora: Sequence[Corpus], max_length: int, weights: Sequence[float] | None = None
    ) -> None:
        self.corpora = corpora
        self.weights = [1.0] * len(corpora) if weights is None else list(weights)
        room = max_length - 2
        columns = [_cut(np.asarray(corpus.lengths), room) for corpus in corpora]
        sizes = [len(rows) for rows, _, _ in columns]
        self.corpus = np.repeat(np.arange(len(columns)), sizes)
        self._bounds = np.cumsum([0, *sizes])
        self.row, self.start, self.lengths = (
            np.concatenate([column[i] for column in columns]) if columns else np.zeros(0, int)
            for i in range(3)
        )
        self._visits: tuple[tuple[int, int], np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def order(self, seed: int, pass_number: int) -> np.ndarray:
        """Return the order of all pieces, each once, whatever the weights."""
        return _order(len(self), seed, pass_number)

    def visits(self, seed: int, pass_number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the pieces of a pass over the data, in order, and the copy that each is of.

        A function of the seed and the pass alone. Pieces of a window stay together: either all
        or none of them are drawn.

        Returns
        -------
        tuple
            Pieces int64[n] and copies int64[n].
        """
        if all(weight == 1 for weight in self.weights):
            order = self.order(seed, pass_number)
            return order, np.broadcast_to(0, len(order))
        found = self._visits
        if found is None or found[0] != (seed, pass_number):
            parts = [
                self._weighted(corpus, seed, pass_number) for corpus in range(len(self.corpora))
            ]
            pieces, copies = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            order = _order(len(pieces), seed, pass_number)
            # One assignment, so that a thread that reads ahead never sees half of it.
            found = self._visits = ((seed, pass_number), pieces[order], copies[order])
        return found[1], found[2]

    def _weighted(self, corpus: int, seed: int, pass_number: int) -> tuple[np.ndarray, np.ndarray]:
        """Pieces of one corpus in a pass, and their copies."""
        first, last = self._bounds[corpus : corpus + 2]
        everything = np.arange(first, last)
        copies = int(self.weights[corpus])
        drawn = self._drawn_windows(corpus, seed, pass_number)
        part = everything[drawn[self.row[first:last]]]
        pieces = np.concatenate([np.tile(everything, copies), part])
        return pieces, np.repeat([*range(copies), copies], [len(everything)] * copies + [len(part)])

    def _drawn_windows(self, corpus: int, seed: int, pass_number: int) -> np.ndarray:
        """Which windows come once more than the whole copies; a corpus is never left out."""
        weight, count = self.weights[corpus], len(self.corpora[corpus].lengths)
        number = round((weight - int(weight)) * count)
        if weight < 1:
            number = max(number, min(1, count))
        rng = np.random.default_rng(derive_seed(seed, "weight", corpus, pass_number))
        drawn = np.zeros(count, dtype=bool)
        drawn[rng.permutation(count)[:number]] = True
        return drawn

    def masked(
        self, piece: int, pass_number: int, plan: MaskPlan, copy: int = 0
    ) -> tuple[np.ndarray, ...]:
        """Return what the model sees, what it predicts and where, for one piece.

        Every pass, and every copy within a pass, has masks of its own.

        Returns
        -------
        tuple
            seen int64[n], true tokens int64[n], chosen bool[n].
        """
        corpus, row = int(self.corpus[piece]), int(self.row[piece])
        window = np.asarray(self.corpora[corpus].tokens(row))
        seen, chosen = plan.apply(window, pass_number, (corpus, row, *([copy] if copy else [])))
        start, content = int(self.start[piece]), int(self.lengths[piece]) - 2
        places = np.arange(start, start + content + 2)
        places[0], places[-1] = 0, len(window) - 1
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
    """Where the sampler stands: so many passes done, so many visits of the current one used."""

    pass_number: int = 0
    used: int = 0


def next_batch(
    pieces: Pieces, position: Position, budget: int, seed: int
) -> tuple[list[Visit], Position]:
    """Take pieces in order until ``budget`` tokens are full; a batch may span two passes.

    Returns
    -------
    tuple
        The pieces, and the position after them.
    """
    chosen: list[Visit] = []
    total, pass_number, used = 0, position.pass_number, position.used
    order, copies = pieces.visits(seed, pass_number)
    while True:
        if used == len(order):
            pass_number, used = pass_number + 1, 0
            order, copies = pieces.visits(seed, pass_number)
        piece = int(order[used])
        total += int(pieces.lengths[piece])
        if chosen and total > budget:
            return chosen, Position(pass_number, used)
        chosen.append(Visit(piece, pass_number, int(copies[used])))
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


def by_length(members: Sequence[Visit], pieces: Pieces) -> list[Visit]:
    """Sort by length: attention takes equally long neighbours at once."""
    return sorted(members, key=lambda member: int(pieces.lengths[member.piece]))


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

    def pinned(self) -> MaskedBatch:
        """Return the batch in page-locked memory, from where a GPU takes it without a stop."""
        batch = self.batch
        return MaskedBatch(
            FlatBatch(
                batch.tokens.pin_memory(), batch.positions.pin_memory(), batch.offsets.pin_memory()
            ),
            self.places.pin_memory(),
            self.targets.pin_memory(),
        )


def masked_batch(pieces: Pieces, members: Sequence[Visit], plan: MaskPlan) -> MaskedBatch:
    """Build the flat batch of some pieces with its masks."""
    seen, true, chosen = zip(
        *(pieces.masked(one.piece, one.pass_number, plan, one.copy) for one in members),
        strict=True,
    )
    places = np.flatnonzero(np.concatenate(chosen))
    targets = np.concatenate(true)[places]
    return MaskedBatch(
        FlatBatch.from_sequences(seen), torch.from_numpy(places), torch.from_numpy(targets)
    )
