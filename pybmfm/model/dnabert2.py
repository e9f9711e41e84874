"""DNABERT-2's encoder, without its remote code: a BERT with ALiBi and gated feed-forward layers.

Zhou et al., "DNABERT-2" (2024), which follows Portes et al., "MosaicBERT" (2023): no position
embeddings, attention biased by distance (Press et al. 2022, here the same to both sides), one
projection for query, key and value, GEGLU in the place of the feed-forward layer, layer norms
after each addition. Module names are those of the published weights.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention
from transformers import BertConfig, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

MODEL_TYPE = "dnabert2"
_SHARED = "bert.embeddings.word_embeddings.weight"


class Dnabert2Config(BertConfig):  # type: ignore[no-untyped-call]
    """A BERT's configuration under a name of its own, so that no BERT is ever built from it."""

    model_type = MODEL_TYPE


def is_dnabert2(config: dict[str, Any]) -> bool:
    """Whether a ``config.json`` is DNABERT-2's: a BERT with ALiBi as published, or as saved."""
    published = config.get("model_type") == "bert" and "alibi_starting_size" in config
    return published or config.get("model_type") == MODEL_TYPE


def alibi_slopes(heads: int) -> list[float]:
    """Return each head's slope: a geometric row, filled up from the row of twice as many heads."""
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2.0 ** (-8.0 * (head + 1) / power) for head in range(power)]
    return slopes + [2.0 ** (-8.0 * (2 * h + 1) / (2 * power)) for h in range(heads - power)]


class _Embeddings(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        states = self.word_embeddings(input_ids) + self.token_type_embeddings.weight[0]
        dropped: torch.Tensor = self.dropout(self.LayerNorm(states))
        return dropped


class _SelfAttention(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.drop = config.attention_probs_dropout_prob
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        rows, length, hidden = states.shape
        joined = self.Wqkv(states).view(rows, length, 3, self.heads, hidden // self.heads)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=bias.to(query.dtype),
            dropout_p=self.drop if self.training else 0.0,
        )
        return mixed.transpose(1, 2).reshape(rows, length, hidden)


class _Output(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, states: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.LayerNorm(self.dropout(self.dense(states)) + residual)
        return normed


class _Attention(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.self = _SelfAttention(config)
        self.output = _Output(config)

    def forward(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.output(self.self(states, bias), states)
        return mixed


class _GatedMlp(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        gate, value = self.gated_layers(states).chunk(2, dim=-1)
        mixed: torch.Tensor = self.layernorm(self.wo(self.dropout(gelu(gate) * value)) + states)
        return mixed


class _Layer(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.mlp = _GatedMlp(config)

    def forward(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.mlp(self.attention(states, bias))
        return mixed


class _Encoder(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList([_Layer(config) for _ in range(config.num_hidden_layers)])


class _Dnabert2(PreTrainedModel):  # type: ignore[no-untyped-call]
    config_class = Dnabert2Config
    base_model_prefix = "bert"
    _supports_sdpa = True

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


class Dnabert2Model(_Dnabert2):  # type: ignore[no-untyped-call]
    """The body.

    Parameters
    ----------
    config
        Of `Dnabert2Config`.
    """

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.slopes = alibi_slopes(config.num_attention_heads)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """Return the embeddings of tokens."""
        return self.embeddings.word_embeddings

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> BaseModelOutput:
        """Compute hidden states.

        Parameters
        ----------
        input_ids, attention_mask
            int64[B, L], padded on the right; 1 marks tokens.
        """
        states = self.embeddings(input_ids)
        bias = self._bias(attention_mask)
        for layer in self.encoder.layer:
            states = layer(states, bias)
        return BaseModelOutput(last_hidden_state=states)

    def _bias(self, attention_mask: torch.Tensor) -> torch.Tensor:
        """Fall with the distance, and shut padding out; float32[B, heads, L, L]."""
        place = torch.arange(attention_mask.shape[1], device=attention_mask.device)
        distance = (place[None, :] - place[:, None]).abs()
        slopes = torch.tensor(self.slopes, device=attention_mask.device)
        bias = -slopes[:, None, None] * distance
        return bias.masked_fill(attention_mask[:, None, None, :] == 0, -torch.inf)


class _Transform(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.LayerNorm(gelu(self.dense(states)))
        return normed


class _Predictions(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.transform = _Transform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)


class _MaskedHead(nn.Module):
    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.predictions = _Predictions(config)


class Dnabert2ForMaskedLM(_Dnabert2):  # type: ignore[no-untyped-call]
    """The body with the head that predicts masked tokens; it shares the token embeddings.

    Parameters
    ----------
    config
        Of `Dnabert2Config`.
    """

    _tied_weights_keys = {"cls.predictions.decoder.weight": _SHARED}  # noqa: RUF012

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.bert = Dnabert2Model(config)
        self.cls = _MaskedHead(config)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_output_embeddings(self) -> nn.Module:
        """Return the layer that shares the embeddings."""
        return self.cls.predictions.decoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits, float[B, L, vocabulary]; arguments as of the body."""
        states = self.bert(input_ids, attention_mask).last_hidden_state
        predictions = self.cls.predictions
        logits: torch.Tensor = predictions.decoder(predictions.transform(states))
        return logits
