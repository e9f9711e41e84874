"""k-mer tokenizers: sequences are cut into k letters from their first letter on.

A tokenizer folder has no model of its own for them, but this one gives exactly that: a ``BPE``
model with ``ignore_merges`` and no merges, whose vocabulary is the special tokens, the single
letters and the frequent k-mers, behind the pre-tokenizers ``Whitespace`` and ``Split`` on the
regular expression ``.{k}`` (``Isolated``). A piece that is in the vocabulary is one token; any
other, and the tail of fewer than k letters, is spelled in single letters. So a rare k-mer is
never ``[UNK]``, no nucleotide is in two tokens, and ids decode to the sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.variants import ALPHABET, codes_to_text

LONGEST_K = 8  # 132**9 exceeds int64, and a frequent 9-mer is rare already
_FIRST_CAPACITY = 1 << 16


def kmer_pre_tokenizer(k: int) -> Any:
    """Return the pre-tokenizer that cuts a sequence into pieces of ``k`` letters."""
    from tokenizers import Regex, pre_tokenizers

    pieces = pre_tokenizers.Split(Regex(f".{{{k}}}"), "isolated")
    return pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pieces])


def frequent_kmers(
    text: npt.NDArray[np.uint8], k: int, *, most: int, min_frequency: int
) -> list[str]:
    """Return the most frequent k-mers of joined lines, the most frequent first.

    Every offset counts, not only multiples of k: a window may begin anywhere in the genome.

    Parameters
    ----------
    text
        Codes as `pybmfm.tokenizer.lines.join_lines` gives them.
    k
        Letters, 2 to ``LONGEST_K``.
    most
        How many to return at most.
    min_frequency
        A k-mer seen less often is left out.

    Returns
    -------
    list of str
        Equally frequent ones in the order of their codes.
    """
    keys, counts = count_kmers(text, k)
    enough = counts >= min_frequency
    keys, counts = keys[enough], counts[enough]
    chosen = keys[np.lexsort((keys, -counts))[:most]]
    places = len(ALPHABET) ** np.arange(k - 1, -1, -1, dtype=np.int64)
    letters = (chosen[:, None] // places % len(ALPHABET)).astype(np.uint8)
    return [codes_to_text(row) for row in letters]


def count_kmers(
    text: npt.NDArray[np.uint8], k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the k-mers of joined lines at every offset.

    Returns
    -------
    int64[n], int64[n]
        Each k-mer as a number of k digits, its codes, in base 132, and its occurrences; in no
        particular order.
    """
    from pybmfm.tokenizer import _training_kernels as kernels

    if not 2 <= k <= LONGEST_K:
        raise ValueError(f"k is 2 to {LONGEST_K}, not {k}")
    keys = np.full(_FIRST_CAPACITY, kernels.FREE, dtype=np.int64)
    counts = np.zeros(_FIRST_CAPACITY, dtype=np.int64)
    place = used = 0
    while True:
        place, used = kernels.count_kmers(text, place, k, keys, counts, used)
        if place == len(text):
            break
        larger, moved = kernels.enlarge_table(keys)
        occurrences, counts = counts, np.zeros(len(larger), dtype=np.int64)
        counts[moved[moved >= 0]] = occurrences[moved >= 0]
        keys = larger
    taken = keys != kernels.FREE
    return keys[taken], counts[taken]
