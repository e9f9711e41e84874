"""Killed or stopped at any step, a fine-tuning run ends as if it never had been."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from pybmfm.core import Interrupted, OutOfMemory, UserError
from pybmfm.training.finetuning.loop import FinetuneRun

from .finetune_tasks import metrics_of, run, with_motif, write_splits

LEARN: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 16,
    "dropout": 0.1,
    "learning_rates": (1e-3, 3e-3),
    "patience": 3,
    "validate_every": 2,
    "checkpoint_every": 3,
    "save_model": True,
}
LEFT = ".result.finetuning"


def at_step(monkeypatch: pytest.MonkeyPatch, wanted: int, action: Callable[[], None]) -> None:
    """Do something once, right after a step (counted over all learning rates)."""
    ordinary, taken = FinetuneRun._step, [0]

    def step(self: FinetuneRun, *arguments: int) -> None:
        ordinary(self, *arguments)
        taken[0] += 1
        if taken[0] == wanted:
            action()

    monkeypatch.setattr(FinetuneRun, "_step", step)


def signalled() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_splits(tmp_path_factory.mktemp("resume") / "t", with_motif, rows=(64, 16, 16))


@pytest.fixture(scope="module")
def straight(checkpoint: Path, task: Path) -> Path:
    """The run that nothing disturbed."""
    return run(checkpoint, task, "straight", **LEARN)


def assert_same_result(one: Path, other: Path) -> None:
    for name in ("predictions.parquet", "progress.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    a, b = (load_file(path / "model" / "model.safetensors") for path in (one, other))
    assert a.keys() == b.keys()
    assert all((a[name] == b[name]).all() for name in a)
    first, second = (
        {k: v for k, v in metrics_of(path).items() if k != "seconds"} for path in (one, other)
    )
    assert first == second


@pytest.mark.parametrize("step", [1, 5, 8, 12])
def test_a_signal_saves_and_the_run_goes_on_bit_for_bit(
    checkpoint: Path,
    task: Path,
    straight: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    out = tmp_path / "result"
    with monkeypatch.context() as patch:
        at_step(patch, step, signalled)
        with pytest.raises(Interrupted, match="SIGTERM: saved step"):
            run(checkpoint, task, str(out), **LEARN)
    assert not out.exists()
    assert (tmp_path / LEFT).is_dir()
    with pytest.raises(UserError, match="continue it with --resume"):
        run(checkpoint, task, str(out), **LEARN)
    with pytest.raises(UserError, match=r"dropout was 0.1, is 0.2"):
        run(checkpoint, task, str(out), **{**LEARN, "dropout": 0.2}, resume=True)
    run(checkpoint, task, str(out), **LEARN, resume=True)
    assert_same_result(out, straight)
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_killed_without_warning_it_goes_on_from_the_last_checkpoint(
    checkpoint: Path, task: Path, straight: Path, tmp_path: Path
) -> None:
    kill = [5, 4]  # steps into each attempt: behind the checkpoints of steps 3 and 6
    for steps in kill:
        child = os.fork()
        if child == 0:
            patch = pytest.MonkeyPatch()
            at_step(patch, steps, lambda: os.kill(os.getpid(), signal.SIGKILL))
            run(checkpoint, task, str(tmp_path / "result"), **LEARN, resume=True)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    run(checkpoint, task, str(tmp_path / "result"), **LEARN, resume=True)
    assert_same_result(tmp_path / "result", straight)


def test_a_durable_root_outlives_the_folder_of_the_result(
    checkpoint: Path, task: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "durable"
    with monkeypatch.context() as patch:
        at_step(patch, 4, signalled)
        with pytest.raises(Interrupted):
            run(checkpoint, task, str(tmp_path / "a" / "r"), **LEARN, checkpoints=root)
    run(checkpoint, task, str(tmp_path / "b" / "r"), **LEARN, checkpoints=root, resume=True)
    assert_same_result(tmp_path / "b" / "r", straight)
    assert not list(root.iterdir())


def test_out_of_memory_halves_what_is_computed_at_once(
    checkpoint: Path, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory() -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    out = str(tmp_path / "result")
    with monkeypatch.context() as patch:
        at_step(patch, 2, no_memory)
        with pytest.raises(OutOfMemory, match="to continue with 150"):
            run(checkpoint, task, out, epochs=1, batch_tokens=300)
    note = json.loads((tmp_path / LEFT / "micro-batch.json").read_text())
    assert note == {"micro_batch_tokens": 150}
    run(checkpoint, task, out, epochs=1, batch_tokens=300, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_the_time_budget_saves_and_stops(checkpoint: Path, task: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="--max-minutes"):
        run(checkpoint, task, str(tmp_path / "result"), **LEARN, max_minutes=1e-6)
    run(checkpoint, task, str(tmp_path / "result"), **LEARN, resume=True)
