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
from pybmfm.model.finetuned import FinetunedModel, HeadFacts, load_finetuned, save_finetuned
from pybmfm.model.flat import FlatBatch
from pybmfm.model.foreign import Encoder, load_encoder
from pybmfm.model.lightning import read_lightning_weights
from pybmfm.model.pooling import POOLINGS
from pybmfm.model.published import import_published

__all__ = [
    "ARCHITECTURES",
    "DEFAULT_MAX_LENGTH",
    "POOLINGS",
    "PRESETS",
    "Encoder",
    "FinetunedModel",
    "FlatBatch",
    "HeadFacts",
    "SequenceModel",
    "architecture_of",
    "build_config",
    "build_model",
    "hidden_states",
    "import_published",
    "load_checkpoint",
    "load_encoder",
    "load_finetuned",
    "load_model",
    "masked_lm_logits",
    "pooled_embeddings",
    "read_lightning_weights",
    "save_checkpoint",
    "save_finetuned",
]
