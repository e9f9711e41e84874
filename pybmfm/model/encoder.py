"""What is computed from a flat batch: hidden states, logits at chosen places, embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from transformers import BertForMaskedLM, PreTrainedModel

from pybmfm.core import UserError
from pybmfm.model.attention import FLAT_ATTENTION, FlatLayout
from pybmfm.model.flat import FlatBatch
from pybmfm.model.padded import padded_states
from pybmfm.model.pooling import mean_of_windows, pool, pooled_width

# Model types of transformers that hand our attention what it needs; the others are padded.
FLAT_TYPES = ("modernbert", "bert")


def hidden_states(model: PreTrainedModel, batch: FlatBatch) -> torch.Tensor:
    """Run the body over a flat batch; every sequence is computed as if it were alone.

    Parameters
    ----------
    model
        An encoder with or without a head, on the batch's device. ModernBERT and BERT are
        computed without padding, others on a padded copy of the batch.
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
    if body.config.model_type not in FLAT_TYPES:
        return padded_states(body, batch)
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


def pooled_embeddings(
    model: PreTrainedModel, batch: FlatBatch, special_ids: Iterable[int]
) -> torch.Tensor:
    """Average each sequence's hidden states over its tokens without the special ones.

    Parameters
    ----------
    special_ids
        Those of the tokenizer: configurations of others may not name them.

    Returns
    -------
    torch.Tensor
        float32[B, hidden]; zeros for a sequence of specials only.
    """
    return pool(hidden_states(model, batch), batch, "mean", special_ids)


class SequenceModel(nn.Module):
    """An encoder, pooling over the tokens of a sequence and a linear head.

    Parameters
    ----------
    model
        The pretrained (or fresh) model; only its body is used.
    outputs
        Number of classes or values.
    pooling
        One of `POOLINGS`.
    dropout
        Share of the pooled embedding dropped while training.
    special_ids
        Tokens that poolings leave out.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        outputs: int,
        *,
        pooling: str = "mean",
        dropout: float = 0.0,
        special_ids: Iterable[int],
    ) -> None:
        super().__init__()
        self.encoder: Any = model.base_model
        self.pooling = pooling
        self.special_ids = tuple(special_ids)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(pooled_width(pooling, model.config.hidden_size), outputs)
        nn.init.trunc_normal_(self.head.weight, std=0.02, a=-0.04, b=0.04)
        nn.init.zeros_(self.head.bias)

    def embed(self, batch: FlatBatch, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Return the embedding of each row, float32[B, width]: the mean of its windows'.

        Parameters
        ----------
        batch
            Windows, those of a row next to each other.
        rows
            int64[B + 1], where each row's windows start in the batch; None: one window each.
        """
        states = hidden_states(self.encoder, batch)
        pooled = pool(states, batch, self.pooling, self.special_ids)
        return pooled if rows is None else mean_of_windows(pooled, rows)

    def classify(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return logits or values, float32[B, outputs].

        The head is computed in float32 in any case: half precision would make scores equal
        that are not.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            outputs: torch.Tensor = self.head(self.dropout(embeddings.float()))
        return outputs

    def forward(self, batch: FlatBatch, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits or values of rows, float32[B, outputs]."""
        return self.classify(self.embed(batch, rows))


def _check_length(config: Any, longest: int) -> None:
    if config.model_type == "bert" and longest > config.max_position_embeddings:
        raise UserError(
            f"a sequence of {longest:,} tokens is longer than this BERT's "
            f"{config.max_position_embeddings:,} learned positions",
            remedy="give shorter sequences, or pretrain with a larger --max-length",
        )
