"""Sequences of any length laid end to end: batches without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class FlatBatch:
    """Sequences laid end to end, with no padding between them.

    Parameters
    ----------
    tokens
        Token ids, int64[T], specials included.
    positions
        Position of each token in its own sequence, int64[T]; restarts at 0 per sequence.
    offsets
        Where each sequence starts, int64[B + 1]; the last one is T.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    offsets: torch.Tensor

    @classmethod
    def from_sequences(cls, sequences: Sequence[np.ndarray]) -> FlatBatch:
        """Lay token ids (any integer dtype, each 1-d and not empty) end to end.

        Raises
        ------
        ValueError
            If there is no sequence, or one is empty.
        """
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        if len(lengths) == 0 or lengths.min() == 0:
            raise ValueError("a flat batch needs at least one sequence, and none of them empty")
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        tokens = np.concatenate([np.asarray(s) for s in sequences]).astype(np.int64)
        positions = np.arange(len(tokens)) - np.repeat(offsets[:-1], lengths)
        return cls(*map(torch.from_numpy, (tokens, positions, offsets)))

    def to(self, device: str | torch.device) -> FlatBatch:
        """Return the batch on another device."""
        return FlatBatch(
            self.tokens.to(device, non_blocking=True),
            self.positions.to(device, non_blocking=True),
            self.offsets.to(device, non_blocking=True),
        )

    @property
    def lengths(self) -> torch.Tensor:
        """Tokens per sequence, int64[B]."""
        return self.offsets.diff()

    @property
    def sequence_of_token(self) -> torch.Tensor:
        """Index of the sequence that each token belongs to, int64[T]."""
        index = torch.arange(len(self.offsets) - 1, device=self.offsets.device)
        return torch.repeat_interleave(index, self.lengths, output_size=len(self.tokens))

    def __len__(self) -> int:
        return len(self.offsets) - 1
