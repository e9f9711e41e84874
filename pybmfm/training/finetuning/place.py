"""Where a fine-tuning run keeps what it needs to go on: checkpoints, journal, lease.

All of it lies beside the result or under a durable root, and goes when the result is there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from pybmfm.core import digest_file
from pybmfm.core.provenance import source_digest
from pybmfm.training.finetuning.settings import PATHS, FinetuneSettings
from pybmfm.training.micro_batch import NAME as MICRO_BATCH
from pybmfm.training.storage import LocalStorage, Storage, open_storage

# Where and how long a run computes does not shape its result (beyond rounding).
NOT_SHAPING = {
    *PATHS,
    "learning_rate",
    "learning_rates",
    "task",
    "model_name",
    "metric",
    "batch_tokens",
    "save_model",
    "checkpoint_every",
    "checkpoint_minutes",
    "max_minutes",
    "resume",
    "threads",
    "device",
}
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True)
class FinetuneState:
    """All that a run needs beside weights and optimizer to go on as if never stopped.

    Attributes
    ----------
    step
        Steps done, those of earlier learning rates counted in full.
    trial
        Which learning rate.
    trials
        What came of the earlier ones.
    best_step, best_loss
        Of this learning rate, step from 1; the loss is infinite before the first validation.
    waiting
        Validations since.
    kept_trial, kept_loss
        Where the kept weights are from, over all learning rates.
    seconds
        Spent so far.
    """

    step: int = 0
    trial: int = 0
    trials: tuple[dict[str, Any], ...] = ()
    best_step: int = 0
    best_loss: float = float("inf")
    waiting: int = 0
    kept_trial: int = 0
    kept_loss: float = float("inf")
    seconds: float = 0.0
    identity: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> FinetuneState:
        """Read back what ``asdict`` wrote."""
        fields = {name: content[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "trials": tuple(fields["trials"])})


def run_identity(settings: FinetuneSettings, precision: str) -> dict[str, Any]:
    """Return every setting and input that shapes the result, with defaults worked out."""
    shaping = {k: v for k, v in asdict(settings).items() if k not in NOT_SHAPING}
    weights = [settings.checkpoint / name for name in WEIGHT_FILES]
    tables = {name: digest_file(getattr(settings, name)) for name in ("train", "dev", "test")}
    identity = {
        **shaping,
        **tables,
        "rates": settings.rates,
        "precision": precision,
        "checkpoint": [digest_file(path) for path in weights if path.is_file()],
        "source": source_digest(),
    }
    return dict(json.loads(json.dumps(identity)))


def run_storage(settings: FinetuneSettings, identity: Mapping[str, Any]) -> Storage:
    """Return where a run's checkpoints lie: hidden beside ``out``, or by name in the root."""
    if settings.checkpoints is None:
        out = settings.out.absolute()
        return LocalStorage(out.with_name(f".{out.name}.finetuning"))
    text = json.dumps(identity, sort_keys=True)
    return open_storage(settings.checkpoints, hashlib.sha256(text.encode()).hexdigest()[:16])


@contextmanager
def cleared(storage: Storage) -> Iterator[None]:
    """Leave nothing in a storage when the block ends well, or with nothing to come back to."""
    try:
        yield
    except BaseException:
        if not storage.folders() and storage.read(MICRO_BATCH) is None:
            _clear(storage)
        raise
    _clear(storage)


def _clear(storage: Storage) -> None:
    for name in storage.folders():
        storage.remove(name)
    storage.sweep()
    if isinstance(storage, LocalStorage):
        shutil.rmtree(storage.folder, ignore_errors=True)
