"""The published way to draw: one call of the generator for every varying position."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

STATES = ("A", "G", "T", "C", "N", "DEL", "AI", "GI", "TI", "CI", "NI")
LONE = "AGTCNXBHUDO"


def published_draws(p: NDArray[np.float32], alphabet: str) -> list[str]:
    """Draw two states of each row without replacement, sort their names, look the pair up.

    Parameters
    ----------
    p
        float32[n, 11], rows summing to 1.
    alphabet
        The 121 pair characters, in order.
    """
    rng = np.random.default_rng(42)
    return [_draw(rng, row, alphabet) for row in p.astype(np.float64)]


def published_encoding(
    reference: str, positions: Iterable[int], p: NDArray[np.float32], alphabet: str
) -> str:
    """Put the drawn characters into a list of the contig's letters and join it."""
    letters = list(reference)
    for position, character in zip(positions, published_draws(p, alphabet), strict=True):
        letters[position] = character
    return "".join(letters)


def _draw(rng: np.random.Generator, row: NDArray[np.float64], alphabet: str) -> str:
    row = row / row.sum()
    if np.count_nonzero(row) == 1:
        return LONE[int(row.argmax())]
    one, two = sorted(STATES[i] for i in rng.choice(len(STATES), size=2, replace=False, p=row))
    return alphabet[11 * STATES.index(one) + STATES.index(two)]
