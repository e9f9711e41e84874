"""Checkpoints for exact resume: atomic folders, checked by digest, the last few kept."""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from pybmfm.core import UserError, digest_file, read_manifest, write_json
from pybmfm.model import load_model
from pybmfm.training.batches import Position
from pybmfm.training.divergence import LossHistory

log = logging.getLogger("pybmfm")

STATE_FOLDER = "training_state"
TENSORS = f"{STATE_FOLDER}/optimizer.safetensors"
STATE = f"{STATE_FOLDER}/state.json"
DIGESTED = ("model.safetensors", TENSORS)


@dataclass(frozen=True)
class TrainingState:
    """All that a run needs beside weights and optimizer to go on as if never stopped."""

    step: int = 0
    position: Position = field(default_factory=Position)
    tokens: int = 0
    best_step: int | None = None
    best_bits_per_nucleotide: float | None = None
    losses: LossHistory = field(default_factory=LossHistory)
    identity: Mapping[str, Any] = field(default_factory=dict)

    def after(self, position: Position, tokens: int, loss: float) -> TrainingState:
        """Return the state after one more step of so many tokens."""
        return replace(
            self,
            step=self.step + 1,
            position=position,
            tokens=self.tokens + tokens,
            losses=self.losses.after(loss),
        )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TrainingState:
        """Read back what ``asdict`` wrote."""
        fields = {name: content[name] for name in cls.__dataclass_fields__}
        losses = LossHistory(tuple(fields["losses"]["calm"]), int(fields["losses"]["high"]))
        return cls(**{**fields, "position": Position(**fields["position"]), "losses": losses})


class CheckpointFolder:
    """The ``step-NNNNNN`` folders of one run.

    Parameters
    ----------
    folder
        Where they lie.
    keep
        How many are kept.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = max(1, keep)

    def steps(self) -> dict[int, Path]:
        """Step and folder of every committed checkpoint, oldest first."""
        found = self.folder.glob("step-*") if self.folder.is_dir() else ()
        named = {int(p.name[5:]): p for p in found if p.is_dir() and p.name[5:].isdigit()}
        return dict(sorted(named.items()))

    def newest(self) -> tuple[Path, TrainingState] | None:
        """Return the newest checkpoint that is whole; says so when it has to fall back."""
        for path in reversed(self.steps().values()):
            try:
                return path, _read_state(path)
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("%s is damaged (%s): falling back to the one before", path, error)
        return None

    def commit(
        self,
        state: TrainingState,
        write_model: Callable[[Path], None],
        optimizer: torch.optim.Optimizer,
        names: Mapping[torch.Tensor, str],
        check: Callable[[], None],
    ) -> Path:
        """Write a checkpoint aside, make it durable, check the lease, and give it its name.

        Parameters
        ----------
        state
            Step, position and so on.
        write_model
            Writes the model's files into a folder.
        optimizer, names
            The optimizer, and the name of each of its parameters.
        check
            Raises when this process may no longer write here.
        """
        target = self.folder / f"step-{state.step:06d}"
        with _replacing(target, check) as staging:
            (staging / STATE_FOLDER).mkdir()
            write_model(staging)
            save_file(_optimizer_tensors(optimizer, names), staging / TENSORS)
            digests = {name: digest_file(staging / name) for name in DIGESTED}
            write_json(staging / STATE, {**asdict(state), "sha256": digests})
        self._remove_old(state.step)
        return target

    def _remove_old(self, step: int) -> None:
        """Keep the newest; what lies beyond ``step`` was damaged, or we would have used it."""
        steps = self.steps()
        past = [number for number in steps if number <= step]
        for number in [*past[: -self.keep], *(n for n in steps if n > step)]:
            shutil.rmtree(steps[number], ignore_errors=True)
        for orphan in self.folder.glob(".step-*.part"):  # left by a killed process
            shutil.rmtree(orphan, ignore_errors=True)


class BestFolder:
    """The model of the best evaluation so far: a plain checkpoint folder, no state to resume.

    Parameters
    ----------
    folder
        Its place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def step(self) -> int | None:
        """Step of the weights in it; None where there are none."""
        try:
            return int(read_manifest(self.folder, "checkpoint")["counts"]["steps"])
        except (UserError, KeyError, TypeError, ValueError):
            return None

    def commit(self, write_model: Callable[[Path], None], check: Callable[[], None]) -> None:
        """Put what ``write_model`` writes in the place of what was there; ``check`` as above."""
        with _replacing(self.folder, check) as staging:
            write_model(staging)

    def copy_to(self, target: Path, check: Callable[[], None]) -> None:
        """Copy it, whole or not at all."""
        with _replacing(target, check) as staging:
            shutil.copytree(self.folder, staging, dirs_exist_ok=True)

    def remove(self) -> None:
        """Forget it."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _replacing(target: Path, check: Callable[[], None]) -> Iterator[Path]:
    """Yield a folder that, made durable and if ``check`` lets it, takes the name ``target``.

    What had the name before goes: a damaged checkpoint that the run fell back from, or a model
    that was not as good. What a killed process left half-written under other names goes too.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        staging.mkdir()
        yield staging
        _make_durable(staging)
        check()
        if target.exists():
            shutil.rmtree(target)
        os.replace(staging, target)
        _sync(target.parent)
    finally:
        for orphan in target.parent.glob(f".{target.name}.*.part"):
            shutil.rmtree(orphan, ignore_errors=True)


def restore(
    path: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    names: Mapping[torch.Tensor, str],
) -> None:
    """Load weights, optimizer and random state of a checkpoint into a run, bit for bit."""
    model.load_state_dict(load_model(path).state_dict())
    tensors = load_file(path / TENSORS)
    torch.set_rng_state(tensors["rng.cpu"])
    for group in optimizer.param_groups:
        fused = bool(group.get("fused"))
        for parameter in group["params"]:
            name = names[parameter]
            kept = {key: tensors.get(f"{key}:{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
            if kept["step"] is not None:
                optimizer.state[parameter] = {
                    # Fused AdamW counts its steps on the GPU, the ordinary one on the host.
                    key: value.to("cpu" if key == "step" and not fused else parameter.device)
                    for key, value in kept.items()
                    if value is not None
                }


def _optimizer_tensors(
    optimizer: torch.optim.Optimizer, names: Mapping[torch.Tensor, str]
) -> dict[str, torch.Tensor]:
    tensors = {"rng.cpu": torch.get_rng_state()}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            tensors[f"{key}:{names[parameter]}"] = value.detach().cpu().contiguous()
    return tensors


def _read_state(path: Path) -> TrainingState:
    content = json.loads((path / STATE).read_text())
    for name, digest in content["sha256"].items():
        if digest_file(path / name) != digest:
            raise ValueError(f"{name} is not as it was written")
    return TrainingState.from_json(content)


def _make_durable(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
