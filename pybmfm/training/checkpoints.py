"""Checkpoints for exact resume: atomic folders, checked by digest, the last few kept."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from safetensors.torch import load_file, save_file

from pybmfm.core import digest_file, write_json
from pybmfm.core.artifacts import MANIFEST
from pybmfm.core.ownership import keep_foreign
from pybmfm.model import load_model
from pybmfm.training.batches import Position
from pybmfm.training.divergence import LossHistory
from pybmfm.training.storage import LocalStorage, Storage, replaced_folder

log = logging.getLogger("pybmfm")

BEST = "best"
STATE_FOLDER = "training_state"
TENSORS = f"{STATE_FOLDER}/optimizer.safetensors"
STATE = f"{STATE_FOLDER}/state.json"
STATE_KEYS = ("step", "exp_avg", "exp_avg_sq", "momentum_buffer")  # of AdamW and Muon


class State(Protocol):
    """A dataclass of JSON types that knows how many steps were done."""

    @property
    def step(self) -> int:
        """Steps done."""


S = TypeVar("S", bound=State)


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


class CheckpointFolder(Generic[S]):
    """The ``step-NNNNNN`` folders of one run.

    Parameters
    ----------
    storage
        Where they lie.
    read
        Makes a state of what ``dataclasses.asdict`` made of it.
    keep
        How many are kept.
    """

    def __init__(
        self, storage: Storage, read: Callable[[Mapping[str, Any]], S], keep: int = 2
    ) -> None:
        self.storage = storage
        self._read = read
        self.keep = max(1, keep)

    def steps(self) -> dict[int, str]:
        """Step and name of every committed checkpoint, oldest first."""
        names = [name for name in self.storage.folders() if name.startswith("step-")]
        return dict(sorted((int(name[5:]), name) for name in names if name[5:].isdigit()))

    def newest(self) -> tuple[str, S] | None:
        """Return the newest checkpoint that is whole; says so when it has to fall back."""
        for name in reversed(self.steps().values()):
            try:
                return name, self._read(_checked_state(self.storage.path(name)))
            except (OSError, ValueError, KeyError, TypeError) as error:
                place = f"{self.storage.place}/{name}"
                log.warning("%s is damaged (%s): falling back to the one before", place, error)
        return None

    def commit(
        self,
        state: S,
        write_model: Callable[[Path], None],
        optimizers: Sequence[torch.optim.Optimizer],
        names: Mapping[torch.Tensor, str],
        check: Callable[[], None],
    ) -> None:
        """Write a checkpoint aside, make it durable, check the lease, and give it its name.

        Parameters
        ----------
        state
            Step, position and so on.
        write_model
            Writes the model's files into a folder.
        optimizers, names
            The optimizers, and the name of each of their parameters.
        check
            Raises when this process may no longer write here.
        """
        with self.storage.replacing(f"step-{state.step:06d}", check) as staging:
            (staging / STATE_FOLDER).mkdir()
            write_model(staging)
            save_file(_optimizer_tensors(optimizers, names), staging / TENSORS)
            digests = {
                path.relative_to(staging).as_posix(): digest_file(path)
                for path in sorted(staging.rglob("*.safetensors"))
            }
            content = asdict(state)  # type: ignore[call-overload]
            write_json(staging / STATE, {**content, "sha256": digests})
        self._remove_old(state.step)

    def _remove_old(self, step: int) -> None:
        """Keep the newest; what lies beyond ``step`` was damaged, or we would have used it."""
        steps = self.steps()
        past = [number for number in steps if number <= step]
        for number in [*past[: -self.keep], *(n for n in steps if n > step)]:
            self.storage.remove(steps[number])
        self.storage.sweep()


class BestFolder:
    """The model of the best evaluation so far: a plain checkpoint folder, no state to resume.

    Parameters
    ----------
    storage
        Where it lies, under the name ``best``.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.place = f"{storage.place}/{BEST}"

    def step(self) -> int | None:
        """Step of the weights in it; None where there are none."""
        try:
            return int(
                json.loads(self.storage.read(f"{BEST}/{MANIFEST}") or b"")["counts"]["steps"]
            )
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def commit(self, write_model: Callable[[Path], None], check: Callable[[], None]) -> None:
        """Put what ``write_model`` writes in the place of what was there; ``check`` as above."""
        with self.storage.replacing(BEST, check) as staging:
            write_model(staging)
            self._keep_foreign()

    def copy_to(self, target: Path, check: Callable[[], None]) -> None:
        """Copy it, whole or not at all; what a user has under that name is kept."""
        keep_foreign(target)
        with replaced_folder(target, check) as staging:
            shutil.copytree(self.storage.path(BEST), staging, dirs_exist_ok=True)

    def remove(self) -> None:
        """Forget it."""
        self._keep_foreign()
        self.storage.remove(BEST)

    def _keep_foreign(self) -> None:
        """Beside the model of a run users keep folders of their own, also of this name."""
        if isinstance(self.storage, LocalStorage):
            keep_foreign(self.storage.path(BEST))


def restore(
    path: Path,
    model: torch.nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    names: Mapping[torch.Tensor, str],
) -> None:
    """Load weights and optimizers of a checkpoint into a run, bit for bit."""
    model.load_state_dict(load_model(path).state_dict())
    restore_optimizers(path, optimizers, names)


def restore_optimizers(
    path: Path, optimizers: Sequence[torch.optim.Optimizer], names: Mapping[torch.Tensor, str]
) -> None:
    """Load the optimizers of a checkpoint into a run, bit for bit.

    There is no random state to load: masks and dropout are keyed by the step.
    """
    tensors = load_file(path / TENSORS)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            fused = bool(group.get("fused"))
            for parameter in group["params"]:
                kept = {key: tensors.get(f"{key}:{names[parameter]}") for key in STATE_KEYS}
                found = {key: value for key, value in kept.items() if value is not None}
                if found:
                    optimizer.state[parameter] = {
                        # Fused AdamW counts its steps on the GPU, the ordinary one on the host.
                        key: value.to("cpu" if key == "step" and not fused else parameter.device)
                        for key, value in found.items()
                    }


def _optimizer_tensors(
    optimizers: Sequence[torch.optim.Optimizer], names: Mapping[torch.Tensor, str]
) -> dict[str, torch.Tensor]:
    tensors = {}
    for optimizer in optimizers:
        for parameter, state in optimizer.state.items():
            for key, value in state.items():
                tensors[f"{key}:{names[parameter]}"] = value.detach().cpu().contiguous()
    return tensors


def _checked_state(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((path / STATE).read_text())
    for name, digest in content["sha256"].items():
        if digest_file(path / name) != digest:
            raise ValueError(f"{name} is not as it was written")
    return content
