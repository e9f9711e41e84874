"""One vector per sequence from the hidden states of its tokens."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from pybmfm.model.flat import FlatBatch

POOLINGS = ("mean", "cls", "max", "parts")
PARTS = 8


def pool(
    states: torch.Tensor, batch: FlatBatch, pooling: str, special_ids: Iterable[int]
) -> torch.Tensor:
    """Pool hidden states, float[T, hidden], sequence by sequence.

    Parameters
    ----------
    pooling
        ``mean`` or ``max`` over the tokens that are not special; ``cls``: the first token; or
        ``parts``: the mean, and what the means of ``PARTS`` stretches of as many tokens each
        differ from it, over ``PARTS``, side by side: they say roughly where in the sequence
        something stands.
    special_ids
        Ids of the tokens that stand for no nucleotide.

    Returns
    -------
    torch.Tensor
        float32[B, hidden], and float32[B, (1 + PARTS) * hidden] for ``parts``; zeros where there
        is no token to pool.
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
    mean = sums / counts.clamp(min=1)
    return _with_parts(mean, states, batch, real) if pooling == "parts" else mean


def pooled_width(pooling: str, hidden: int) -> int:
    """Return the width of what `pool` returns for states of width ``hidden``."""
    return (1 + PARTS) * hidden if pooling == "parts" else hidden


def _with_parts(
    mean: torch.Tensor, states: torch.Tensor, batch: FlatBatch, real: torch.Tensor
) -> torch.Tensor:
    sequences = len(batch.offsets) - 1
    lengths = batch.offsets.diff()
    row = torch.repeat_interleave(torch.arange(sequences, device=states.device), lengths)[real]
    counts = torch.bincount(row, minlength=sequences)
    place = torch.arange(len(row), device=states.device) - (counts.cumsum(0) - counts)[row]
    part = row * PARTS + place * PARTS // counts[row]
    in_part = torch.bincount(part, minlength=sequences * PARTS)
    sums = torch.segment_reduce(states[real].float(), "sum", lengths=in_part)
    means = (sums / in_part.clamp(min=1)[:, None]).reshape(sequences, PARTS, -1)
    there = in_part.reshape(sequences, PARTS, 1) > 0
    # Small, so that few rows do not learn noise of the parts before what the whole says.
    differences = (means - mean[:, None]) * there / PARTS
    return torch.cat([mean[:, None], differences], 1).flatten(1)


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
