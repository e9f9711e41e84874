"""All that shapes a run's result: by it a checkpoint is recognised as one's own."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pybmfm.core import UserError, digest_file
from pybmfm.core.provenance import source_digest
from pybmfm.training.settings import PretrainPlan
from pybmfm.training.storage import Storage, open_storage

log = logging.getLogger("pybmfm")

# Where and how long a run computes, and what it writes, does not shape its result (beyond
# rounding); a budget in tokens does so by the steps and their tokens that follow from it alone.
NOT_SHAPING = {
    "corpora",
    "tokenizer",
    "out",
    "tokens",
    "micro_batch_tokens",
    "checkpoint_every",
    "checkpoint_minutes",
    "checkpoints",
    "keep",
    "keep_best",
    "validate_every",
    "max_validation_tokens",
    "divergence_check",
    "log_every",
    "peak_tflops",
    "tensorboard",
    "max_minutes",
    "resume",
    "threads",
    "device",
}
# Differences that are told and not refused.
FORGIVEN = {"processes": "number of processes", "source": "version of pybmfm"}


def run_identity(settings: PretrainPlan, precision: str, processes: int) -> dict[str, Any]:
    """Return every setting and input that shapes the result, with defaults worked out.

    Parameters
    ----------
    precision
        What ``settings.precision`` is on this device.
    processes
        How many share the work; sums are rounded differently then.
    """
    shaping = {k: v for k, v in asdict(settings).items() if k not in NOT_SHAPING}
    return {
        **shaping,
        "weights": settings.corpus_weights,
        "curriculum": [list(stage) for stage in settings.curriculum],
        "precision": precision,
        "corpora": [digest_file(folder / "manifest.json") for folder in settings.corpora],
        "tokenizer": digest_file(settings.tokenizer / "tokenizer.json"),
        "processes": processes,
        "source": source_digest(),
    }


def checkpoint_storage(settings: PretrainPlan, identity: Mapping[str, Any]) -> Storage:
    """Return where a run's checkpoints lie: in ``out``, or under its own name in the root."""
    if settings.checkpoints is None:
        return open_storage(settings.out / "checkpoints")
    text = json.dumps(identity, sort_keys=True)
    return open_storage(settings.checkpoints, hashlib.sha256(text.encode()).hexdigest()[:16])


def check_identity(found: Mapping[str, Any], wanted: Mapping[str, Any], folder: str) -> None:
    """Refuse to continue another run; another number of processes or source is only told.

    Raises
    ------
    UserError
        Naming every setting that differs, with both values.
    """
    differing = [name for name in wanted if found.get(name) != wanted[name]]
    for name in (name for name in FORGIVEN if name in differing):
        log.warning(
            "the checkpoint was made with another %s: losses may differ in the last digits",
            FORGIVEN[name],
        )
    refused = [
        f"{name.replace('_', '-')} was {_short(found.get(name))}, is {_short(wanted[name])}"
        for name in differing
        if name not in FORGIVEN
    ]
    if refused:
        raise UserError(
            f"belongs to a run with other settings: {', '.join(refused)}",
            file=folder,
            remedy="use the same settings, or another --out",
        )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(_short, value))
    return value[:8] if isinstance(value, str) and len(value) == 64 else str(value)
