"""The fine-tuning loop: one pass over the plan for every learning rate, resumable bit for bit."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from pybmfm.core import Interrupted, UserError, derive_seed, progress
from pybmfm.model import SequenceModel
from pybmfm.training.checkpoints import CheckpointFolder, restore_optimizers
from pybmfm.training.finetuning.examples import Examples
from pybmfm.training.finetuning.losses import Loss
from pybmfm.training.finetuning.place import FinetuneState
from pybmfm.training.finetuning.plan import Plan
from pybmfm.training.finetuning.prediction import (
    embed_rows,
    parts_by_length,
    place_batch,
    predict_rows,
)
from pybmfm.training.finetuning.settings import FinetuneSettings
from pybmfm.training.identity import check_identity
from pybmfm.training.lease import Lease
from pybmfm.training.micro_batch import memory_guard, micro_batch_tokens
from pybmfm.training.precision import autocast
from pybmfm.training.stopping import StopRequest
from pybmfm.training.storage import Storage

log = logging.getLogger("pybmfm")
BETAS = (0.9, 0.99)
WEIGHT_DECAY = 0.01
CLIP = 0.5
WEIGHTS, KEPT, JOURNAL = "model.safetensors", "kept.safetensors", "progress.jsonl"
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Job:
    """What does not change while a run goes on."""

    settings: FinetuneSettings
    plan: Plan
    examples: dict[str, Examples]
    loss: Loss
    device: torch.device
    precision: str
    storage: Storage
    stop: StopRequest


class FinetuneRun:
    """The parts of a run and its named steps.

    Parameters
    ----------
    job
        What to do.
    network
        On the job's device; what requires no gradient stays as it is.
    identity
        By which checkpoints are recognised.
    """

    def __init__(self, job: Job, network: SequenceModel, identity: dict[str, Any]) -> None:
        self.job, self.network = job, network
        self.state = FinetuneState(identity=identity)
        self.trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self.names: dict[torch.Tensor, str] = {p: name for name, p in self.trained.items()}
        self.checkpoints = CheckpointFolder(job.storage, FinetuneState.from_json)
        self.budget = micro_batch_tokens(job.storage, job.settings.batch_tokens)
        self.initial = self._weights()
        self.kept: Weights = {}
        self.journal: list[str] = []
        self.embeddings: dict[str, torch.Tensor] = {}
        self.began = self.saved_at = time.monotonic()

    def train(self, held: Lease) -> None:
        """Take the plan's steps with every learning rate, and end with the best weights.

        Raises
        ------
        Interrupted
            If asked to stop, after saving.
        UserError
            If a loss is not finite, or the checkpoints are not of this run.
        OutOfMemory
            If memory ran out; a retry computes less at once.
        """
        resumed = self._resume()
        with self._memory_guard():
            self._embed_once()
        for trial in range(self.state.trial, len(self.job.settings.rates)):
            if not (resumed and trial == self.state.trial):
                self._begin(trial)
            for step in self._steps(trial):
                with self._memory_guard():
                    self._step(step, trial)
                self._save_or_stop(held)
            self._end(trial)
        self._put(self.kept)

    def predict(self, split: str) -> torch.Tensor:
        """Outputs of every row of a split, float32[n, outputs], on the CPU."""
        with self._memory_guard():
            if split in self.embeddings:
                self.network.eval()
                with torch.inference_mode():
                    return self.network.classify(self.embeddings[split]).cpu()
            return predict_rows(
                self.network, self.job.examples[split].tokens, self.budget, self._autocast
            )

    def seconds(self) -> float:
        """Seconds spent, those before an interruption included."""
        return self.state.seconds + time.monotonic() - self.began

    # -- one learning rate -------------------------------------------------------------------

    def _begin(self, trial: int) -> None:
        self._put(self.initial)
        self._new_optimizer()
        self.state = replace(
            self.state,
            trial=trial,
            step=trial * self.job.plan.steps,
            best_step=0,
            best_loss=math.inf,
            waiting=0,
        )

    def _new_optimizer(self) -> None:
        self.optimizer = torch.optim.AdamW(
            list(self.trained.values()), lr=0.0, betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True
        )

    def _steps(self, trial: int) -> Iterator[int]:
        first = self.state.step - trial * self.job.plan.steps
        remaining = range(first, self.job.plan.steps)
        for step in progress(remaining, "fine-tuning", unit="steps"):
            patience = self.job.settings.patience
            if patience is not None and self.state.waiting >= patience:
                return
            yield step

    def _step(self, step: int, trial: int) -> None:
        plan, settings = self.job.plan, self.job.settings
        rate = plan.rate(step, settings.rates[trial])
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # Dropout depends on the step alone, so that a resumed run draws the same.
        torch.manual_seed(derive_seed(settings.seed, "dropout", step))
        entry = {"step": step + 1, "loss": self._gradients(plan.batch(step)), "learning_rate": rate}
        if len(settings.rates) > 1:
            entry["trial"] = trial + 1
        torch.nn.utils.clip_grad_norm_(self.trained.values(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state = replace(self.state, step=self.state.step + 1)
        if plan.validates(step):
            entry["dev_loss"] = self._dev_loss()
            self._judge(step + 1, trial, entry["dev_loss"])
        self._write(entry)

    def _gradients(self, rows: np.ndarray) -> float:
        """Add up the gradients of a step's rows, in parts that fit; return the mean loss."""
        self.network.train()
        if self.job.settings.frozen:
            self.network.encoder.eval()
        total = torch.zeros((), device=self.job.device)
        for part in self._parts(rows):
            targets = self.job.examples["train"].targets[torch.from_numpy(part)]
            outputs = self._outputs(part)
            loss = self.job.loss.total(outputs, targets.to(self.job.device)) / len(rows)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return _finite(float(total), "loss")

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        if self.embeddings:
            return [rows]
        return parts_by_length(rows, self.job.examples["train"].tokens, self.budget)

    def _outputs(self, rows: np.ndarray) -> torch.Tensor:
        if self.embeddings:
            return self.network.classify(self.embeddings["train"][torch.from_numpy(rows)])
        windows = self.job.examples["train"].tokens.windows
        batch, bounds = place_batch([windows[row] for row in rows], self.job.device)
        with self._autocast():
            outputs: torch.Tensor = self.network(batch, bounds)
        return outputs

    def _dev_loss(self) -> float:
        targets = self.job.examples["dev"].targets
        loss = self.job.loss.total(self.predict("dev"), targets).item() / len(targets)
        return _finite(loss, "dev loss")

    def _judge(self, step: int, trial: int, loss: float) -> None:
        """Remember the best step of this learning rate, and keep the weights if best of all."""
        if loss >= self.state.best_loss:
            self.state = replace(self.state, waiting=self.state.waiting + 1)
            return
        self.state = replace(self.state, best_step=step, best_loss=loss, waiting=0)
        if loss < self.state.kept_loss:
            self.state = replace(self.state, kept_trial=trial, kept_loss=loss)
            self.kept = self._weights()

    def _end(self, trial: int) -> None:
        done = {
            "learning_rate": self.job.settings.rates[trial],
            "steps": self.state.step - trial * self.job.plan.steps,
            "best_step": self.state.best_step,
            "best_dev_loss": self.state.best_loss,
        }
        self.state = replace(self.state, trials=(*self.state.trials, done))

    # -- the state ---------------------------------------------------------------------------

    def _resume(self) -> bool:
        """Go on from the newest checkpoint, if there is one; say whether there was."""
        self._new_optimizer()
        if self.checkpoints.steps() and not self.job.settings.resume:
            raise UserError(
                "holds checkpoints of an earlier run",
                file=self.job.storage.place,
                remedy="continue it with --resume, or remove this folder",
            )
        found = self.checkpoints.newest()
        if found is None:
            return False
        name, state = found
        check_identity(state.identity, self.state.identity, self.job.storage.place)
        path = self.job.storage.path(name)
        self._put(load_file(path / WEIGHTS))
        self.kept = load_file(path / KEPT) if (path / KEPT).is_file() else {}
        restore_optimizers(path, [self.optimizer], self.names)
        self.journal = (path / JOURNAL).read_text().splitlines()
        self.state = replace(state, identity=self.state.identity)
        log.info("resumed at step %s from %s/%s", state.step, self.job.storage.place, name)
        return True

    def _save_or_stop(self, held: Lease) -> None:
        settings, stop = self.job.settings, self.job.stop
        every = settings.checkpoint_every
        minutes = (time.monotonic() - self.saved_at) / 60
        due = (every > 0 and self.state.step % every == 0) or minutes >= settings.checkpoint_minutes
        if not (due or stop):
            return
        state = replace(self.state, seconds=self.seconds())
        self.checkpoints.commit(state, self._write_files, [self.optimizer], self.names, held.check)
        self.saved_at = time.monotonic()
        if stop:
            raise Interrupted(
                f"{stop.reason}: saved step {self.state.step:,} in {self.job.storage.place}; "
                "run again with --resume to continue"
            )

    def _write_files(self, folder: Path) -> None:
        save_file(self._weights(), folder / WEIGHTS)
        if self.kept:
            save_file(self.kept, folder / KEPT)
        (folder / JOURNAL).write_text("".join(f"{line}\n" for line in self.journal))

    def _write(self, entry: dict[str, Any]) -> None:
        self.journal.append(json.dumps(entry))

    def _weights(self) -> Weights:
        # Contiguous copies: what is kept must not change with the next step.
        return {
            name: p.detach().to("cpu", copy=True).contiguous() for name, p in self.trained.items()
        }

    @torch.no_grad()
    def _put(self, weights: Weights) -> None:
        for name, parameter in self.trained.items():
            parameter.copy_(weights[name])

    # -- helpers -----------------------------------------------------------------------------

    def _embed_once(self) -> None:
        """Of a frozen encoder every row's embedding is computed once."""
        if not self.job.settings.frozen:
            return
        for split, examples in self.job.examples.items():
            vectors = embed_rows(
                self.network, examples.tokens, self.budget, self._autocast, f"embedding {split}"
            )
            self.embeddings[split] = vectors.to(self.job.device)

    def _autocast(self) -> AbstractContextManager[Any]:
        return autocast(self.job.precision, self.job.device)

    def _memory_guard(self) -> AbstractContextManager[None]:
        largest = max(int(one.tokens.tokens.sum()) for one in self.job.examples.values())
        return memory_guard(self.job.storage, self.budget, largest, self.state.step + 1)


def _finite(loss: float, name: str) -> float:
    if not math.isfinite(loss):
        raise UserError(f"the {name} is not finite", remedy="use a lower --learning-rate")
    return loss


def facts_of_state(state: FinetuneState) -> dict[str, Any]:
    """Return what ``metrics.json`` says of the training: the kept learning rate and step."""
    kept = state.trials[state.kept_trial]
    return {**kept, "learning_rates": [dict(one) for one in state.trials]}
