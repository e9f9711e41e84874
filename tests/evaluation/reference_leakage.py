"""What the audit counts, in plain Python: sets of strings and sets of places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pybmfm.evaluation.leakage_sequences import Batch, SequenceCollection, SequenceSplit
from pybmfm.variants import codes_to_text, reverse_complement_codes, text_to_codes

K = 32
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def batch_of(rows: Sequence[str], first: int = 0) -> Batch:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Batch(first, text_to_codes("".join(rows)), offsets)


def split_of(name: str, rows: Sequence[str], rows_per_batch: int = 3) -> SequenceSplit:
    """A split of task rows, read a few at a time."""
    batches = [
        batch_of(rows[first : first + rows_per_batch], first)
        for first in range(0, len(rows), rows_per_batch)
    ]
    return SequenceSplit(name, len(rows), lambda: iter(batches), lambda row: f"{name}-{row}")


def collection_of(**splits: Sequence[str]) -> SequenceCollection:
    parts = tuple(split_of(name, rows) for name, rows in splits.items())
    return SequenceCollection("task", "t", parts, "table")


def texts(split: SequenceSplit) -> list[str]:
    """All rows of a split, in order."""
    assert split.batches is not None
    return [
        codes_to_text(batch.codes[a:b])
        for batch in split.batches()
        for a, b in pairwise(batch.offsets.tolist())
    ]


def turned(text: str) -> str:
    return codes_to_text(reverse_complement_codes(text_to_codes(text)))


def kmers(text: str) -> list[str]:
    """Canonical 32-mers of A, C, G, T alone: the first of both strands in the alphabet."""
    found = [text[i : i + K] for i in range(len(text) - K + 1)]
    plain = [kmer for kmer in found if set(kmer) <= set("ACGT")]
    return [min(kmer, kmer.translate(COMPLEMENT)[::-1]) for kmer in plain]


def distinct_kmers(rows: Sequence[str]) -> set[str]:
    return {kmer for row in rows for kmer in kmers(row)}


def repeated_kmers(rows: Sequence[str]) -> set[str]:
    counts = Counter(kmer for row in rows for kmer in kmers(row))
    return {kmer for kmer, number in counts.items() if number > 1}


def share_in(row: str, known: set[str]) -> float | None:
    found = kmers(row)
    return sum(kmer in known for kmer in found) / len(found) if found else None


def random_dna(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), size=length))


def mosaic_rows(seed: int, rows: int, longest: int = 4) -> list[str]:
    """Rows joined from a few pieces on either strand, with N, a variant symbol or a lone base."""
    rng = np.random.default_rng(seed)
    pieces = [random_dna(rng, int(length)) for length in rng.integers(10, 70, size=5)]
    pieces += [turned(piece) for piece in pieces] + ["N", "帝", "A", "A" * 40]
    sizes = rng.integers(1, longest + 1, size=rows)
    return ["".join(rng.choice(np.array(pieces, dtype=object), size=n)) for n in sizes]
