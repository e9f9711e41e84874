"""Pretraining and fine-tuning: batches, masking, schedules, the loop, checkpoints, resume."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybmfm.training.finetuning.run import finetune
    from pybmfm.training.finetuning.settings import FinetuneSettings, LoraSettings
    from pybmfm.training.pretraining import pretrain
    from pybmfm.training.settings import PretrainSettings

# Imported when asked for, so that a command that pretrains does not import fine-tuning.
PLACES = {
    "PretrainSettings": "pybmfm.training.settings",
    "pretrain": "pybmfm.training.pretraining",
    "FinetuneSettings": "pybmfm.training.finetuning.settings",
    "LoraSettings": "pybmfm.training.finetuning.settings",
    "finetune": "pybmfm.training.finetuning.run",
}

__all__ = ["FinetuneSettings", "LoraSettings", "PretrainSettings", "finetune", "pretrain"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(PLACES[name]), name)
