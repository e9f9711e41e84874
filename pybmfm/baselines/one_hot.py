"""Sequences as channels: one per base, or one per state where variants are encoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pybmfm.genome import N_CODE
from pybmfm.variants import text_to_codes
from pybmfm.variants.symbols import N_STATES, STATES, STATES_OF_CODE

PAD = len(STATES_OF_CODE)  # a code of its own, after the 132


def code_matrix(sequences: Sequence[str], length: int) -> npt.NDArray[np.uint8]:
    """Codes ``uint8[sequences, length]``, padded at the end."""
    codes = np.full((len(sequences), length), PAD, dtype=np.uint8)
    for row, text in enumerate(sequences):
        codes[row, : len(text)] = text_to_codes(text)
    return codes


def channels_of_codes(encoded: bool) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Channels of every code ``float32[133, channels]``, and the channels' names.

    Plain DNA has A, G, T, C. Encoded text has the 11 states, and a pair is half of each of its
    two. N and padding are nothing.
    """
    table = np.zeros((PAD + 1, N_STATES), dtype=np.float32)
    for code, states in enumerate(STATES_OF_CODE):
        for state in states:
            table[code, state] += 0.5
    table[N_CODE] = 0
    kept = N_STATES if encoded else N_CODE
    return table[:, :kept], list(STATES[:kept])
