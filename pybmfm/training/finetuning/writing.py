"""What a fine-tuning run writes: predictions, metrics, manifest, adapters, model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pybmfm.core import check_label, write_manifest
from pybmfm.evaluation import save_result
from pybmfm.model import Encoder, HeadFacts, SequenceModel, save_finetuned
from pybmfm.tasks import TaskTable
from pybmfm.training.finetuning.examples import Examples, Scale
from pybmfm.training.finetuning.settings import FinetuneSettings


def write_result(
    folder: Path,
    settings: FinetuneSettings,
    metric: str,
    examples: dict[str, Examples],
    scores: dict[str, np.ndarray],
    encoder: Encoder,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Write ``predictions.parquet`` and ``metrics.json``; return what the latter holds."""
    return save_result(
        folder,
        task=settings.task_name,
        model=model_name(settings, encoder),
        seed=settings.seed,
        kind=settings.kind,
        metric=metric,
        classes=examples["train"].table.classes,
        table_dev=examples["dev"].table,
        scores_dev=scores["dev"],
        table_test=examples["test"].table,
        scores_test=scores["test"],
        extra=facts,
    )


def describe_run(
    settings: FinetuneSettings, network: SequenceModel, examples: dict[str, Examples]
) -> dict[str, Any]:
    """Return the keys of ``metrics.json`` that say what was trained, and on what."""
    weights = list(network.parameters())
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    lora = settings.lora
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "trainable_parameters": trained,
        "train_rows": len(examples["train"].table),
        "max_train_rows": settings.max_train_rows,
        "from_scratch": settings.from_scratch,
        "frozen": settings.frozen,
        "lora": None if lora is None else {"rank": lora.rank, "alpha": lora.alpha},
        "pooling": settings.pooling,
        "dropout": settings.dropout,
        "class_weights": settings.class_weights,
        "long": settings.long,
        "truncated": {name: one.tokens.truncated for name, one in examples.items()},
        "in_windows": {name: one.tokens.in_windows for name, one in examples.items()},
    }


def write_finetuned(
    folder: Path,
    settings: FinetuneSettings,
    encoder: Encoder,
    network: SequenceModel,
    train: TaskTable,
    scale: Scale,
    max_length: int,
) -> None:
    """Write the encoder and the head."""
    encoder.model.cpu()
    facts = HeadFacts(
        task=settings.task_name,
        kind=train.kind,
        classes=train.classes,
        pooling=settings.pooling,
        max_length=max_length,
        long=settings.long,
        mean=scale.mean,
        deviation=scale.deviation,
    )
    card = {"notes": [f"Fine-tuned, {train.kind}."]}
    folder.mkdir()
    save_finetuned(folder, encoder, network, facts, card)


def write_run_manifest(
    folder: Path,
    settings: FinetuneSettings,
    encoder: Encoder,
    examples: dict[str, Examples],
    max_length: int,
) -> None:
    """Write ``manifest.json``, with what was cut."""
    counts = {name: one.counts for name, one in examples.items()}
    write_manifest(
        folder,
        artefact="result",
        settings=settings.shown(),
        inputs=[settings.checkpoint, settings.train, settings.dev, settings.test],
        counts=counts,
        truncated_sequences=sum(part["truncated_sequences"] for part in counts.values()),
        max_length=max_length,
        encoding=encoder.tokenizer.encoding,
    )


def model_name(settings: FinetuneSettings, encoder: Encoder) -> str:
    """Name the model in results: as told, or ``frozen-scratch-snp`` and the like.

    Raises
    ------
    UserError
        If that name, of a foreign model its folder's, cannot name a folder.
    """
    frozen = "frozen-" if settings.frozen else ""
    scratch = "scratch-" if settings.from_scratch else ""
    name = settings.model_name or f"{frozen}{scratch}{encoder.name}"
    return check_label(
        name, "model", file=settings.checkpoint, remedy="give another by --model-name"
    )
