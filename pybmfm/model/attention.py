"""Attention over flat batches, plugged into transformers' own model classes.

The model's forward is called with batch dimension 1, restarted positions and a `FlatLayout` in
its keyword arguments, which transformers hands down to the attention function. No token ever
sees another sequence's tokens, and nothing is spent on padding.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface

from pybmfm.model.favor import FAVOR, favor_attention, layer_directions
from pybmfm.model.flat import FlatBatch

try:  # newer than our lower bound of torch promises; only useful on a GPU
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # pragma: no cover
    varlen_attn = None  # type: ignore[assignment]

try:  # takes torch's place where that is too old
    from flash_attn import flash_attn_varlen_func  # type: ignore[import-not-found]
except ImportError:
    flash_attn_varlen_func = None

FLAT_ATTENTION = "pybmfm_flat"
HALF = (torch.float16, torch.bfloat16)


class FlatLayout:
    """Where the sequences of a flat batch lie, worked out once and shared by all layers."""

    def __init__(self, batch: FlatBatch) -> None:
        self.sequence_of_token = batch.sequence_of_token
        self.bounds: list[int] = batch.offsets.tolist()
        self.lengths = [end - start for start, end in pairwise(self.bounds)]
        self.offsets = batch.offsets.to(torch.int32)
        # How many neighbouring sequences are equally long, and how long: they are one batch.
        self.runs = [(len(list(run)), length) for length, run in groupby(self.lengths)]
        self._masks: dict[int, torch.Tensor] = {}

    def local_mask(self, window: int) -> torch.Tensor:
        """Say which keys each query may see where ``|i - j| < window`` within its sequence.

        Queries come in blocks of ``window``; a block's keys are its own tokens and ``window``
        more on either side.

        Returns
        -------
        torch.Tensor
            bool[blocks, 1, window, 3 * window].
        """
        if window not in self._masks:
            owner = self.sequence_of_token
            spare = -len(owner) % window
            queries = pad(owner, (0, spare), value=-1).view(-1, window)
            keys = _with_neighbours(owner, window, spare, value=-1)
            # Key k of a block lies `k - window` places after the block's first query.
            distance = torch.arange(3 * window, device=owner.device)[None, :] - window
            distance = distance - torch.arange(window, device=owner.device)[:, None]
            # Places behind the end see each other, so that no row of the softmax is empty.
            seen = (queries[:, :, None] == keys[:, None, :]) & (distance.abs() < window)
            self._masks[window] = seen[:, None]
        return self._masks[window]


def flat_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001  (transformers' calling convention)
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    flat: FlatLayout | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within each sequence of a flat batch: exact, or FAVOR+ where the model says so.

    Parameters
    ----------
    module
        The attention layer; its configuration chooses the kind.
    query, key, value
        [1, heads, T, head size].
    sliding_window
        Local layers keep ``|i - j| < sliding_window``; None is a global layer.
    flat
        The batch's layout, from `hidden_states`.

    Returns
    -------
    tuple
        [1, T, heads, head size], and None in the place of the attention weights.
    """
    if flat is None:
        raise RuntimeError(
            "this model computes over flat batches: call pybmfm.model.hidden_states, or "
            "model.set_attn_implementation('sdpa') for padded input"
        )
    if getattr(module.config, "attention_kernel", None) == FAVOR:
        directions = layer_directions(module, query)
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        mixed = favor_attention(query, key, value, directions, scale, flat.bounds)
        return mixed.transpose(1, 2).contiguous(), None
    has_kernel = varlen_attn is not None or flash_attn_varlen_func is not None
    on_gpu = query.is_cuda and query.dtype in HALF and has_kernel
    if on_gpu and dropout == 0.0:
        return _fused(query, key, value, scaling, sliding_window, flat), None
    if sliding_window is not None and max(flat.lengths) > sliding_window:
        mixed = _local(query, key, value, scaling, dropout, sliding_window, flat)
    else:
        mixed = _per_sequence(query, key, value, scaling, dropout, flat)
    return mixed.transpose(1, 2).contiguous(), None


def _fused(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    window: int | None,
    flat: FlatLayout,
) -> torch.Tensor:
    """One variable-length kernel call on a GPU."""
    reach = -1 if window is None else window - 1
    longest = max(flat.lengths)
    q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
    bounds = (flat.offsets, flat.offsets, longest, longest)
    if varlen_attn is None:
        mixed = flash_attn_varlen_func(
            q, k, v, *bounds, softmax_scale=scaling, window_size=(reach, reach)
        )
    else:
        mixed = varlen_attn(q, k, v, *bounds, scale=scaling, window_size=(reach, reach))
    return mixed.unsqueeze(0)  # type: ignore[union-attr]


def _per_sequence(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    dropout: float,
    flat: FlatLayout,
) -> torch.Tensor:
    sizes = [count * length for count, length in flat.runs]
    parts = (torch.split(part[0], sizes, dim=1) for part in (query, key, value))
    mixed = []
    for run, *one in zip(flat.runs, *parts, strict=True):
        # [heads, sequences, places, head size]: sequences become the batch dimension.
        q, k, v = (_cut(part, 1, run).transpose(0, 1) for part in one)
        out = scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        mixed.append(out.transpose(0, 1).flatten(1, 2))
    return torch.cat(mixed, dim=1)[None]


def _local(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    dropout: float,
    window: int,
    flat: FlatLayout,
) -> torch.Tensor:
    """Local attention in blocks over the whole batch: the cost grows with T alone."""
    total = query.shape[2]
    spare = -total % window
    queries = _cut(pad(query[0], (0, 0, 0, spare)), 1, (-1, window))
    keys, values = (_with_neighbours(part[0], window, spare) for part in (key, value))
    # [heads, blocks, places, head size]: blocks become the batch dimension.
    q, k, v = (part.transpose(0, 1) for part in (queries, keys, values))
    mixed = scaled_dot_product_attention(
        q, k, v, attn_mask=flat.local_mask(window), dropout_p=dropout, scale=scaling
    )
    return mixed.transpose(0, 1).flatten(1, 2)[None, :, :total]


def _cut(part: torch.Tensor, dim: int, sizes: tuple[int, int]) -> torch.Tensor:
    """Make two dimensions of one."""
    return part.unflatten(dim, sizes)  # type: ignore[no-untyped-call,no-any-return]


def _with_neighbours(
    part: torch.Tensor, window: int, spare: int, value: float = 0.0
) -> torch.Tensor:
    """Give every block of ``window`` places the blocks on either side.

    Parameters
    ----------
    part
        [T], or [heads, T, head size].
    spare
        Places after T that fill the last block.

    Returns
    -------
    torch.Tensor
        [blocks, 3 * window], or [heads, blocks, 3 * window, head size].
    """
    places = 0 if part.ndim == 1 else 1
    around = (0, 0) * (part.ndim - 1 - places) + (window, window + spare)
    blocks = _cut(pad(part, around, value=value), places, (-1, window))
    count = blocks.shape[places] - 2
    shifted = [blocks.narrow(places, first, count) for first in range(3)]
    # Joining slices costs less than `unfold`, whose backward adds up element by element.
    return torch.cat(shifted, dim=places + 1)


AttentionInterface.register(FLAT_ATTENTION, flat_attention)
