"""Fine-tune a checkpoint on a task, and predict its dev and test tables."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch.nn import functional

from pybmfm.core import (
    Interrupted,
    OutOfMemory,
    UserError,
    derive_seed,
    is_out_of_memory,
    output_directory,
    progress,
    write_json,
    write_manifest,
)
from pybmfm.evaluation import compute_metrics, save_result
from pybmfm.model import FlatBatch, SequenceModel, build_model, load_checkpoint, save_checkpoint
from pybmfm.tasks import TaskTable, check_metric, read_task_splits, task_of_table
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.training.batches import pack
from pybmfm.training.processes import choose_device
from pybmfm.training.stopping import StopRequest, stop_request

log = logging.getLogger("pybmfm")
BETAS = (0.9, 0.99)
WEIGHT_DECAY = 0.01
CLIP = 0.5
LONGEST_WARMUP = 1000
VALIDATE_EVERY = 200
SPECIALS = 2  # [CLS] and [SEP] around every sequence
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class FinetuneSettings:
    """A checkpoint, a task and a budget.

    Attributes
    ----------
    checkpoint
        Folder of a pretrained model.
    train, dev, test
        Task tables; dev chooses the step that is kept, test is only predicted.
    kind
        ``binary``, ``multiclass``, ``multilabel`` or ``regression``.
    out
        Result folder.
    task
        Name in the results; the folder of the training table if None.
    model_name
        Name in the results; the checkpoint's encoding if None, after ``scratch-`` where the
        weights are fresh.
    from_scratch
        Take only the checkpoint's configuration and tokenizer, with fresh weights; the budget
        is the same.
    epochs
        Passes over the training rows.
    max_steps
        Stop after so many steps at the latest.
    batch_size
        Sequences per step.
    learning_rate
        Peak; reached linearly over min(1,000, 10 % of the steps), then constant.
    max_length
        Tokens per sequence, specials counted; the model's limit if None. What is cut is counted.
    max_train_rows
        Use at most so many training rows.
    metric
        The one that heads the task.
    validate_every
        Steps between validations; min(200, one epoch) if None.
    batch_tokens
        Tokens computed at once: larger batches are computed in parts, with the same result.
    save_model
        Also write the fine-tuned encoder and head to ``OUT/model``.
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
    epochs: int = 3
    max_steps: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    max_length: int | None = None
    max_train_rows: int | None = None
    metric: str | None = None
    alphabet: str = "auto"
    validate_every: int | None = None
    batch_tokens: int = 16_384
    save_model: bool = False
    seed: int = 0
    threads: int = 1
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class _Split:
    """A table as the model takes it."""

    table: TaskTable
    tokens: list[np.ndarray]
    targets: torch.Tensor
    counts: dict[str, Any]


@dataclass(frozen=True)
class _Scale:
    """How values of a regression are brought to mean 0 and deviation 1, and back."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, table: TaskTable) -> _Scale:
        """Take it from the training values."""
        if table.kind != "regression":
            return cls()
        values = table.targets.astype(np.float64)
        return cls(float(values.mean()), float(values.std()) or 1.0)


@dataclass(frozen=True)
class _Plan:
    """How many steps there are, and what happens when."""

    rows: int
    batch_size: int
    steps: int
    validate_every: int
    warmup: int
    seed: int

    @classmethod
    def of(cls, settings: FinetuneSettings, rows: int) -> _Plan:
        """Work it out for a number of training rows."""
        per_epoch = math.ceil(rows / settings.batch_size)
        steps = settings.epochs * per_epoch
        if settings.max_steps is not None:
            steps = min(steps, settings.max_steps)
        return cls(
            rows=rows,
            batch_size=settings.batch_size,
            steps=steps,
            validate_every=settings.validate_every or min(VALIDATE_EVERY, per_epoch),
            warmup=min(LONGEST_WARMUP, steps // 10),
            seed=settings.seed,
        )

    def batch(self, step: int) -> np.ndarray:
        """Rows of a step: every epoch is a new order, its last batch may be smaller."""
        per_epoch = math.ceil(self.rows / self.batch_size)
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng(derive_seed(self.seed, "finetune", epoch))
        first = place * self.batch_size
        return order.permutation(self.rows)[first : first + self.batch_size]

    def validates(self, step: int) -> bool:
        """Whether to validate after this step."""
        return (step + 1) % self.validate_every == 0 or step + 1 == self.steps


@dataclass
class _Run:
    """What the loop carries along."""

    network: SequenceModel
    device: torch.device
    autocast: AbstractContextManager[Any]
    batch_tokens: int
    kind: str
    best_step: int = 0
    best_loss: float = math.inf
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)


def finetune(settings: FinetuneSettings) -> None:
    """Fine-tune a model with mean pooling and a linear head, and write its result.

    The step with the lowest dev loss is kept. Losses: cross-entropy, binary cross-entropy for
    multilabel, squared error on standardised values for regression (undone in predictions).
    AdamW, betas 0.9 and 0.99, weight decay 0.01, gradient norm clipped at 0.5 (algorithms as
    in the BMFM-DNA fine-tuning code).

    Writes ``predictions.parquet``, ``metrics.json``, ``progress.jsonl`` and ``manifest.json``.

    Raises
    ------
    UserError
        If tables or checkpoint cannot be read, or a setting is impossible, or the loss is lost.
    Interrupted
        If asked to stop; nothing is written.
    OutOfMemory
        If the GPU's memory does not suffice.
    """
    metric = check_metric(settings.kind, settings.metric)
    device = choose_device(settings.device)
    torch.set_num_threads(settings.threads)
    tables = read_task_splits(
        settings.train,
        settings.dev,
        settings.test,
        settings.kind,
        max_train_rows=settings.max_train_rows,
        seed=settings.seed,
        alphabet=settings.alphabet,
    )
    model, tokenizer = load_checkpoint(settings.checkpoint)
    if settings.from_scratch:
        model = build_model(model.config, settings.seed)
    limit = _token_limit(settings, model.config)
    scale = _Scale.of(tables["train"])
    splits = {name: _prepare(table, tokenizer, limit, scale) for name, table in tables.items()}
    _report_cut(splits, limit)
    run = _Run(
        network=_network(model, tables["train"], settings.seed).to(device),
        device=device,
        autocast=_autocast(settings.precision, device),
        batch_tokens=settings.batch_tokens,
        kind=settings.kind,
    )
    plan = _Plan.of(settings, len(tables["train"]))
    with output_directory(settings.out) as folder, stop_request() as stop, _memory_errors():
        started = time.monotonic()
        with (folder / "progress.jsonl").open("w") as journal:
            _train(run, plan, splits, settings.learning_rate, journal, stop)
        seconds = time.monotonic() - started
        scores = {name: _scores(run, splits[name], scale) for name in ("dev", "test")}
        facts = _facts(settings, run, plan, tables, seconds)
        save_result(
            folder,
            task=settings.task or task_of_table(settings.train),
            model=settings.model_name or _model_name(settings, tokenizer),
            seed=settings.seed,
            kind=settings.kind,
            metric=metric,
            classes=tables["train"].classes,
            table_dev=tables["dev"],
            scores_dev=scores["dev"],
            table_test=tables["test"],
            scores_test=scores["test"],
            extra=facts,
        )
        if settings.save_model:
            _save_model(folder / "model", run, model, tokenizer, tables["train"], scale)
        _write_manifest(folder, settings, tokenizer, splits, limit)
    _report(settings, metric, tables, scores, run)


def _train(
    run: _Run,
    plan: _Plan,
    splits: dict[str, _Split],
    peak: float,
    journal: IO[str],
    stop: StopRequest,
) -> None:
    """Take the plan's steps, and end with the weights of the lowest dev loss."""
    optimizer = torch.optim.AdamW(
        run.network.parameters(), lr=peak, betas=BETAS, weight_decay=WEIGHT_DECAY
    )
    for step in progress(range(plan.steps), "fine-tuning", unit="steps"):
        if stop:
            raise Interrupted(f"Stopped ({stop.reason}) at step {step}; run again.")
        rate = peak * min(1.0, (step + 1) / max(1, plan.warmup))
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _accumulate_gradients(run, splits["train"], plan.batch(step))
        torch.nn.utils.clip_grad_norm_(run.network.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        entry = {"step": step + 1, "loss": loss, "learning_rate": rate}
        if plan.validates(step):
            entry["dev_loss"] = _dev_loss(run, splits["dev"])
            _keep_if_best(run, step + 1, entry["dev_loss"])
        journal.write(json.dumps(entry) + "\n")
        journal.flush()
    run.network.load_state_dict(run.best_weights)


def _accumulate_gradients(run: _Run, split: _Split, rows: np.ndarray) -> float:
    """Add up the gradients of a step's rows, in parts that fit; return the mean loss per row."""
    run.network.train()
    total = 0.0
    for part in pack(list(rows), lambda row: len(split.tokens[row]), run.batch_tokens):
        outputs = _outputs(run, [split.tokens[row] for row in part])
        targets = split.targets[torch.as_tensor(np.array(part))].to(run.device)
        loss = _loss_sum(run.kind, outputs, targets) / len(rows)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    if not math.isfinite(total):
        raise UserError("the loss is not finite", remedy="use a lower --learning-rate")
    return total


def _loss_sum(kind: str, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Sum the loss of the rows; multilabel rows count their mean over the labels."""
    if kind == "regression":
        return functional.mse_loss(outputs[:, 0], targets, reduction="sum")
    if kind == "multilabel":
        each = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        return each.mean(dim=1).sum()
    return functional.cross_entropy(outputs, targets, reduction="sum")


def _dev_loss(run: _Run, split: _Split) -> float:
    loss = _loss_sum(run.kind, _predict(run, split), split.targets).item() / len(split.tokens)
    if not math.isfinite(loss):
        raise UserError("the dev loss is not finite", remedy="use a lower --learning-rate")
    return loss


def _keep_if_best(run: _Run, step: int, dev_loss: float) -> None:
    if dev_loss < run.best_loss:
        run.best_step, run.best_loss = step, dev_loss
        run.best_weights = copy.deepcopy(
            {name: weight.detach().cpu() for name, weight in run.network.state_dict().items()}
        )


@torch.inference_mode()
def _predict(run: _Run, split: _Split) -> torch.Tensor:
    """Outputs of every row, float32[n, outputs], in the table's order, on the CPU."""
    run.network.eval()
    # Neighbours of equal length make even parts; the order is undone at the end.
    order = sorted(range(len(split.tokens)), key=lambda row: len(split.tokens[row]))
    parts = [
        _outputs(run, [split.tokens[row] for row in part]).float().cpu()
        for part in pack(order, lambda row: len(split.tokens[row]), run.batch_tokens)
    ]
    joined = torch.cat(parts)
    outputs = torch.empty_like(joined)
    outputs[torch.tensor(order)] = joined
    return outputs


def _outputs(run: _Run, sequences: Sequence[np.ndarray]) -> torch.Tensor:
    with run.autocast:
        outputs: torch.Tensor = run.network(FlatBatch.from_sequences(sequences).to(run.device))
    return outputs.float()


def _scores(run: _Run, split: _Split, scale: _Scale) -> np.ndarray:
    """Probabilities float32[n, classes], or values float32[n, 1] on their own scale."""
    outputs = _predict(run, split)
    if run.kind == "regression":
        outputs = outputs * scale.deviation + scale.mean
    elif run.kind == "multilabel":
        outputs = outputs.sigmoid()
    else:
        outputs = outputs.softmax(dim=1)
    return outputs.numpy()


def _prepare(table: TaskTable, tokenizer: DnaTokenizer, limit: int, scale: _Scale) -> _Split:
    """Tokenize a table, cutting at ``limit`` tokens and counting what is cut."""
    ids = tokenizer.encode_batch(table.sequences)
    room = limit - SPECIALS
    tokens = [np.concatenate([[tokenizer.cls], row[:room], [tokenizer.sep]]) for row in ids]
    targets = torch.from_numpy(table.targets)
    if table.kind == "regression":
        targets = (targets - scale.mean) / scale.deviation
    counts = {
        **table.counts,
        "truncated_sequences": sum(len(row) > room for row in ids),
        "longest_sequence_tokens": max(len(row) for row in ids) + SPECIALS,
        "unknown_tokens": int(sum((row == tokenizer.unk).sum() for row in ids)),
    }
    return _Split(table, tokens, targets, counts)


def _report_cut(splits: dict[str, _Split], limit: int) -> None:
    cut = sum(split.counts["truncated_sequences"] for split in splits.values())
    if cut:
        log.warning("%s sequences are longer than %s tokens and were cut", f"{cut:,}", f"{limit:,}")


def _token_limit(settings: FinetuneSettings, config: Any) -> int:
    limit = int(config.max_position_embeddings)
    if settings.max_length is None:
        return limit
    if not SPECIALS < settings.max_length <= limit:
        raise UserError(
            f"--max-length {settings.max_length:,} does not fit the model",
            file=settings.checkpoint,
            remedy=f"use {SPECIALS + 1} to {limit:,}",
        )
    return settings.max_length


def _network(model: Any, train: TaskTable, seed: int) -> SequenceModel:
    """Put a fresh head on the model; the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "head"))
        return SequenceModel(model, outputs=max(1, len(train.classes)))


def _autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    if precision not in PRECISIONS:
        raise UserError(
            f"unknown precision '{precision}'", remedy=f"use one of {', '.join(PRECISIONS)}"
        )
    half = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=half)


@contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"{error}; use a smaller --batch-tokens") from error


def _model_name(settings: FinetuneSettings, tokenizer: DnaTokenizer) -> str:
    return f"scratch-{tokenizer.encoding}" if settings.from_scratch else tokenizer.encoding


def _facts(
    settings: FinetuneSettings,
    run: _Run,
    plan: _Plan,
    tables: dict[str, TaskTable],
    seconds: float,
) -> dict[str, Any]:
    return {
        "parameters": sum(weight.numel() for weight in run.network.parameters()),
        "seconds": round(seconds, 3),
        "steps": plan.steps,
        "best_step": run.best_step,
        "best_dev_loss": run.best_loss,
        "train_rows": len(tables["train"]),
        "max_train_rows": settings.max_train_rows,
        "from_scratch": settings.from_scratch,
    }


def _save_model(
    folder: Path,
    run: _Run,
    model: Any,
    tokenizer: DnaTokenizer,
    train: TaskTable,
    scale: _Scale,
) -> None:
    """Write the encoder as a checkpoint, and the head beside it."""
    from safetensors.torch import save_file

    save_checkpoint(folder, model.cpu(), tokenizer, {"notes": [f"Fine-tuned, {train.kind}."]})
    head = {name: weight.detach().cpu() for name, weight in run.network.head.state_dict().items()}
    save_file(head, folder / "head.safetensors")
    facts = {"kind": train.kind, "classes": train.classes, "pooling": "mean"}
    write_json(folder / "head.json", {**facts, "mean": scale.mean, "deviation": scale.deviation})


def _write_manifest(
    folder: Path,
    settings: FinetuneSettings,
    tokenizer: DnaTokenizer,
    splits: dict[str, _Split],
    limit: int,
) -> None:
    paths = ("checkpoint", "train", "dev", "test", "out")
    counts = {name: split.counts for name, split in splits.items()}
    write_manifest(
        folder,
        artefact="result",
        settings={name: value for name, value in vars(settings).items() if name not in paths},
        inputs=[settings.checkpoint, settings.train, settings.dev, settings.test],
        counts=counts,
        truncated_sequences=sum(part["truncated_sequences"] for part in counts.values()),
        max_length=limit,
        encoding=tokenizer.encoding,
    )


def _report(
    settings: FinetuneSettings,
    metric: str,
    tables: dict[str, TaskTable],
    scores: dict[str, np.ndarray],
    run: _Run,
) -> None:
    dev, test = (
        compute_metrics(settings.kind, tables[split].targets, scores[split])[metric]
        for split in ("dev", "test")
    )
    log.info(
        "%s %.4f on dev, %.4f on test (step %d of lowest dev loss)",
        metric,
        dev,
        test,
        run.best_step,
    )
