"""What a fine-tuning run is told to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, check_label
from pybmfm.model import POOLINGS
from pybmfm.model.finetuned import LONG
from pybmfm.tasks import task_of_table

CLASS_WEIGHTS = ("none", "balanced")
SCHEDULES = ("linear", "constant")
PATHS = ("checkpoint", "train", "dev", "test", "out", "checkpoints")


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al. 2022) in the place of training every weight.

    Attributes
    ----------
    rank, alpha
        Of every adapter; what it adds is scaled by ``alpha / rank``.
    targets
        Names of the linear layers that get one, such as ``Wqkv``; all in the body if empty.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class FinetuneSettings:
    """A checkpoint, a task and a budget.

    Attributes
    ----------
    checkpoint
        Folder of a pretrained model: ours, DNABERT-2, or an encoder of transformers.
    train, dev, test
        Task tables; dev chooses the step that is kept, test is only predicted.
    kind
        ``binary``, ``multiclass``, ``multilabel`` or ``regression``.
    out
        Result folder.
    task
        Name in the results; the folder of the training table if None.
    model_name
        Name in the results; by default the checkpoint's encoding, or a foreign folder's name,
        after ``scratch-`` where the weights are fresh and ``frozen-`` where they stay.
    from_scratch
        Take only the checkpoint's configuration and tokenizer, with fresh weights; the budget
        is the same.
    frozen
        Train the head alone, on the embeddings of the encoder as it is.
    lora
        Train adapters and the head; the other weights stay.
    pooling
        One of `POOLINGS`, see `pybmfm.model.pooling`.
    dropout
        Share of the pooled embedding dropped while training.
    class_weights
        ``balanced`` weights classes by the inverse of their frequency in training (labels of
        multilabel tasks: positives by negatives over positives).
    epochs
        Passes over the training rows.
    max_steps
        Stop after so many steps at the latest.
    batch_size
        Sequences per step.
    learning_rate
        Peak; reached linearly over min(1,000, 10 % of the steps).
    schedule
        ``linear`` falls from the peak to 0 at the last step; ``constant`` stays, as published.
    learning_rates
        Several peaks: each trains from the same start, and the lowest dev loss chooses.
    patience
        Stop after so many validations in a row without a lower dev loss.
    max_length
        Tokens per window, specials counted; the model's limit if None.
    long
        What becomes of longer sequences: ``truncate`` cuts them, and they are counted;
        ``window-mean`` averages the embeddings of overlapping windows.
    max_train_rows
        Use at most so many training rows.
    metric
        The one that heads the task.
    validate_every
        Steps between validations; min(200, one epoch) if None.
    batch_tokens
        Tokens computed at once: larger batches are computed in parts, with the same result.
    save_model
        Also write the fine-tuned encoder and head to ``OUT/model``; adapters are merged there.
    checkpoints
        A durable root, see `pybmfm.training.finetuning.place`; beside ``out`` if None.
    checkpoint_every, checkpoint_minutes
        A checkpoint is due when either is reached; 0 steps is never.
    max_minutes
        Time budget, after which the run saves and ends with `Interrupted`.
    resume
        Continue where the newest checkpoint of the same run stands, if there is one.
    """

    checkpoint: Path
    train: Path
    dev: Path
    test: Path
    kind: str
    out: Path
    task: str | None = None
    model_name: str | None = None
    from_scratch: bool = False
    frozen: bool = False
    lora: LoraSettings | None = None
    pooling: str = "parts"
    dropout: float = 0.0
    class_weights: str = "none"
    epochs: int = 3
    max_steps: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    learning_rates: tuple[float, ...] = ()
    schedule: str = "linear"
    patience: int | None = None
    max_length: int | None = None
    long: str = "truncate"
    max_train_rows: int | None = None
    metric: str | None = None
    alphabet: str = "auto"
    validate_every: int | None = None
    batch_tokens: int = 16_384
    save_model: bool = False
    checkpoints: str | Path | None = None
    checkpoint_every: int = 0
    checkpoint_minutes: float = 10.0
    max_minutes: float | None = None
    resume: bool = False
    seed: int = 0
    threads: int = 1
    device: str = "auto"
    precision: str = "auto"

    @property
    def rates(self) -> tuple[float, ...]:
        """Peak learning rates to try."""
        return self.learning_rates or (self.learning_rate,)

    @property
    def task_name(self) -> str:
        """Name of the task in results."""
        return self.task or task_of_table(self.train)

    def shown(self) -> dict[str, Any]:
        """Return what a manifest says: everything but places on this machine."""
        return {k: v for k, v in asdict(self).items() if k not in (*PATHS, "resume")}


def check_settings(settings: FinetuneSettings) -> None:
    """Refuse settings that do not fit together.

    Raises
    ------
    UserError
        Naming the options and what to do.
    """
    for problem, remedy in _faults(settings):
        raise UserError(problem, remedy=remedy)
    check_label(settings.task_name, "task")


def _faults(settings: FinetuneSettings) -> Iterator[tuple[str, str]]:
    choices = (
        ("pooling", POOLINGS),
        ("long", LONG),
        ("class_weights", CLASS_WEIGHTS),
        ("schedule", SCHEDULES),
    )
    for name, known in choices:
        if getattr(settings, name) not in known:
            option = name.replace("_", "-")
            yield f"unknown --{option} '{getattr(settings, name)}'", f"use {', '.join(known)}"
    if settings.class_weights != "none" and settings.kind == "regression":
        yield "--class-weights need classes, and a regression has none", "leave it out"
    if settings.frozen and settings.lora is not None:
        yield "--frozen trains no adapters", "give --frozen or --lora, not both"
    if settings.lora is not None and settings.from_scratch:
        yield (
            "--lora adapts trained weights, and --from-scratch has none",
            "leave one of them out",
        )
    if not 0 <= settings.dropout < 1:
        yield f"--dropout {settings.dropout} is not a share below 1", "use 0 to 0.9"
    if any(rate <= 0 for rate in settings.rates):
        yield "a learning rate is not above 0", "correct --learning-rates"
    if len(set(settings.rates)) < len(settings.rates):
        yield "--learning-rates names a rate twice", "name each once"
