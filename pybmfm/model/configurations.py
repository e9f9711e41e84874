"""Architectures and presets, as configurations of transformers' own classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedConfig,
    PreTrainedModel,
)

from pybmfm.core import UserError, derive_seed
from pybmfm.model.attention import FLAT_ATTENTION
from pybmfm.model.favor import FAVOR, favor_features

DEFAULT_MAX_LENGTH = 2048
# Rotary bases as published; ModernBERT extended to 8,192 tokens with the global one.
GLOBAL_THETA = 160_000.0
LOCAL_THETA = 10_000.0
LONGEST_OF_THETA = 8192


@dataclass(frozen=True)
class Preset:
    """The size of a body."""

    layers: int
    hidden: int
    heads: int
    intermediate: int


@dataclass(frozen=True)
class Layers:
    """What the layers of a ModernBERT see.

    Attributes
    ----------
    first_global
        The first layer, counted from 0, that sees all tokens; every third one after it does too.
    window
        Tokens that a local layer sees, half of them on either side.
    rotary_base
        Rotary base of the local layers; a small one tells neighbouring places better apart.
    """

    first_global: int
    window: int
    rotary_base: float

    def types(self, count: int) -> list[str]:
        """Return the kinds of ``count`` layers by transformers' names."""
        kinds = ("full_attention", "sliding_attention")
        return [kinds[(layer - self.first_global) % 3 != 0] for layer in range(count)]


PUBLISHED_LAYERS = Layers(first_global=0, window=128, rotary_base=LOCAL_THETA)
LOCAL_LAYERS = Layers(first_global=2, window=16, rotary_base=10.0)

PRESETS = {
    "tiny": Preset(2, 128, 4, 192),
    "small": Preset(4, 256, 4, 384),
    "paper": Preset(22, 768, 12, 1152),
}
# The classes that hold them; a Performer is a ModernBERT body with another kind of attention.
ARCHITECTURES: dict[str, Any] = {
    "modernbert": ModernBertForMaskedLM,
    "bert": BertForMaskedLM,
    "performer": ModernBertForMaskedLM,
}


def build_config(
    architecture: str,
    preset: str,
    *,
    vocab_size: int,
    pad_id: int,
    cls_id: int,
    sep_id: int,
    max_length: int = DEFAULT_MAX_LENGTH,
    layers: Layers = PUBLISHED_LAYERS,
) -> PreTrainedConfig:
    """Return the configuration of an architecture at a preset's size.

    ``modernbert`` at ``paper`` is the published encoder: 22 layers of width 768, GeGLU of
    1,152, every third layer global, the others local with a window of 128, rotary bases
    160,000 (global) and 10,000 (local). ``bert`` takes the same sizes with learned positions
    and global attention everywhere. ``performer`` is the ModernBERT body with FAVOR+ attention
    in every layer. None drops out, as in ModernBERT's own pretraining.

    Parameters
    ----------
    architecture
        ``"modernbert"``, ``"bert"`` or ``"performer"``.
    preset
        ``"tiny"``, ``"small"`` or ``"paper"``.
    vocab_size, pad_id, cls_id, sep_id
        The tokenizer's.
    max_length
        Longest sequence in tokens. Beyond 8,192, as far as ModernBERT's rotary bases were made
        for, the global one grows in proportion.
    layers
        What the layers of a ModernBERT see; the published ones by default.

    Raises
    ------
    UserError
        If the architecture or the preset is unknown.
    """
    if preset not in PRESETS:
        raise UserError(f"unknown preset '{preset}'", remedy=f"use one of {', '.join(PRESETS)}")
    size = PRESETS[preset]
    common: dict[str, Any] = {
        "vocab_size": vocab_size,
        "num_hidden_layers": size.layers,
        "hidden_size": size.hidden,
        "num_attention_heads": size.heads,
        "intermediate_size": size.intermediate,
        "max_position_embeddings": max_length,
        "pad_token_id": pad_id,
        "bos_token_id": cls_id,
        "eos_token_id": sep_id,
        "cls_token_id": cls_id,
        "sep_token_id": sep_id,
    }
    if architecture in ("modernbert", "performer"):
        return _modernbert(common, architecture == "performer", size, layers)
    if architecture == "bert":
        return BertConfig(**common, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    raise UserError(
        f"unknown architecture '{architecture}'", remedy=f"use one of {', '.join(ARCHITECTURES)}"
    )


def architecture_of(config: PreTrainedConfig) -> str:
    """Name the architecture of a configuration, a key of ``ARCHITECTURES``."""
    return "performer" if getattr(config, "attention_kernel", None) == FAVOR else config.model_type


def modernbert_rope(max_length: int, local_base: float = LOCAL_THETA) -> Any:
    """Return ModernBERT's rotary bases for sequences of up to ``max_length`` tokens."""
    theta = GLOBAL_THETA * max(1.0, max_length / LONGEST_OF_THETA)
    return {
        "full_attention": {"rope_type": "default", "rope_theta": theta},
        "sliding_attention": {"rope_type": "default", "rope_theta": local_base},
    }


def _modernbert(
    common: dict[str, Any], performer: bool, size: Preset, layers: Layers
) -> PreTrainedConfig:
    more: dict[str, Any] = {}
    if performer:
        more = {
            "global_attn_every_n_layers": 1,
            "attention_kernel": FAVOR,
            "favor_features": favor_features(size.hidden // size.heads),
            "favor_seed": 0,
        }
    else:
        more = {"layer_types": layers.types(size.layers)}
    return ModernBertConfig(
        **common,
        **more,
        rope_parameters=modernbert_rope(common["max_position_embeddings"], layers.rotary_base),
        local_attention=layers.window,
        classifier_pooling="mean",
        deterministic_flash_attn=True,
    )


def build_model(config: PreTrainedConfig, seed: int = 0) -> PreTrainedModel:
    """Return a masked language model with fresh float32 weights drawn from ``seed``.

    The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        model: PreTrainedModel = ARCHITECTURES[config.model_type](config)
    model.set_attn_implementation(FLAT_ATTENTION)
    return model
