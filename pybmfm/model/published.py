"""The published BMFM-DNA checkpoints as ModernBERT folders that plain transformers loads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import ModernBertConfig, ModernBertForMaskedLM

from pybmfm.core import UserError
from pybmfm.model.attention import FLAT_ATTENTION
from pybmfm.model.checkpoints import save_checkpoint
from pybmfm.model.configurations import DEFAULT_MAX_LENGTH, modernbert_rope
from pybmfm.model.lightning import read_lightning_weights

if TYPE_CHECKING:
    from pybmfm.tokenizer import DnaTokenizer

HEAD_SIZE = 64  # 12 heads at a width of 768, as published; the weights do not say

_BODY = r"(?:model\.)*scmodernbert\."
_HEAD = r"(?:model\.)*cls\.predictions\."
_SIDES = r"(weight|bias)"
# Names of the reference's tensors, and of transformers' ModernBERT.
_RULES = [
    (rf"{_BODY}embeddings\.\w+_embeddings\.weight", "model.embeddings.tok_embeddings.weight"),
    (rf"{_BODY}embeddings\.LayerNorm\.{_SIDES}", r"model.embeddings.norm.\1"),
    (rf"{_BODY}layers\.(\d+)\.(attn|mlp)_norm\.{_SIDES}", r"model.layers.\1.\2_norm.\3"),
    (rf"{_BODY}layers\.(\d+)\.attn\.(Wqkv|Wo)\.weight", r"model.layers.\1.attn.\2.weight"),
    (rf"{_BODY}layers\.(\d+)\.mlp\.(Wi|Wo)\.weight", r"model.layers.\1.mlp.\2.weight"),
    (rf"{_BODY}final_norm\.{_SIDES}", r"model.final_norm.\1"),
    (rf"{_HEAD}transform\.dense\.{_SIDES}", r"head.dense.\1"),
    (rf"{_HEAD}transform\.LayerNorm\.{_SIDES}", r"head.norm.\1"),
    (rf"{_HEAD}decoder\.(?:field_decoders\.)?\w+\.{_SIDES}", r"decoder.\1"),
]
_POOLER = re.compile(rf"{_BODY}pooler\..+")  # of classification; masked models do not use it
_EMBEDDINGS = "model.embeddings.tok_embeddings.weight"


def import_published(
    checkpoint: Path,
    tokenizer: DnaTokenizer,
    out: Path,
    *,
    encoding: str,
    max_length: int = DEFAULT_MAX_LENGTH,
) -> None:
    """Write the weights of a published Lightning checkpoint as a checkpoint folder of ours.

    Parameters
    ----------
    checkpoint
        The ``.ckpt`` file; nothing in it is executed, see `pybmfm.model.lightning`.
    tokenizer
        The tokenizer that it was trained with.
    out
        Folder to write.
    encoding
        ``"ref"``, ``"snp"`` or ``"mixed"``: what it was trained on.
    max_length
        Longest sequence in tokens.

    Raises
    ------
    UserError
        If the checkpoint has another layout, or does not fit the tokenizer.
    """
    weights = _renamed(read_lightning_weights(checkpoint), checkpoint)
    config = _config(weights, tokenizer, checkpoint, max_length)
    with torch.device("meta"):
        expected = ModernBertForMaskedLM(config).state_dict()
    _check_complete(weights, expected, checkpoint)
    model = ModernBertForMaskedLM(config)
    model.load_state_dict({**{n: torch.zeros(t.shape) for n, t in expected.items()}, **weights})
    model.set_attn_implementation(FLAT_ATTENTION)
    save_checkpoint(
        out,
        model.float(),  # type: ignore[no-untyped-call]
        tokenizer,
        {
            "encoding": encoding,
            "inputs": [checkpoint, tokenizer.folder],
            "settings": {"max_length": max_length},
            "notes": ["The weights of a published Lightning checkpoint, imported unchanged."],
        },
    )


def _renamed(weights: Mapping[str, torch.Tensor], file: Path) -> dict[str, torch.Tensor]:
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        target = _target(name)
        if target is None:
            if _POOLER.fullmatch(name):
                continue
            raise _unknown(file, f"tensor {name} has no place in a ModernBERT")
        if target in renamed:
            raise _unknown(file, f"two tensors claim the place {target}")
        renamed[target] = tensor
    return renamed


def _target(name: str) -> str | None:
    for pattern, target in _RULES:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(target)
    return None


def _config(
    weights: Mapping[str, torch.Tensor], tokenizer: DnaTokenizer, file: Path, max_length: int
) -> ModernBertConfig:
    layers = {int(name.split(".")[2]) for name in weights if name.startswith("model.layers.")}
    if _EMBEDDINGS not in weights or "model.layers.0.mlp.Wo.weight" not in weights:
        raise _unknown(file, "it lacks the embeddings or the first layer of a ModernBERT")
    vocab_size, hidden = weights[_EMBEDDINGS].shape
    if vocab_size != tokenizer.vocab_size:
        raise UserError(
            f"has {vocab_size:,} token embeddings, the tokenizer {tokenizer.vocab_size:,} tokens",
            file=file,
            remedy="give the tokenizer that was published with it",
        )
    return ModernBertConfig(
        vocab_size=vocab_size,
        hidden_size=hidden,
        num_hidden_layers=max(layers) + 1,
        num_attention_heads=max(1, hidden // HEAD_SIZE),
        intermediate_size=weights["model.layers.0.mlp.Wo.weight"].shape[1],
        max_position_embeddings=max_length,
        rope_parameters=modernbert_rope(max_length),
        local_attention=128,
        norm_bias=True,
        classifier_bias=True,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad,
        bos_token_id=tokenizer.cls,
        eos_token_id=tokenizer.sep,
        cls_token_id=tokenizer.cls,
        sep_token_id=tokenizer.sep,
    )


def _check_complete(
    weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], file: Path
) -> None:
    for name, tensor in weights.items():
        if name not in expected or expected[name].shape != tensor.shape:
            raise _unknown(file, f"tensor {name} has the shape {tuple(tensor.shape)}")
    for name in expected:
        # A norm without bias adds nothing: zeros say the same.
        if name not in weights and not ("norm" in name and name.endswith(".bias")):
            raise _unknown(file, f"it lacks the tensor {name}")


def _unknown(file: Path, what: str) -> UserError:
    return UserError(
        f"is not laid out as the published ModernBERT checkpoints: {what}",
        file=file,
        remedy="give a published masked language model; weights are never loaded in part",
    )
