"""Sequences as the windows of tokens that a model takes, with nothing cut unnoticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pybmfm.tokenizer import DnaTokenizer, ForeignTokenizer

OVERLAP = 4  # a window begins this share of its room before the one before it ends


@dataclass(frozen=True)
class TokenWindows:
    """One or more windows for each of ``len(self)`` sequences.

    Attributes
    ----------
    windows
        Per sequence, token ids int64[n] with specials.
    tokens
        int64[sequences], over all windows.
    truncated
        Sequences that were cut.
    in_windows
        Sequences that take several windows.
    unknown
        Unknown tokens.
    longest
        Tokens of the longest sequence, before any cut.
    """

    windows: list[list[np.ndarray]]
    truncated: int
    in_windows: int
    unknown: int
    longest: int
    tokens: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.windows)


def token_windows(
    tokenizer: DnaTokenizer | ForeignTokenizer,
    sequences: Sequence[str],
    max_length: int,
    long: str,
) -> TokenWindows:
    """Tokenize sequences; those of more tokens than ``max_length`` are cut or laid in windows.

    Parameters
    ----------
    max_length
        Tokens of a window, specials counted.
    long
        ``truncate`` keeps the first tokens; ``window-mean`` takes windows that overlap by a
        quarter, the last one ending with the sequence.
    """
    ids = tokenizer.encode_batch(sequences)
    specials = len(tokenizer.prefix) + len(tokenizer.suffix)
    room = max_length - specials
    over = sum(len(row) > room for row in ids)
    windows = [
        [
            np.concatenate([tokenizer.prefix, row[start : start + room], tokenizer.suffix]).astype(
                np.int64
            )
            for start in (_starts(len(row), room) if long == "window-mean" else [0])
        ]
        for row in ids
    ]
    return TokenWindows(
        windows=windows,
        tokens=np.array([sum(map(len, row)) for row in windows], dtype=np.int64),
        truncated=0 if long == "window-mean" else over,
        in_windows=over if long == "window-mean" else 0,
        unknown=int(sum((row == tokenizer.unk).sum() for row in ids)),
        longest=max(map(len, ids), default=0) + specials,
    )


def _starts(length: int, room: int) -> list[int]:
    """Return where windows start: evenly, overlapping by a quarter at least.

    Examples
    --------
    >>> _starts(10, 12), _starts(20, 8)
    ([0], [0, 6, 12])
    """
    if length <= room:
        return [0]
    step = max(1, room - room // OVERLAP)
    return [*range(0, length - room, step), length - room]
