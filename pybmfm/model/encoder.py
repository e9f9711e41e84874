"""What is computed from a flat batch: hidden states, logits at chosen places, embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import BertForMaskedLM, PreTrainedModel

from pybmfm.core import UserError
from pybmfm.model.attention import FLAT_ATTENTION, FlatLayout
from pybmfm.model.flat import FlatBatch


def hidden_states(model: PreTrainedModel, batch: FlatBatch) -> torch.Tensor:
    """Run the body over a flat batch; every sequence is computed as if it were alone.

    Parameters
    ----------
    model
        A ModernBERT or BERT of transformers, with or without a head; on the batch's device.
    batch
        Sequences with their specials.

    Returns
    -------
    torch.Tensor
        float[T, hidden].

    Raises
    ------
    UserError
        If a sequence is longer than the learned positions of a BERT reach.
    """
    body: Any = model.base_model
    if body.config._attn_implementation != FLAT_ATTENTION:
        model.set_attn_implementation(FLAT_ATTENTION)
    layout = FlatLayout(batch)
    _check_length(body.config, max(layout.lengths))
    states: torch.Tensor = body(
        input_ids=batch.tokens[None], position_ids=batch.positions[None], flat=layout
    ).last_hidden_state
    return states[0]


def masked_lm_logits(model: Any, hidden_at_places: torch.Tensor) -> torch.Tensor:
    """Turn hidden states at chosen places, float[n, hidden], into logits, float[n, vocab].

    Computing them only where a token was masked saves most of the head's work.
    """
    if isinstance(model, BertForMaskedLM):
        logits: torch.Tensor = model.cls(hidden_at_places)
    else:
        logits = model.decoder(model.head(hidden_at_places))
    return logits


def pooled_embeddings(model: PreTrainedModel, batch: FlatBatch) -> torch.Tensor:
    """Average each sequence's hidden states over its tokens without [CLS], [SEP] and [PAD].

    Returns
    -------
    torch.Tensor
        float[B, hidden]; zeros for a sequence of specials only.
    """
    config = model.config
    specials = (config.pad_token_id, config.cls_token_id, config.sep_token_id)
    real = torch.ones_like(batch.tokens, dtype=torch.bool)
    for special in specials:
        real &= batch.tokens != special
    states = hidden_states(model, batch).float() * real[:, None]
    counts = torch.segment_reduce(real.float(), "sum", offsets=batch.offsets)
    sums = torch.segment_reduce(states, "sum", offsets=batch.offsets)
    return sums / counts.clamp(min=1)[:, None]


class SequenceModel(nn.Module):
    """An encoder, mean pooling over the real tokens and a linear head.

    Parameters
    ----------
    model
        The pretrained (or fresh) model; only its body is used.
    outputs
        Number of classes or values.
    dropout
        Share of the pooled embedding dropped while training.
    """

    def __init__(self, model: PreTrainedModel, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder: Any = model.base_model
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(model.config.hidden_size, outputs)
        nn.init.trunc_normal_(self.head.weight, std=0.02, a=-0.04, b=0.04)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: FlatBatch) -> torch.Tensor:
        """Return logits or values, float[B, outputs]."""
        outputs: torch.Tensor = self.head(self.dropout(pooled_embeddings(self.encoder, batch)))
        return outputs


def _check_length(config: Any, longest: int) -> None:
    if config.model_type == "bert" and longest > config.max_position_embeddings:
        raise UserError(
            f"a sequence of {longest:,} tokens is longer than this BERT's "
            f"{config.max_position_embeddings:,} learned positions",
            remedy="give shorter sequences, or pretrain with a larger --max-length",
        )
