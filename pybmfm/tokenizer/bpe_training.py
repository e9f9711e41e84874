"""Byte-pair encoding, learned exactly as Hugging Face's trainer does, at a fraction of its cost.

The most frequent pair of neighbouring tokens becomes a token, again and again; of equally
frequent pairs the one with the smaller ids goes first. Overlapping occurrences all count (AAA
holds the pair (A, A) twice), and are merged from the left. Every token has one derivation only:
what lies between two borders that no merge has crossed was merged as if it stood alone. So the
pairs that a merge makes are new, each pair's places are known in full when it appears, and from
then on its count only falls. That is what this trainer lives on: a pair keeps its places from
when it is made, a merge goes to these and nowhere else, and a pair that is too rare at first is
forgotten at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pybmfm.core import progress
from pybmfm.variants import ALPHABET

if TYPE_CHECKING:
    from pybmfm.tokenizer._training_kernels import PairQueue

_FIRST_PAIRS = 1 << 16  # places in the table; more than twice the 132 * 132 pairs of letters


@dataclass(frozen=True)
class LearnedMerges:
    """What byte-pair encoding found.

    Attributes
    ----------
    tokens
        Single letters in the order of their code points, then merged tokens as they were made.
    merges
        Pairs of tokens in the order in which they are merged.
    """

    tokens: list[str]
    merges: list[tuple[str, str]]


def learn_merges(
    text: npt.NDArray[np.uint8], alphabet: str, *, size: int, min_frequency: int
) -> LearnedMerges:
    """Learn a vocabulary by byte-pair encoding (Sennrich et al. 2016).

    Parameters
    ----------
    text
        Codes as `pybmfm.tokenizer.lines.join_lines` gives them; merges stay within a line.
    alphabet
        Letters that are tokens, among them all that occur in the text.
    size
        Tokens to stop at, letters included; at most 65,534.
    min_frequency
        A pair seen less often is not merged; at least 1.
    """
    tokens = sorted(alphabet)
    merges: list[tuple[str, str]] = []
    if len(tokens) < size:
        pairs = _TokenPairs(text, tokens, size, min_frequency)
        for a, b in progress(
            pairs.merge_most_frequent(size - len(tokens)),
            "merging pairs of tokens",
            total=size - len(tokens),
            unit="merge",
        ):
            merges.append((tokens[a], tokens[b]))
            tokens.append(tokens[a] + tokens[b])
    return LearnedMerges(tokens, merges)


class _TokenPairs:
    """A text as tokens, the pairs of neighbours in it, and where each pair is.

    Per nt it holds 4 bytes for tokens, 4 for the places of letter pairs and at most 8 for the
    places of pairs of merged tokens.
    """

    def __init__(
        self, text: npt.NDArray[np.uint8], letters: list[str], size: int, min_frequency: int
    ) -> None:
        from pybmfm.tokenizer import _training_kernels as kernels

        self._kernels = kernels
        self._min_frequency = min_frequency
        token_of_code = np.full(256, kernels.BORDER, dtype=np.uint16)
        for token, letter in enumerate(letters):
            token_of_code[ALPHABET.index(letter)] = token
        # See the kernels: the token that begins, and the token that ends, at each letter.
        self._first = token_of_code[text]
        self._last = self._first.copy()
        self._lengths = np.ones(size, dtype=np.int64)
        self._room = np.zeros((3, size), dtype=np.int64)
        self._tokens = len(letters)
        self._queue = self._empty_queue()
        # One array of places per merge, and the first queue entry that points into it.
        self._places = [self._queue_letter_pairs()]
        self._first_entries = [0]

    def merge_most_frequent(self, most: int) -> Iterator[tuple[int, int]]:
        """Merge and yield at most so many pairs, as long as they are frequent enough."""
        for _ in range(most):
            entry = self._kernels.next_entry(self._queue, self._min_frequency)
            if entry < 0:
                return
            a, b = divmod(int(self._queue.entries[entry, self._kernels.PAIR]), 1 << 16)
            yield a, b
            self._merge((a, b), self._positions(entry))

    def _merge(self, pair: tuple[int, int], positions: npt.NDArray[np.int32]) -> None:
        merged = self._tokens
        self._lengths[merged] = self._lengths[pair[0]] + self._lengths[pair[1]]
        where = np.empty(len(positions), dtype=np.int32)
        before, after = np.empty((2, len(positions)), dtype=np.uint16)
        done = self._kernels.merge_pair(
            self._first, self._last, self._lengths, positions, pair, merged, where, before, after
        )
        self._make_room()
        self._first_entries.append(int(self._queue.used[self._kernels.ENTRIES]))
        self._places.append(
            self._kernels.queue_new_pairs(
                self._queue,
                pair,
                merged,
                where[:done],
                before[:done],
                after[:done],
                self._lengths,
                self._min_frequency,
                *self._room,
            )
        )
        self._tokens += 1

    def _positions(self, entry: int) -> npt.NDArray[np.int32]:
        start, number = self._queue.entries[entry, [self._kernels.START, self._kernels.SIZE]]
        step = bisect_right(self._first_entries, entry) - 1
        return self._places[step][start : start + number]

    def _empty_queue(self) -> PairQueue:
        return self._kernels.PairQueue(
            keys=np.full(_FIRST_PAIRS, self._kernels.FREE, dtype=np.int64),
            entry_of=np.empty(_FIRST_PAIRS, dtype=np.int32),
            entries=np.empty((_FIRST_PAIRS // 2, 4), dtype=np.int64),
            heap_keys=np.empty(_FIRST_PAIRS // 2, dtype=np.int64),
            heap_entries=np.empty(_FIRST_PAIRS // 2, dtype=np.int32),
            used=np.zeros(2, dtype=np.int64),
        )

    def _queue_letter_pairs(self) -> npt.NDArray[np.int32]:
        counts = self._kernels.count_letter_pairs(self._first, self._tokens)
        self._kernels.queue_letter_pairs(self._queue, counts, self._tokens, self._min_frequency)
        return self._kernels.list_letter_pairs(self._first, self._tokens, counts)

    def _make_room(self) -> None:
        """Enlarge the queue if the next merge, two new pairs per token, might overfill it."""
        needed = int(self._queue.used[self._kernels.ENTRIES]) + 2 * (self._tokens + 1)
        while needed > len(self._queue.entries):
            self._enlarge_queue()

    def _enlarge_queue(self) -> None:
        queue, kernels = self._queue, self._kernels
        keys, moved = kernels.enlarge_table(queue.keys)
        taken = moved >= 0
        entry_of = np.empty(len(keys), dtype=np.int32)
        entry_of[moved[taken]] = queue.entry_of[taken]
        self._queue = kernels.PairQueue(
            keys=keys,
            entry_of=entry_of,
            entries=_enlarged(queue.entries, len(keys) // 2),
            heap_keys=_enlarged(queue.heap_keys, len(keys) // 2),
            heap_entries=_enlarged(queue.heap_entries, len(keys) // 2),
            used=queue.used,
        )


def _enlarged(array: npt.NDArray[np.generic], size: int) -> npt.NDArray[np.generic]:
    larger = np.empty((size, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
