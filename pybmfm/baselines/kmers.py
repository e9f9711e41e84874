"""k-mer counts of plain or encoded sequences as sparse features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.variants import ALPHABET, codes_to_text, text_to_codes

N_CODE = ALPHABET.index("N")
BASE = len(ALPHABET)
LONGEST = 8  # BASE**9 no longer fits 63 bits
MAX_FEATURES = 16_384  # all 4**7 plain 7-mers; encoded text has many more, mostly seen once


@dataclass(frozen=True)
class KmerVocabulary:
    """The k-mers that are features: those of the training sequences, most frequent first kept.

    Attributes
    ----------
    k
        Length in positions; a variant symbol is one position.
    words
        ``int64[features]``, sorted; a k-mer as a number in base 132.
    """

    k: int
    words: npt.NDArray[np.int64]

    @classmethod
    def fit(
        cls, sequences: Sequence[str], k: int, max_features: int = MAX_FEATURES
    ) -> KmerVocabulary:
        """Take the k-mers of training sequences; those that hold an N are no features."""
        every = np.concatenate([np.empty(0, np.int64), *_words_of_each(sequences, k)])
        words, counts = np.unique(every, return_counts=True)
        frequent = np.argsort(-counts, kind="stable")[:max_features]
        return cls(k, np.sort(words[frequent]))

    def names(self) -> list[str]:
        """Each feature as text."""
        places = BASE ** np.arange(self.k - 1, -1, -1, dtype=np.int64)
        digits = (self.words[:, None] // places % BASE).astype(np.uint8)
        return [codes_to_text(row) for row in digits]

    def transform(self, sequences: Sequence[str]) -> Any:
        """Return k-mer frequencies, a scipy CSR ``float64[sequences, features]``.

        A row sums to the share of its N-free k-mers that are features.
        """
        from scipy.sparse import csr_matrix

        columns, shares, lengths = [], [], []
        for words in _words_of_each(sequences, self.k):
            column = np.searchsorted(self.words, words)
            known = np.flatnonzero(self.words[np.minimum(column, len(self.words) - 1)] == words)
            present, counts = np.unique(column[known], return_counts=True)
            columns.append(present)
            shares.append(counts / max(1, len(words)))
            lengths.append(len(present))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        content = (np.concatenate(shares), np.concatenate(columns), starts)
        return csr_matrix(content, shape=(len(sequences), len(self.words)))


def _words_of_each(sequences: Sequence[str], k: int) -> Iterator[npt.NDArray[np.int64]]:
    """Every N-free k-mer of each sequence, as numbers."""
    places = BASE ** np.arange(k - 1, -1, -1, dtype=np.int64)
    for text in sequences:
        codes = text_to_codes(text).astype(np.int64)
        if len(codes) < k:
            yield np.empty(0, np.int64)
            continue
        windows = np.lib.stride_tricks.sliding_window_view(codes, k)
        yield (windows @ places)[(windows != N_CODE).all(axis=1)]
