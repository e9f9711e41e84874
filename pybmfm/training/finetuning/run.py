"""Fine-tune a checkpoint on a task, and predict its dev and test tables."""

from __future__ import annotations

import logging
from typing import Any

import torch

from pybmfm.core import derive_seed, output_directory
from pybmfm.evaluation import main_metric_text
from pybmfm.model import Encoder, SequenceModel, load_encoder
from pybmfm.model.adapters import add_adapters, save_adapters
from pybmfm.tasks import TaskTable, check_metric, read_task_splits
from pybmfm.training.finetuning.examples import Scale, make_examples, token_limit
from pybmfm.training.finetuning.loop import JOURNAL, FinetuneRun, Job, facts_of_state
from pybmfm.training.finetuning.losses import Loss, balanced_weights
from pybmfm.training.finetuning.place import cleared, run_identity, run_storage
from pybmfm.training.finetuning.plan import Plan
from pybmfm.training.finetuning.prediction import scores_of
from pybmfm.training.finetuning.settings import FinetuneSettings, check_settings
from pybmfm.training.finetuning.writing import (
    describe_run,
    model_name,
    write_finetuned,
    write_result,
    write_run_manifest,
)
from pybmfm.training.lease import Lease
from pybmfm.training.precision import resolve_precision
from pybmfm.training.processes import choose_device
from pybmfm.training.stopping import StopRequest, stop_request

log = logging.getLogger("pybmfm")


def finetune(settings: FinetuneSettings) -> None:
    """Fine-tune a model with pooled tokens and a linear head, and write its result.

    The step with the lowest dev loss is kept. Losses: cross-entropy, binary cross-entropy for
    multilabel, squared error on standardised values for regression (undone in predictions).
    AdamW, betas 0.9 and 0.99, weight decay 0.01, gradient norm clipped at 0.5 (algorithms as
    in the BMFM-DNA fine-tuning code).

    Writes ``predictions.parquet``, ``metrics.json``, ``progress.jsonl`` and ``manifest.json``;
    with adapters also ``adapter/`` in peft's layout. While it runs, checkpoints lie beside
    ``out`` or in the durable root; they go when the result is there.

    Raises
    ------
    UserError
        If tables or checkpoint cannot be read, or a setting is impossible, or the loss is lost.
    Interrupted
        If asked to stop, after saving.
    OutOfMemory
        If memory does not suffice; a retry computes less at once.
    """
    metric = check_metric(settings.kind, settings.metric)
    check_settings(settings)
    torch.set_num_threads(settings.threads)
    with stop_request(settings.max_minutes) as stop, torch.random.fork_rng():
        _finetune(settings, metric, stop)


def _finetune(settings: FinetuneSettings, metric: str, stop: StopRequest) -> None:
    """Read top to bottom: tables, model, loop, predictions, files."""
    device = choose_device(settings.device)
    precision = resolve_precision(settings.precision, device)
    tables = _tables(settings)
    encoder = load_encoder(
        settings.checkpoint, from_scratch=settings.from_scratch, seed=settings.seed
    )
    model_name(settings, encoder)  # refused before the training
    limit = token_limit(settings.max_length, encoder, settings.checkpoint)
    scale = Scale.of(tables["train"])
    examples = make_examples(tables, encoder, limit, settings.long, scale)
    network, adapted = _network(settings, encoder, tables["train"])
    network.to(device)
    identity = run_identity(settings, precision)
    storage = run_storage(settings, identity)
    job = Job(
        settings=settings,
        plan=Plan.of(settings, len(tables["train"])),
        examples=examples,
        loss=_loss(settings, tables["train"]),
        device=device,
        precision=precision,
        storage=storage,
        stop=stop,
    )
    with (
        Lease(storage.lease(), should_stop=lambda: bool(stop)) as held,
        cleared(storage),
        output_directory(settings.out) as folder,
    ):
        run = FinetuneRun(job, network, identity)
        run.train(held)
        facts = describe_run(settings, network, examples) | facts_of_state(run.state)
        facts["seconds"] = round(run.seconds(), 3)
        scores = {
            name: scores_of(settings.kind, run.predict(name), scale.mean, scale.deviation)
            for name in ("dev", "test")
        }
        (folder / JOURNAL).write_text("".join(f"{line}\n" for line in run.journal))
        metrics = write_result(folder, settings, metric, examples, scores, encoder, facts)
        if adapted is not None:
            save_adapters(adapted, folder / "adapter", encoder.name)
            adapted.merge_and_unload()
        if settings.save_model:
            write_finetuned(
                folder / "model", settings, encoder, network, tables["train"], scale, limit
            )
        write_run_manifest(folder, settings, encoder, examples, limit)
    log.info("%s (step %d of lowest dev loss)", main_metric_text(metrics), facts["best_step"])


def _tables(settings: FinetuneSettings) -> dict[str, TaskTable]:
    return read_task_splits(
        settings.train,
        settings.dev,
        settings.test,
        settings.kind,
        max_train_rows=settings.max_train_rows,
        seed=settings.seed,
        alphabet=settings.alphabet,
    )


def _loss(settings: FinetuneSettings, train: TaskTable) -> Loss:
    weights = balanced_weights(train) if settings.class_weights == "balanced" else None
    return Loss(settings.kind, weights)


def _network(
    settings: FinetuneSettings, encoder: Encoder, train: TaskTable
) -> tuple[SequenceModel, Any]:
    """Put a fresh head on the model, and freeze or adapt what is not to be trained."""
    torch.manual_seed(derive_seed(settings.seed, "head"))
    network = SequenceModel(
        encoder.model,
        max(1, len(train.classes)),
        pooling=settings.pooling,
        dropout=settings.dropout,
        special_ids=encoder.tokenizer.special_ids,
    )
    adapted = None
    if settings.frozen:
        network.encoder.requires_grad_(False)
    if settings.lora is not None:
        lora = settings.lora
        adapted = add_adapters(network.encoder, lora.rank, lora.alpha, lora.targets)
    return network, adapted
