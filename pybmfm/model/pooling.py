"""One vector per sequence from the hidden states of its tokens."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from pybmfm.model.flat import FlatBatch

POOLINGS = ("mean", "cls", "max")


def pool(
    states: torch.Tensor, batch: FlatBatch, pooling: str, special_ids: Iterable[int]
) -> torch.Tensor:
    """Pool hidden states, float[T, hidden], sequence by sequence.

    Parameters
    ----------
    pooling
        ``mean`` or ``max`` over the tokens that are not special, or ``cls``: the first token.
    special_ids
        Ids of the tokens that stand for no nucleotide.

    Returns
    -------
    torch.Tensor
        float32[B, hidden]; for mean and max, zeros for a sequence of specials only.
    """
    if pooling == "cls":
        return states[batch.offsets[:-1]].float()
    real = torch.ones_like(batch.tokens, dtype=torch.bool)
    for special in special_ids:
        real &= batch.tokens != special
    counts = torch.segment_reduce(real.float(), "sum", offsets=batch.offsets)[:, None]
    if pooling == "max":
        highest = torch.segment_reduce(
            states.float().masked_fill(~real[:, None], -torch.inf), "max", offsets=batch.offsets
        )
        return torch.where(counts > 0, highest, torch.zeros_like(highest))
    sums = torch.segment_reduce(states.float() * real[:, None], "sum", offsets=batch.offsets)
    return sums / counts.clamp(min=1)


def mean_of_windows(vectors: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    """Average the vectors of each row's windows.

    Parameters
    ----------
    vectors
        float[W, hidden], the windows of a row next to each other.
    bounds
        int64[B + 1], where each row's windows start; the last one is W.

    Returns
    -------
    torch.Tensor
        float[B, hidden].
    """
    if len(bounds) == len(vectors) + 1:
        return vectors
    return torch.segment_reduce(vectors, "mean", offsets=bounds)
