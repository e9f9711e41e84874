"""Pretraining and fine-tuning: batches, masking, schedules, the loop, checkpoints, resume."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybmfm.training.finetuning import FinetuneSettings, finetune
    from pybmfm.training.pretraining import pretrain
    from pybmfm.training.settings import PretrainSettings

# Imported when asked for, so that a command that pretrains does not import fine-tuning.
PLACES = {
    "PretrainSettings": "pybmfm.training.settings",
    "pretrain": "pybmfm.training.pretraining",
    "FinetuneSettings": "pybmfm.training.finetuning",
    "finetune": "pybmfm.training.finetuning",
}

__all__ = ["FinetuneSettings", "PretrainSettings", "finetune", "pretrain"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(PLACES[name]), name)
