"""Masked language modelling over token shards, resumable bit for bit."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from pybmfm.core import Interrupted, UserError, progress, write_json
from pybmfm.core.ownership import read_json_object
from pybmfm.core.staging import keep_beside, writable
from pybmfm.model import build_config, build_model, save_checkpoint
from pybmfm.training.batches import MaskedBatch, Pieces, Position
from pybmfm.training.checkpoints import (
    BEST,
    BestFolder,
    CheckpointFolder,
    TrainingState,
    restore,
)
from pybmfm.training.compiling import compile_layers
from pybmfm.training.context import CountModels, MaskedPlaces, known_of, warn_of_no_context
from pybmfm.training.evaluating import (
    LN2,
    TokenFigures,
    evaluate,
    evaluation_members,
    logits_at_masks,
)
from pybmfm.training.events import EventFile
from pybmfm.training.identity import check_identity, checkpoint_storage, run_identity
from pybmfm.training.inputs import TrainingInputs
from pybmfm.training.lease import Lease
from pybmfm.training.masking import MaskPlan
from pybmfm.training.micro_batch import memory_guard, micro_batch_tokens
from pybmfm.training.optimizer import CLIP, Optimizers
from pybmfm.training.precision import autocast, resolve_precision
from pybmfm.training.prefetch import Prefetch
from pybmfm.training.processes import Processes, launched_processes
from pybmfm.training.progress_log import ProgressLog
from pybmfm.training.recipes import LAYERS, PIECE_TOKENS
from pybmfm.training.schedule import NOTE, learning_rate, note_steps, noted_steps
from pybmfm.training.settings import PretrainPlan, PretrainSettings
from pybmfm.training.starting import apply_start, counted_tokens
from pybmfm.training.step_batches import StepBatches, StepSource
from pybmfm.training.stopping import StopRequest, stop_request
from pybmfm.training.storage import LocalStorage
from pybmfm.training.throughput import peak_flops, peak_memory_bytes

log = logging.getLogger("pybmfm")

METRICS = "metrics.json"
MEASURED_STEPS = 20  # of a budget in minutes
FINAL_NOTE = "The weights are those of the last step, not of the best evaluation."


def pretrain(settings: PretrainSettings) -> None:
    """Pretrain a model and write it to ``settings.out``.

    Writes ``progress.jsonl`` while running, checkpoints at intervals, the weights of the best
    evaluation of dev in ``best/``, and at the end a checkpoint folder that plain transformers
    loads, with ``metrics.json``, whose dev and test figures are those of the final weights.

    Raises
    ------
    UserError
        If inputs do not fit together, a checkpoint belongs to another run, or the loss is not
        finite any more or has diverged.
    Interrupted
        On SIGTERM, SIGUSR1, SIGUSR2 or when the time budget is used up, after saving.
    OutOfMemory
        When memory ran out; a retry computes in halved micro-batches.
    """
    plan = settings.plan()
    torch.set_num_threads(settings.threads)
    with stop_request(settings.max_minutes) as stop, launched_processes(settings.device) as world:
        run = _Run(plan, world, stop)
        with run.lease():
            _train(run)


def _train(run: _Run) -> None:
    """Read top to bottom: start or resume, step by step, evaluate, write the model."""
    run.start()
    steps = range(run.state.step, run.settings.steps)
    with run.batches_ahead() as ahead:
        for step in run.shown(steps):
            began = time.monotonic()
            rate = run.set_learning_rate(step)
            with run.memory_guard():
                batches, waited = ahead.take()
                record = run.update(batches)
            run.state = run.state.after(batches.position, record["tokens"], record["loss"])
            run.report(record, rate, time.monotonic() - began, waited)
            run.refuse_divergence()
            if run.is_due(run.settings.validation_interval) and run.state.step < run.settings.steps:
                run.validate()
            run.save_or_stop()
    dev = run.validate()
    run.finish(dev)


class _Run:
    """The parts of a run and its named steps."""

    def __init__(self, settings: PretrainPlan, world: Processes, stop: StopRequest) -> None:
        self.settings, self.world, self.stop = settings, world, stop
        self.inputs = TrainingInputs(settings)
        self.precision = resolve_precision(settings.precision, world.device)
        self.identity = run_identity(settings, self.precision, world.count)
        self.storage = checkpoint_storage(settings, self.identity)
        self.checkpoints = CheckpointFolder(self.storage, TrainingState.from_json, settings.keep)
        # The best weights lie where they last: beside the checkpoints in a durable root.
        self.best = BestFolder(self.storage if settings.checkpoints else LocalStorage(settings.out))
        # Shards are digested once, by one process, before the first step of a run.
        verify = world.is_main and not self.checkpoints.steps()
        self.train = self.inputs.whole_windows(verify)
        self.dev, self.test = (self.inputs.pieces(split, verify) for split in ("dev", "test"))
        self.model = _model(settings, self.inputs).to(world.device)  # type: ignore[arg-type]
        self.parameters = list(self.model.parameters())
        self.names: dict[torch.Tensor, str] = {
            parameter: name for name, parameter in self.model.named_parameters()
        }
        self.optimizer = self._new_optimizer()
        self.known = ""  # what the last evaluation of dev showed
        self._count_models: CountModels | None = None
        self._by_counts: dict[str, dict[str, float]] = {}
        tokenizer = self.inputs.tokenizer
        self.figures = TokenFigures(tokenizer.span_lengths, tokenizer.holds_variant, world.device)
        self.peak = peak_flops(world.device, self.precision, settings.peak_tflops)
        self.state = TrainingState(identity=self.identity)
        self.held: Lease | None = None
        self.saved_at = time.monotonic()

    # -- beginning ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the checkpoint folder, if this is the process that writes."""
        if not self.world.is_main:
            self.world.wait()
            yield
            return
        with Lease(self.storage.lease(), should_stop=lambda: bool(self.stop)) as self.held:
            self.world.wait()
            yield

    def shown(self, steps: range) -> Iterable[int]:
        """Go through the steps, with a bar where this is the process that shows one."""
        if not self.world.is_main:
            return steps
        return progress(steps, "pretraining", unit="steps", note=lambda: self.known)

    def start(self) -> None:
        """Resume from the newest checkpoint, or begin.

        Layers are compiled last: a start is computed on the CPU, and once.
        """
        if self.world.is_main and self.checkpoints.steps() and not self.settings.resume:
            raise UserError(
                "holds checkpoints of an earlier run",
                file=self.storage.place,
                remedy="continue it with --resume, or use another --out",
            )
        found = self.checkpoints.newest() if self.world.is_main else None
        name, state = self.world.from_main((None, None) if found is None else found)
        if name is not None:
            check_identity(state.identity, self.identity, self.storage.place)
            restore(self.storage.path(name), self.model, self.optimizer.parts, self.names)
            self.state = replace(state, identity=self.identity)
            step, place = f"{self.state.step:,}", f"{self.storage.place}/{name}"
            log.info("resumed at step %s from %s", step, place)
        elif self.settings.start != "random":
            self._apply_start()
        self._agree_on_the_best()
        wanted = self.settings.micro_batch_tokens or self.settings.tokens_per_batch
        self.micro_batch = self.world.from_main(micro_batch_tokens(self.storage, wanted))
        self.model.train()
        if self.settings.compile:
            compile_layers(self.model)
        if not self.settings.steps:
            self._turn_minutes_into_steps()
        if self.world.is_main:
            self._open_logs()

    def _apply_start(self) -> None:
        """Set the weights by the training split: one process does, all have the same."""
        settings, inputs = self.settings, self.inputs
        if self.world.is_main:
            apply_start(
                settings.start,
                self.model.to("cpu"),  # type: ignore[arg-type]
                inputs.tokenizer,
                Pieces(self.train.corpora, PIECE_TOKENS, self.train.weights),
                self.counted,
                inputs.plan("start"),
                settings.seed,
            )
        self.model.to(self.world.device)  # type: ignore[arg-type]
        self.world.share(self.model)

    @cached_property
    def counted(self) -> NDArray[np.uint16]:
        """Training tokens that starts and count models are made of."""
        return counted_tokens(self.train, self.settings.seed)

    def _turn_minutes_into_steps(self) -> None:
        """Measure this machine's speed, once: a run that is resumed keeps its steps."""
        noted = self.world.from_main(self._noted_steps() if self.world.is_main else None)
        if noted is None:
            step_seconds = self.world.from_main(self._step_seconds())
            noted = max(1, int((self.settings.minutes or 0) * 60 / step_seconds))
            if self.world.is_main:
                note_steps(self.storage, noted, self.identity)
                log.info("%g minutes are enough for %s steps", self.settings.minutes, f"{noted:,}")
        self.settings = self.settings.with_steps(noted)

    def _noted_steps(self) -> int | None:
        """Return the steps of the run that is resumed, None where one begins."""
        if not self.settings.resume:
            return None
        began = self.state.step > 0  # then the checkpoint has shown that it is the same run
        noted = noted_steps(self.storage, None if began else self.identity)
        if began and noted is None:
            raise UserError(
                f"has no readable {NOTE}, which says how many steps its --minutes are",
                file=self.storage.place,
                remedy="put it back, or start again with another --out",
            )
        return noted

    def _step_seconds(self) -> float:
        """Time steps as training does them, with a learning rate of 0: they change no weight."""
        source, seconds = self._source(self.settings.with_steps(MEASURED_STEPS)), []
        with Prefetch(source.steps(Position(), 0, MEASURED_STEPS)) as ahead:
            for _ in range(MEASURED_STEPS):
                began = time.monotonic()
                with self.memory_guard():
                    batches, _ = ahead.take()
                    self.update(batches)
                seconds.append(time.monotonic() - began)
        self.optimizer = self._new_optimizer()  # without the moments of these steps
        return float(np.median(seconds))

    def _new_optimizer(self) -> Optimizers:
        named = dict(self.model.named_parameters())
        return Optimizers(named, self.settings.optimizer, self.world.device)

    def _agree_on_the_best(self) -> None:
        """Forget best weights that are not those of the state: they come again, bit for bit.

        They are not when the run was killed after an evaluation and before the next checkpoint.
        """
        there = self.world.from_main(self.best.step() if self.world.is_main else None)
        if not self.settings.keep_best or there == self.state.best_step:
            return
        if self.world.is_main:
            self.best.remove()
        self.state = replace(self.state, best_step=None, best_bits_per_nucleotide=None)

    def _open_logs(self) -> None:
        settings = self.settings
        durable = [self.storage.logs] if settings.checkpoints else []
        self.log = ProgressLog([*durable, settings.out], anew=not settings.resume)
        self.events = None
        if settings.tensorboard:
            with writable(settings.out / "tensorboard"):
                self.events = EventFile(settings.out / "tensorboard", self.state.step + 1)

    def batches_ahead(self) -> Prefetch[StepBatches]:
        """Make the batches of the remaining steps in a thread; only used ones move the state."""
        source, state = self._source(self.settings), self.state
        return Prefetch(source.steps(state.position, state.step, self.settings.steps))

    def _source(self, settings: PretrainPlan) -> StepSource:
        return StepSource(
            settings=settings,
            world=self.world,
            stages=self.inputs.stages(self.train, settings),
            plan=self.inputs.plan("train"),
            span_lengths=self.inputs.tokenizer.span_lengths,
            config=self.model.config,
            micro_batch_tokens=self.micro_batch,
        )

    # -- one step ----------------------------------------------------------------------------

    def set_learning_rate(self, step: int) -> float:
        """Set and return the learning rate of a step."""
        settings = self.settings
        rate = learning_rate(
            step,
            peak=settings.learning_rate,
            warmup_steps=settings.warmup_steps,
            steps=settings.steps,
        )
        self.optimizer.set_rate(rate)
        return rate

    def update(self, step: StepBatches) -> dict[str, Any]:
        """Do one optimizer step: the loss is a sum over all masked tokens by their number."""
        masked, tokens, nucleotides, flops = self.world.sum(
            step.masked, step.tokens, step.nucleotides, step.flops
        )
        self.optimizer.zero_grad()
        total = torch.zeros((), dtype=torch.float64, device=self.world.device)
        for batch in step.batches:
            loss = self._loss_sum(batch.to(self.world.device))
            (loss / max(1.0, masked)).backward()  # type: ignore[no-untyped-call]
            total += loss.detach().double()
        self.world.sum_gradients(self.parameters)
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, CLIP))
        loss_sum = self.world.sum(float(total))[0]
        self._refuse_nonfinite(loss_sum, norm)
        self.optimizer.step()
        mean = loss_sum / max(1.0, masked)
        return {
            "loss": mean,
            "perplexity": math.exp(min(mean, 700)),
            "bits_per_nucleotide": loss_sum / LN2 / max(1.0, nucleotides),
            "gradient_norm": norm,
            "tokens": int(tokens),
            "masked_tokens": int(masked),
            "flops": flops,
        }

    def _loss_sum(self, masked: MaskedBatch) -> torch.Tensor:
        with self._autocast():
            logits = logits_at_masks(self.model, masked)
        return cross_entropy(logits, masked.targets, reduction="sum")

    def _refuse_nonfinite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        raise UserError(
            f"the loss is not a finite number any more at step {self.state.step + 1:,}: "
            f"{self._last_good(self.state.step)}",
            remedy="start again with a lower --learning-rate or a longer --warmup-steps",
        )

    def refuse_divergence(self) -> None:
        """Stop a run whose loss has stayed far above what it was."""
        losses = self.state.losses
        if not (self.settings.divergence_check and losses.has_diverged):
            return
        raise UserError(
            f"the loss has diverged: for {losses.high} steps it has been more than three times "
            f"its earlier median of {losses.median:.4g}; "
            f"{self._last_good(self.state.step - losses.high)}",
            remedy="start again with a lower --learning-rate, or go on with "
            "--no-divergence-check --resume",
        )

    def _last_good(self, step: int) -> str:
        """Name the newest checkpoint up to a step."""
        good = [name for at, name in self.checkpoints.steps().items() if at <= step]
        best = self.best.step()
        if good:
            return f"the last good checkpoint is {self.storage.place}/{good[-1]}"
        if best is not None and best <= step:
            return f"the weights of the best evaluation are in {self.best.place}"
        return "there is no checkpoint from before"

    # -- between steps -----------------------------------------------------------------------

    def is_due(self, every: int) -> bool:
        """Whether something done every so many steps is due now."""
        return every > 0 and self.state.step % every == 0

    def report(self, record: dict[str, Any], rate: float, seconds: float, waited: float) -> None:
        """Append the step to the log; speed counts real tokens and the waiting for data too."""
        last = self.state.step == self.settings.steps
        if not (self.world.is_main and (last or self.is_due(self.settings.log_every))):
            return
        flops_per_second = record["flops"] / seconds / self.world.count
        self._log(
            **record,
            learning_rate=rate,
            tokens_per_second=record["tokens"] / seconds,
            mfu=None if self.peak is None else flops_per_second / self.peak,
            padding_share=0.0,  # sequences lie end to end
            data_wait_share=waited / seconds,
            peak_memory_bytes=peak_memory_bytes(self.world.device),
        )

    def _log(self, **record: Any) -> None:
        if self.held is not None:
            self.held.check_if_overdue()
        self.log.write(step=self.state.step, **record)
        if self.events is not None:
            numbers = {name: value for name, value in record.items() if value is not None}
            self.events.write(self.state.step, numbers)

    def validate(self) -> dict[str, Any]:
        """Evaluate the dev split, and keep the weights if it is the best evaluation so far."""
        with self.memory_guard():
            figures = self._evaluate(self.dev, "dev")
        if not figures:
            return {}
        shown = {f"dev_{name}": value for name, value in figures.items()}
        if self.world.is_main:
            self._log(**shown)
            self.known = known_of(figures)
        bits, best = figures["bits_per_nucleotide"], self.state.best_bits_per_nucleotide
        if bits is not None and (best is None or bits < best):
            self.state = replace(
                self.state, best_step=self.state.step, best_bits_per_nucleotide=bits
            )
            self._keep_best(shown)
        return figures

    def _keep_best(self, metrics: dict[str, Any]) -> None:
        if not self.settings.keep_best:
            return
        note = f"The weights of the best evaluation of dev, after step {self.state.step:,}."
        self._try_to_write(
            "the best weights",
            lambda held: self.best.commit(
                lambda folder: self._write_model(folder, note, metrics), held.check
            ),
        )

    def save_or_stop(self) -> None:
        """Save if a checkpoint is due, and end the run after saving if that was asked for."""
        settings = self.settings
        minutes = (time.monotonic() - self.saved_at) / 60
        due = self.is_due(settings.checkpoint_every) or minutes >= settings.checkpoint_minutes
        last = self.state.step == settings.steps
        # Signals and clocks differ between processes: all do what any of them wants.
        due_count, stop_count = self.world.sum(float(due), float(bool(self.stop)))
        if stop_count or last or due_count:
            self._save(must=bool(stop_count))
        if stop_count and not last:
            raise Interrupted(
                f"{self.stop.reason or 'another process was stopped'}: saved step "
                f"{self.state.step:,} of {settings.steps:,} in {self.storage.place}; "
                "run again with --resume to continue"
            )

    def _save(self, must: bool) -> None:
        self.saved_at = time.monotonic()
        last = self.state.step == self.settings.steps
        note = (
            FINAL_NOTE if last else f"An intermediate checkpoint, after step {self.state.step:,}."
        )
        self._try_to_write(
            "the checkpoint",
            lambda held: self.checkpoints.commit(
                self.state,
                lambda folder: self._write_model(folder, note),
                self.optimizer.parts,
                self.names,
                held.check,
            ),
            must=must,
        )

    def _try_to_write(
        self, what: str, write: Callable[[Lease], object], *, must: bool = False
    ) -> None:
        """Write, if this is the process that does; a full disk ends the run only if it must."""
        if not self.world.is_main or self.held is None:
            return
        try:
            write(self.held)
        except (OSError, SafetensorError) as error:
            if must:
                raise UserError(
                    f"{what} cannot be written ({error})",
                    file=self.storage.place,
                    remedy="make space and run again with --resume",
                ) from error
            log.warning("%s of step %s cannot be written (%s)", what, self.state.step, error)

    def _write_model(self, folder: Path, note: str, metrics: dict[str, Any] | None = None) -> None:
        save_checkpoint(
            folder,
            self.model,
            self.inputs.tokenizer,
            {
                "settings": self.settings.shown(),
                "inputs": [*self.settings.corpora, self.settings.tokenizer],
                "metrics": metrics or {},
                "counts": self._counts(),
                "encoding": self.inputs.encoding,
                "notes": [note],
            },
        )

    def _counts(self) -> dict[str, int]:
        return {
            "steps": self.state.step,
            "tokens": self.state.tokens,
            "passes": self.state.position.pass_number,
            "train_pieces": len(self.train),
            "train_tokens": int(self.train.lengths.sum()),
        }

    # -- end ---------------------------------------------------------------------------------

    def finish(self, dev: dict[str, Any]) -> None:
        """Evaluate the test split, once, and write the final model beside the best one."""
        with self.memory_guard():
            test = self._evaluate(self.test, "test")
        if not self.world.is_main or self.held is None:
            return
        self.held.check()
        settings, out = self.settings, self.settings.out
        _keep_other_metrics(out / METRICS)
        write_json(out / METRICS, self._metrics(dev, test))
        if shown := known_of(dev):
            log.info("at the end: %s", shown)
        warn_of_no_context(dev)
        self.log.complete()
        self.storage.save_logs()
        if self._has_best() and settings.checkpoints:
            self.best.copy_to(out / BEST, self.held.check)
        figures = {f"dev_{name}": value for name, value in dev.items()}
        figures |= {f"test_{name}": value for name, value in test.items()}
        self._write_model(out, FINAL_NOTE, figures)
        log.info("wrote %s after %s steps", out, f"{self.state.step:,}")

    def _metrics(self, dev: dict[str, Any], test: dict[str, Any]) -> dict[str, Any]:
        return {
            "steps": self.state.step,
            "counts": self._counts(),
            "evaluated_weights": "final",
            "dev": dev,
            "test": test,
            "best_dev": {
                "step": self.state.best_step,
                "bits_per_nucleotide": self.state.best_bits_per_nucleotide,
                "folder": BEST if self._has_best() else None,
            },
        }

    def _has_best(self) -> bool:
        step = self.state.best_step
        return self.settings.keep_best and step is not None and self.best.step() == step

    def _evaluate(self, pieces: Pieces, split: str) -> dict[str, Any]:
        if not len(pieces):
            return {}
        plan = self.inputs.plan(split)
        figures = evaluate(
            self.model,
            pieces,
            plan,
            self.figures,
            self.world,
            budget=self.micro_batch,
            max_tokens=self.settings.max_validation_tokens,
            autocast=self._autocast,
        )
        if self.world.is_main and figures["bits_per_nucleotide"] is not None:
            figures |= self._known_by_counts(split, pieces, plan)
        return figures

    def _known_by_counts(self, split: str, pieces: Pieces, plan: MaskPlan) -> dict[str, float]:
        """Return what counts of the training split predict at the same masks."""
        if split not in self._by_counts:
            members = evaluation_members(pieces, self.settings.max_validation_tokens, plan.seed)
            places = MaskedPlaces.of(pieces, members, plan)
            if self._count_models is None:
                self._count_models = CountModels(
                    self.counted, plan, self.inputs.tokenizer.span_lengths, places
                )
            self._by_counts[split] = self._count_models.figures(places)
        return self._by_counts[split]

    # -- helpers -----------------------------------------------------------------------------

    def _autocast(self) -> AbstractContextManager[Any]:
        return autocast(self.precision, self.world.device)

    def memory_guard(self) -> AbstractContextManager[None]:
        """Turn running out of memory into a halved micro-batch for the retry."""
        largest = max(1, self.settings.tokens_per_batch // self.world.count)
        return memory_guard(self.storage, self.micro_batch, largest, self.state.step + 1)


def _keep_other_metrics(path: Path) -> None:
    """Move a file aside that is not the figures of an earlier run of ours."""
    if not path.exists():
        return
    with contextlib.suppress(UserError):
        if "evaluated_weights" in read_json_object(path, ""):
            return
    kept = keep_beside(path, path, "kept")
    log.warning("%s is not of pretraining: kept as %s", path, kept.name)


def _model(settings: PretrainPlan, inputs: TrainingInputs) -> PreTrainedModel:
    tokenizer = inputs.tokenizer
    config = build_config(
        settings.architecture,
        settings.preset,
        vocab_size=tokenizer.vocab_size,
        pad_id=tokenizer.pad,
        cls_id=tokenizer.cls,
        sep_id=tokenizer.sep,
        max_length=settings.max_length,
        layers=LAYERS[settings.layers],
    )
    return build_model(config, settings.seed)
