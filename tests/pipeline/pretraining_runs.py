"""A launch folder in which the pipeline pretrains, is disturbed, and is looked at afterwards."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

STEPS = 60
CHECKPOINT_EVERY = 5
VALIDATE_EVERY = 20
INTERRUPTED_AFTER = 12
PATIENCE = 600.0  # seconds; a machine that is busy with other things is slow

# What follows pretraining is not looked at here.
ONLY_PRETRAINING = """
process {
    withName: 'COMPARE_TOKENIZERS|AUDIT_LEAKAGE|SUMMARIZE' {
        ext.when = false
    }
}
"""


@dataclass(frozen=True)
class Attempt:
    """One execution of the pretraining task: its exit status and its work folder."""

    exit: str
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / ".command.log").read_text()

    @property
    def script(self) -> str:
        """What Nextflow wrote to run it: a job with its options, a container with its."""
        return (self.folder / ".command.run").read_text()

    @property
    def resumed_at(self) -> int | None:
        """The step of the checkpoint that it went on from."""
        found = re.search(r"resumed at step (\d+)", self.log)
        return int(found[1]) if found else None

    @property
    def seconds(self) -> float:
        """Time from its start to its end."""
        begin, end = (self.folder / name for name in (".command.begin", ".exitcode"))
        return end.stat().st_mtime - begin.stat().st_mtime


class Pretraining:
    """A launch folder in which the pipeline pretrains on finished artefacts, and nothing else."""

    def __init__(self, nextflow: Callable[..., Any], repository: Path, inputs: Path, folder: Path):
        self.folder = folder
        self._nextflow = nextflow
        (folder / "only_pretraining.config").write_text(ONLY_PRETRAINING)
        settings = {
            "corpus": inputs / "corpus",
            "tokenizer": inputs / "tokenizer",
            "encodings": "ref",
            "preset": "tiny",
            "steps": STEPS,
            "tokens_per_batch": 1024,
            "max_validation_tokens": 2000,
            "checkpoint_every": CHECKPOINT_EVERY,
            "pretrain_options": f"--validate-every {VALIDATE_EVERY}",
            "max_cpus": 1,
        }
        flags = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
        self._command = ["run", repository, "-c", "only_pretraining.config", *flags]

    def run(self, *flags: str) -> None:
        """Run the pipeline to its good end."""
        outcome = self._nextflow(*self._command, *flags, cwd=self.folder, timeout=PATIENCE)
        assert outcome.code == 0, outcome.text

    def start(self, *flags: str) -> Future[None]:
        """Run it in a thread."""
        pool = ThreadPoolExecutor(1)
        running = pool.submit(self.run, *flags)
        pool.shutdown(wait=False)
        return running

    @property
    def weights(self) -> bytes:
        return (self.folder / "results/models/ref/model.safetensors").read_bytes()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The published log: a record for each training step and each evaluation."""
        log = self.folder / "results/models/ref/progress.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()]

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Step and loss of every training step in the published log, in the order of the lines."""
        return [(record["step"], record["loss"]) for record in self.records if "loss" in record]

    @property
    def logged_steps(self) -> list[int]:
        """Training steps in the log beside the checkpoints, which outlives the tasks."""
        logs = (self.folder / "results/checkpoints/ref").glob("*/progress.jsonl")
        return [step for log in logs for step, _ in training_steps(log)]

    @property
    def attempts(self) -> list[Attempt]:
        """Every execution of the task that Nextflow saw end, in its order."""
        with (self.folder / "results/pipeline_info/trace.txt").open() as file:
            rows = sorted(csv.DictReader(file, delimiter="\t"), key=lambda row: int(row["task_id"]))
        return [Attempt(row["exit"], self._work(row["hash"])) for row in rows]

    @property
    def attempt_folders(self) -> list[Path]:
        """Work folders of the executions that began, also of those that nobody saw end."""
        return [begun.parent for begun in self.folder.glob("work/*/*/.command.begin")]

    @property
    def checkpoint_files(self) -> dict[str, bytes]:
        """Content of every file below the root of the checkpoints."""
        root = self.folder / "results/checkpoints"
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}

    def _work(self, start: str) -> Path:
        (folder,) = (self.folder / "work").glob(f"{start}*")
        return folder

    def processes(self) -> list[int]:
        """Ids of the training processes that are there now."""
        return [pid for pid in processes_below(self.folder) if "--checkpoints" in command_of(pid)]

    def interrupt(self, number: signal.Signals) -> int:
        """Send a signal to the training process once it is well under way; return its id."""
        self.wait_until_under_way()
        (pid,) = self.processes()
        os.kill(pid, number)
        return pid

    def wait_until_under_way(self) -> None:
        """Wait until there is a checkpoint and work beyond it."""
        wait_until(lambda: max(self.logged_steps, default=0) >= INTERRUPTED_AFTER)

    def kill_nextflow(self) -> None:
        """Kill the engine, which gets no chance to stop its task."""
        kill_engine(self.folder)


def training_steps(log: Path) -> list[tuple[int, float]]:
    """Step and loss of every whole line about a training step."""
    lines = log.read_text().rpartition("\n")[0].splitlines()
    records = [json.loads(line) for line in lines]
    return [(record["step"], record["loss"]) for record in records if "loss" in record]


def kill_engine(folder: Path) -> None:
    """Kill the Nextflow that was launched in a folder; its tasks work below the folder and stay."""
    kill(pid for pid, at in working_folders().items() if at == folder)


def kill_below(folder: Path) -> None:
    """Kill whatever works in a folder or below it."""
    kill(processes_below(folder))


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it ended by itself
            os.kill(pid, signal.SIGKILL)


def processes_below(folder: Path) -> list[int]:
    """Ids of the processes that work in a folder or below it."""
    return [pid for pid, at in working_folders().items() if at.is_relative_to(folder)]


def working_folders() -> dict[int, Path]:
    """The folder that each process works in, by its id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # gone meanwhile, or another user's
                found[int(entry.name)] = (entry / "cwd").readlink()
    return found


def command_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail("waited in vain")
        time.sleep(0.05)


def assert_same_result(pretraining: Pretraining, undisturbed: Pretraining) -> None:
    """The same weights, byte for byte, and every loss, also of steps done again."""
    assert pretraining.weights == undisturbed.weights
    expected = dict(undisturbed.losses)
    assert dict(pretraining.losses).keys() == expected.keys()
    assert all(loss == expected[step] for step, loss in pretraining.losses)
