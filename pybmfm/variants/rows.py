"""Add the alleles of a contig up into one row of state probabilities per position."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from pybmfm.variants.symbols import N_STATES

# Frequencies are printed with few digits; 1 - 0.999 must count as "at the cutoff" of 0.001.
ROUNDING = 1e-9


class RowBuilder:
    """Collects (position, state, frequency) of the alternates of one contig."""

    def __init__(self) -> None:
        self._position = array("i")
        self._state = array("B")
        self._mass = array("d")

    def add(self, position: int, state: int, frequency: float) -> None:
        """Add an alternate's frequency to a state of a position (0-based)."""
        self._position.append(position)
        self._state.append(state)
        self._mass.append(frequency)

    def rows(
        self, reference: NDArray[np.uint8], min_frequency: float
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], int]:
        """Return the varying positions, their rows, and how many rows were scaled.

        Frequencies are over all chromosomes: alternates of overlapping records add up and the
        reference is the rest. A row above 1 is scaled; a reference at or below the cutoff is
        set to 0 and the row scaled again.

        Parameters
        ----------
        reference
            uint8[length], the contig's codes 0-4.
        min_frequency
            The cutoff.

        Returns
        -------
        position : int32[n], ascending
        p : float32[n, 11]
        scaled : int
        """
        all_positions = np.frombuffer(self._position, dtype=np.int32)
        position, row = np.unique(all_positions, return_inverse=True)
        p = np.zeros((len(position), N_STATES))
        np.add.at(p, (row, np.frombuffer(self._state, dtype=np.uint8)), np.array(self._mass))
        total = p.sum(axis=1)
        above = total > 1.0 + ROUNDING
        rest = np.maximum(1.0 - total, 0.0)
        rest[rest <= min_frequency + ROUNDING] = 0.0
        p[np.arange(len(p)), reference[position]] += rest
        p /= p.sum(axis=1, keepdims=True)
        return position.astype(np.int32), p.astype(np.float32), int(above.sum())
