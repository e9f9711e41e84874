"""Architectures, attention over flat batches, heads, checkpoints that transformers loads."""

from pybmfm.model.checkpoints import load_checkpoint, load_model, save_checkpoint
from pybmfm.model.configurations import (
    ARCHITECTURES,
    DEFAULT_MAX_LENGTH,
    PRESETS,
    architecture_of,
    build_config,
    build_model,
)
from pybmfm.model.encoder import SequenceModel, hidden_states, masked_lm_logits, pooled_embeddings
from pybmfm.model.flat import FlatBatch
from pybmfm.model.lightning import read_lightning_weights
from pybmfm.model.published import import_published

__all__ = [
    "ARCHITECTURES",
    "DEFAULT_MAX_LENGTH",
    "PRESETS",
    "FlatBatch",
    "SequenceModel",
    "architecture_of",
    "build_config",
    "build_model",
    "hidden_states",
    "import_published",
    "load_checkpoint",
    "load_model",
    "masked_lm_logits",
    "pooled_embeddings",
    "read_lightning_weights",
    "save_checkpoint",
]
