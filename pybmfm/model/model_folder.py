"""What is looked at in a model's folder before any of it is built: it may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from pybmfm.core import UserError
from pybmfm.core.names import shortened
from pybmfm.core.ownership import read_json_object

CONFIG = "config.json"
# transformers would load it through peft, and compute another model than the weights are.
ADAPTER = "adapter_config.json"
# The most of what a configuration may ask for, far above any encoder of DNA.
LARGEST = {
    "num_hidden_layers": 1_000,
    "num_attention_heads": 1_024,
    "hidden_size": 65_536,
    "intermediate_size": 1 << 20,
    "vocab_size": 1 << 24,
    "max_position_embeddings": 1 << 24,
    "type_vocab_size": 1 << 16,
    "embedding_size": 65_536,
    "alibi_starting_size": 1 << 24,
    "local_attention": 1 << 24,
    "global_attn_every_n_layers": 1_000,
    "favor_features": 65_536,
}
# Types that use one layer's weights again in all.
SHARED_LAYERS = ("albert",)
# How far the estimate may lie above what the weights hold: heads and buffers may be left out.
SLACK = 4


def read_model_config(folder: str | Path) -> dict[str, Any]:
    """Read a model's ``config.json``, and refuse a folder that holds more or less than it says.

    Raises
    ------
    UserError
        If there is no configuration, it is no JSON object, a size in it is no number that a
        model can have, the weights are much smaller than the model, or an adapter lies beside
        them.
    """
    folder = Path(folder)
    if (folder / ADAPTER).exists():
        raise UserError(
            f"holds {ADAPTER}, which would change the model that the weights are",
            file=folder,
            remedy="merge the adapter into the weights, or move it out of the folder",
        )
    if not (folder / CONFIG).is_file():
        raise UserError(f"has no {CONFIG}", file=folder, remedy="give a checkpoint folder")
    config = read_json_object(folder / CONFIG, numbers_only=True)
    for name, largest in LARGEST.items():
        _check_size(folder / CONFIG, name, config.get(name), largest)
    _check_weights(folder, config)
    return config


def _check_size(path: Path, name: str, value: object, largest: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= largest:
        raise UserError(
            f"gives {name} as {shortened(json.dumps(value))}",
            file=path,
            remedy=f"it must be a whole number from 1 to {largest:,}; copy the model again",
        )


def _check_weights(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a configuration of a model that is many times larger than its weights."""
    held = sum(map(_numbers_in, _weight_files(folder)))
    needed = _estimate(config)
    if held and needed > SLACK * held:
        raise UserError(
            f"describes a model of about {needed:,} parameters, and the weights beside it hold "
            f"{held:,} numbers",
            file=folder / CONFIG,
            remedy="copy the model again",
        )


def _estimate(config: Mapping[str, Any]) -> int:
    """Count what every encoder has at the least: embeddings, one square matrix in each layer."""
    hidden = int(config.get("hidden_size") or 0)
    width = int(config.get("embedding_size") or hidden)
    layers = int(config.get("num_hidden_layers") or 0)
    if config.get("model_type") in SHARED_LAYERS:
        layers = min(layers, 1)
    inner = int(config.get("intermediate_size") or 0)
    body = layers * hidden * (hidden + inner)
    return int(config.get("vocab_size") or 0) * width + body


def _weight_files(folder: Path) -> Iterator[Path]:
    for pattern in ("model*.safetensors", "pytorch_model*.bin"):
        found = [path for path in folder.glob(pattern) if path.is_file()]
        if found:
            yield from found
            return


def _numbers_in(path: Path) -> int:
    """Count the numbers in a file of weights by its header; at most its bytes where it has none."""
    if path.suffix != ".safetensors":
        return path.stat().st_size
    try:
        with safe_open(path, framework="pt") as weights:
            names = weights.keys()
            return sum(prod(weights.get_slice(name).get_shape()) for name in names)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"cannot be loaded ({str(error).strip().partition(chr(10))[0].rstrip('.')})",
            file=path,
            remedy="make or copy the checkpoint again",
        ) from error
