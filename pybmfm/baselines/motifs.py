"""Position weight matrices: learned from what sets classes apart, and scored on sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pybmfm.genome import BASES, N_CODE, complement_bases
from pybmfm.variants import text_to_codes

WIDTH = 8
MOTIFS_PER_CONTRAST = 8
SEQUENCES_READ = 5_000  # of the training rows, drawn by seed
SIMILAR = 6  # letters that two seeds may share at any shift
SHIFTS = range(-2, 3)
PSEUDOCOUNT = 0.5
LETTERS_AT_ONCE = 4_000_000

PLACES = 4 ** np.arange(WIDTH - 1, -1, -1, dtype=np.int64)  # of the letters in a word's number
COMPLEMENT = complement_bases(np.arange(N_CODE + 1, dtype=np.uint8))

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Motif:
    """A position weight matrix.

    Attributes
    ----------
    name
        As it is shown.
    log_odds
        float64[width, 4], log2 of frequency over background, letters A G T C.
    """

    name: str
    log_odds: Floats

    @classmethod
    def from_counts(cls, name: str, counts: Floats, background: Floats) -> Motif:
        """Take counts ``[width, 4]`` with half a pseudocount in every cell."""
        smoothed = counts + PSEUDOCOUNT
        shares = smoothed / smoothed.sum(axis=1, keepdims=True)
        return cls(name, np.log2(shares / background))


def learn_motifs(
    sequences: Sequence[str], contrasts: Sequence[tuple[str, npt.NDArray[np.bool_]]], seed: int
) -> list[Motif]:
    """Learn motifs that are in one part of the sequences more often than in the rest.

    For each contrast the 8-mers (either strand) whose share of sequences differs most, by the z
    value of two proportions, are seeds, unlike each other; a seed's matrix counts the letters of
    all its occurrences with at most one mismatch in the part, as discriminative motif finders do
    in their first round.

    Parameters
    ----------
    contrasts
        Name and which sequences belong to the part; both parts must have some.
    seed
        Of the draw of at most 5,000 sequences.
    """
    rows = np.arange(len(sequences))
    if len(rows) > SEQUENCES_READ:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SEQUENCES_READ, replace=False))
    text = _joined([sequences[row] for row in rows.tolist()])
    words = _Words.of(text)
    background = _background(text)
    motifs = []
    for name, part in contrasts:
        inside = part[rows]
        if inside.all() or not inside.any():
            continue
        for word in _seeds(words.enrichment(inside)):
            counts = words.count_letters(word, inside)
            shown = f"{_consensus(word)} ({name})"
            motifs.append(Motif.from_counts(shown, counts, background))
    return motifs


def score_motifs(sequences: Sequence[str], motifs: Sequence[Motif]) -> Floats:
    """Best log-odds score of every motif on either strand, ``[sequences, motifs]``.

    A sequence without a window of A, C, G, T as long as the motif has the least score.
    """
    parts = [
        np.stack([_best_scores(text, motif) for motif in motifs], axis=1)
        for text in _batches(sequences)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(motifs)))


@dataclass(frozen=True)
class _Text:
    """Sequences end to end, an N after each, with where each begins."""

    codes: Codes
    starts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Words:
    """Every 8-mer of some sequences: its number, its sequence and its letters."""

    numbers: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    windows: Codes
    sequences: int

    @classmethod
    def of(cls, text: _Text) -> _Words:
        """Read the 8-mers of A, C, G, T."""
        if len(text.codes) < WIDTH:
            return cls(*(np.empty(0, np.int64),) * 2, np.empty((0, WIDTH), np.uint8), 0)
        windows = np.lib.stride_tricks.sliding_window_view(text.codes, WIDTH)
        places = np.flatnonzero((windows < N_CODE).all(axis=1))
        kept = windows[places]
        rows = np.searchsorted(text.starts, places, side="right") - 1
        return cls(_numbers(kept), rows, kept, len(text.starts))

    def enrichment(self, inside: npt.NDArray[np.bool_]) -> Floats:
        """z value of each 8-mer, ``[4 ** 8]``; a word and its reverse complement are one."""
        turned = _numbers(_reverse_complement(self.windows))
        canonical = np.minimum(self.numbers, turned)
        size = 4**WIDTH
        pairs = np.unique(self.rows * size + canonical)
        counts = [
            np.bincount(pairs[inside[pairs // size] == side] % size, minlength=size)
            for side in (True, False)
        ]
        n = np.array([max(1, inside.sum()), max(1, (~inside).sum())])
        share, pooled = counts[0] / n[0] - counts[1] / n[1], (counts[0] + counts[1]) / n.sum()
        spread = np.sqrt(pooled * (1 - pooled) * (1 / n).sum())
        z: Floats = np.divide(share, spread, out=np.zeros(size), where=spread > 0)
        return z

    def count_letters(self, word: Codes, inside: npt.NDArray[np.bool_]) -> Floats:
        """Count letters of all occurrences with at most one mismatch, ``[8, 4]``."""
        windows = self.windows[inside[self.rows]]
        both = np.concatenate([windows, _reverse_complement(windows)])
        near = both[(both != word).sum(axis=1) <= 1]
        letters = np.arange(4, dtype=np.uint8)
        return np.asarray((near[:, :, None] == letters).sum(axis=0), dtype=np.float64)


def _seeds(z: Floats) -> Iterator[Codes]:
    """Best 8-mers that are unlike those before them."""
    chosen: list[Codes] = []
    for number in np.argsort(-z, kind="stable"):
        if z[number] <= 0 or len(chosen) == MOTIFS_PER_CONTRAST:
            return
        word = _letters(int(number))
        if not any(_alike(word, other) for other in chosen):
            chosen.append(word)
            yield word


def _alike(word: Codes, other: Codes) -> bool:
    """Whether two words share most letters at some shift, on either strand."""
    for turned in (other, _reverse_complement(other)):
        for shift in SHIFTS:
            a, b = max(0, shift), max(0, -shift)
            length = WIDTH - abs(shift)
            if (word[a : a + length] == turned[b : b + length]).sum() >= SIMILAR - abs(shift) // 2:
                return True
    return False


def _best_scores(text: _Text, motif: Motif) -> Floats:
    """Best score of each sequence of a batch."""
    width = len(motif.log_odds)
    least = motif.log_odds.min(axis=1).sum()
    best = np.full(len(text.starts), least)
    places = len(text.codes) - width + 1
    if places < 1:
        return best
    # An N, and the letter that ends a sequence, rule a window out.
    table = np.concatenate([motif.log_odds, np.full((width, 1), -np.inf)], axis=1)
    turned = table[::-1][:, COMPLEMENT]
    for matrix in (table, turned):
        scores = np.zeros(places, dtype=np.float64)
        for at in range(width):
            scores += matrix[at][text.codes[at : at + places]]
        padded = np.append(scores, np.full(len(text.codes) - places, -np.inf))
        np.maximum(best, np.maximum.reduceat(padded, text.starts), out=best)
    return best


def _batches(sequences: Sequence[str]) -> Iterator[_Text]:
    first = letters = 0
    for row, sequence in enumerate(sequences):
        letters += len(sequence) + 1
        if letters >= LETTERS_AT_ONCE or row + 1 == len(sequences):
            yield _joined(sequences[first : row + 1])
            first, letters = row + 1, 0


def _joined(sequences: Sequence[str]) -> _Text:
    """Codes end to end; a variant symbol is no letter of a motif and counts as N."""
    parts = [np.append(np.minimum(text_to_codes(s), N_CODE), np.uint8(N_CODE)) for s in sequences]
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    return _Text(np.concatenate(parts), np.cumsum(lengths) - lengths)


def _background(text: _Text) -> Floats:
    """Share of each letter, the same for both strands."""
    counts = np.bincount(text.codes, minlength=5)[:4] + 1.0
    both = counts + counts[COMPLEMENT[:N_CODE]]
    return np.asarray(both / both.sum())


def _numbers(windows: Codes) -> npt.NDArray[np.int64]:
    return np.asarray(windows.astype(np.int64) @ PLACES)


def _letters(number: int) -> Codes:
    return np.asarray(number // PLACES % 4, dtype=np.uint8)


def _reverse_complement(windows: Codes) -> Codes:
    return complement_bases(windows[..., ::-1])


def _consensus(word: Codes) -> str:
    return "".join(BASES[code] for code in word)
