"""Hidden states from models that need padded batches: the flat batch is padded and cut again."""

from __future__ import annotations

from typing import Any

import torch

from pybmfm.model.flat import FlatBatch


def padded_states(body: Any, batch: FlatBatch) -> torch.Tensor:
    """Run a body that takes ``input_ids`` and ``attention_mask`` over the sequences of a batch.

    Parameters
    ----------
    body
        An encoder of transformers, or one called alike.

    Returns
    -------
    torch.Tensor
        float[T, hidden], the states of the real tokens, in the order of the flat batch.
    """
    lengths = batch.lengths
    shape = (len(batch), int(lengths.max()))
    mask = torch.arange(shape[1], device=lengths.device)[None, :] < lengths[:, None]
    # Some models find positions by the padding id, so it has to be theirs.
    pad = getattr(body.config, "pad_token_id", None) or 0
    ids = torch.full(shape, pad, dtype=batch.tokens.dtype, device=batch.tokens.device)
    ids[mask] = batch.tokens
    states = body(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    flat: torch.Tensor = states[mask]
    return flat
