"""Which number format a run computes in."""

from __future__ import annotations

import contextlib
import logging
from contextlib import AbstractContextManager
from typing import Any

import torch

log = logging.getLogger("pybmfm")


def resolve_precision(wanted: str, device: torch.device) -> str:
    """Turn ``auto`` into ``bf16`` on a GPU that has it, else ``fp32``."""
    if wanted == "bf16" and device.type == "cpu" and not computes_bf16():
        log.warning("this CPU can only emulate bf16, which is far slower than fp32")
    if wanted != "auto":
        return wanted
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def computes_bf16() -> bool:
    """Whether torch has matrix products in bf16 for this CPU, which take 512-bit vectors."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return a context whose matrix products are computed in ``precision``."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
