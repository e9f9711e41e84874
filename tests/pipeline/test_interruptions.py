"""Pretraining that is killed, stopped, cut short, orphaned or that finds its memory or disk full
under real Nextflow ends with the very weights of a run that nothing disturbed."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .pretraining_runs import (
    CHECKPOINT_EVERY,
    INTERRUPTED_AFTER,
    STEPS,
    VALIDATE_EVERY,
    Pretraining,
    assert_same_result,
    kill_below,
    wait_until,
)

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the tasks' processes in /proc"),
]

SHORT_LEASE = "env { PYBMFM_LEASE_SECONDS = '3' }\n"

# Every large tensor asks the system for memory, and gives it back: none is left to be used again.
NO_SPARE_MEMORY = "env { MALLOC_MMAP_THRESHOLD_ = '65536' }\n"

# Where the kernel has groups of processes, and the file of a group's limit: version 1, version 2.
MEMORY_GROUPS = {
    Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",
    Path("/sys/fs/cgroup"): "memory.max",
}

TOO_LITTLE_TIME = """
process {{
    withName: PRETRAIN {{
        time = {{ {milliseconds}.ms * 2 ** (task.attempt - 1) }}
    }}
}}
"""


@pytest.fixture
def pretraining(launch_folder, undisturbed, tmp_path) -> Iterator[Pretraining]:
    """A folder for the run of a test, after which nothing runs on there."""
    yield launch_folder(tmp_path)
    kill_below(tmp_path)


@contextlib.contextmanager
def mounted(disk: Path, size: str) -> Iterator[Path]:
    """Let a folder be a disk of its own that holds so much."""
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here (root is needed): the test was not run")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def small_disk(pretraining) -> Iterator[Path]:
    """A disk of 64 MB, on which the results and checkpoints of the test's run lie."""
    with mounted(pretraining.folder / "results", "64m") as disk:
        yield disk


@pytest.fixture
def tiny_work_disk(pretraining) -> Iterator[Path]:
    """A disk for the work folders which has room for what a task begins with, not for a model."""
    with mounted(pretraining.folder / "work", "1m") as disk:
        yield disk


@pytest.fixture
def no_memory_left() -> Iterator[Path]:
    """A control group: the kernel kills which of its processes asks for more memory."""
    for root, limit in MEMORY_GROUPS.items():
        group = root / f"pybmfm-{os.getpid()}"
        try:
            if (root / "cgroup.procs").exists():
                group.mkdir()
                (group / limit).write_text(str(8 << 20))
                break
        except OSError:  # without root, or memory is not this hierarchy's to give
            if group.exists():
                group.rmdir()
    else:
        pytest.skip("no control group can be made here (root is needed): the test was not run")
    yield group
    group.rmdir()


def fill(disk: Path) -> None:
    """Leave no room on a disk."""
    with contextlib.suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
        while True:
            file.write(bytes(65536))


def refuse_memory(pid: int) -> None:
    """Let a process have no more memory than it has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    # Far below what it has, so that every request is refused, however small.
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * resource.getpagesize() // 2, hard))


def training_seconds(pretraining: Pretraining) -> float:
    """Time that the steps took, without what comes before and after them."""
    steps = [record for record in pretraining.records if "loss" in record]
    return sum(step["tokens"] / step["tokens_per_second"] for step in steps)


def assert_each_step_once(pretraining: Pretraining) -> None:
    """What was saved on stopping was all that was done."""
    assert [step for step, _ in pretraining.losses] == list(range(1, STEPS + 1))


def test_further_options_reach_the_command(undisturbed):
    steps = [record["step"] for record in undisturbed.records if "dev_loss" in record]
    assert steps == list(range(VALIDATE_EVERY, STEPS + 1, VALIDATE_EVERY))


def test_a_killed_process_is_retried_from_its_newest_checkpoint(pretraining, undisturbed):
    running = pretraining.start()
    pretraining.interrupt(signal.SIGKILL)
    running.result()
    first, second = pretraining.attempts
    assert (first.exit, second.exit) == ("137", "0")
    assert second.resumed_at is not None
    assert second.resumed_at >= INTERRUPTED_AFTER // CHECKPOINT_EVERY * CHECKPOINT_EVERY
    assert second.resumed_at % CHECKPOINT_EVERY == 0
    assert_same_result(pretraining, undisturbed)


def test_a_terminated_process_saves_before_it_is_retried(pretraining, undisturbed):
    running = pretraining.start()
    pretraining.interrupt(signal.SIGTERM)
    running.result()
    first, second = pretraining.attempts
    assert (first.exit, second.exit) == ("143", "0")
    assert f"received SIGTERM: saved step {second.resumed_at} of {STEPS}" in first.log
    assert_each_step_once(pretraining)
    assert_same_result(pretraining, undisturbed)


def test_out_of_memory_is_retried_with_half_the_micro_batch(pretraining, undisturbed):
    (pretraining.folder / "memory.config").write_text(NO_SPARE_MEMORY)
    running = pretraining.start("-c", "memory.config")
    pretraining.wait_until_under_way()
    (pid,) = pretraining.processes()
    refuse_memory(pid)
    running.result()
    first, second = pretraining.attempts
    assert (first.exit, second.exit) == ("137", "0")
    assert "Out of memory: with 1,024 tokens at once" in first.log
    assert "run again with --resume to continue with 512" in first.log
    assert second.resumed_at is not None
    # Sums in two parts are rounded otherwise.
    expected = dict(undisturbed.losses)
    assert dict(pretraining.losses).keys() == expected.keys()
    for step, loss in pretraining.losses:
        assert loss == pytest.approx(expected[step], abs=1e-4), step


def test_a_process_that_the_kernel_kills_for_its_memory_is_retried(
    pretraining, undisturbed, no_memory_left
):
    (pretraining.folder / "memory.config").write_text(NO_SPARE_MEMORY)
    running = pretraining.start("-c", "memory.config")
    pretraining.wait_until_under_way()
    (pid,) = pretraining.processes()
    (no_memory_left / "cgroup.procs").write_text(str(pid))
    running.result()
    said = [(no_memory_left / name) for name in ("memory.oom_control", "memory.events")]
    assert "oom_kill 1\n" in "".join(file.read_text() for file in said if file.exists())
    first, second = pretraining.attempts
    assert (first.exit, second.exit) == ("137", "0")
    assert second.resumed_at is not None
    # Nothing told the command why it ended: its micro-batch stays as it was.
    assert_same_result(pretraining, undisturbed)


def test_a_task_that_nextflow_ends_for_its_time_is_retried_with_more(pretraining, undisturbed):
    (whole,) = undisturbed.attempts
    config = TOO_LITTLE_TIME.format(milliseconds=int(1000 * whole.seconds / 4))
    (pretraining.folder / "time.config").write_text(config)
    pretraining.run("-c", "time.config")
    *ended, last = pretraining.attempts
    assert {attempt.exit for attempt in ended} == {"-"}  # Nextflow does not wait for their end
    assert last.exit == "0"
    # Each saved before it ended, and the next one waited for that.
    assert_each_step_once(pretraining)
    assert_same_result(pretraining, undisturbed)


def test_a_time_budget_cuts_the_run_into_several_attempts(pretraining, undisturbed):
    # A third: the machine may have been slower then.
    minutes = training_seconds(undisturbed) / 3 / 60
    pretraining.run("--max_minutes", f"{minutes:.4f}")
    *stopped, last = pretraining.attempts
    assert {attempt.exit for attempt in stopped} == {"143"}
    assert all("reached --max-minutes" in attempt.log for attempt in stopped)
    assert last.exit == "0"
    assert_each_step_once(pretraining)
    assert_same_result(pretraining, undisturbed)


def test_resume_waits_for_the_task_that_a_killed_engine_left(pretraining, undisturbed):
    running = pretraining.start()
    pretraining.wait_until_under_way()
    pretraining.kill_nextflow()
    with pytest.raises(AssertionError):
        running.result()
    assert len(pretraining.processes()) == 1, "the orphan works on"
    pretraining.run("-resume")
    assert pretraining.attempts[-1].exit == "0"
    # Neither worked beside the other, nor did one do again what the other had done.
    assert_each_step_once(pretraining)
    assert_same_result(pretraining, undisturbed)


def test_a_frozen_orphan_loses_its_folder_and_writes_nothing_when_it_wakes(
    pretraining, undisturbed
):
    (pretraining.folder / "lease.config").write_text(SHORT_LEASE)
    running = pretraining.start("-c", "lease.config")
    orphan = pretraining.interrupt(signal.SIGSTOP)
    (orphan_folder,) = pretraining.attempt_folders
    pretraining.kill_nextflow()
    with pytest.raises(AssertionError):
        running.result()
    pretraining.run("-c", "lease.config", "-resume")
    assert "took over a lease whose owner is gone" in pretraining.attempts[-1].log
    assert_same_result(pretraining, undisturbed)

    before = pretraining.checkpoint_files
    os.kill(orphan, signal.SIGCONT)
    wait_until((orphan_folder / ".exitcode").exists)
    assert (orphan_folder / ".exitcode").read_text() == "2"
    said = (orphan_folder / ".command.log").read_text()
    assert "another process has taken this checkpoint folder over" in said
    assert pretraining.checkpoint_files == before
    assert_same_result(pretraining, undisturbed)


def test_a_disk_that_fills_up_costs_nothing_once_there_is_room(
    pretraining, undisturbed, small_disk
):
    running = pretraining.start()
    pretraining.wait_until_under_way()
    # What could not be written is deleted, which makes room again.
    wait_until(lambda: fill(small_disk) or running.done())
    with pytest.raises(AssertionError, match=r"No space left|Failed to publish"):
        running.result()
    (folder,) = pretraining.attempt_folders
    said = (folder / ".command.log").read_text()
    assert "No space left on device" in said
    assert (folder / ".exitcode").read_text() == "0", "training went on without its checkpoints"
    (small_disk / "filler").unlink()
    pretraining.run("-resume")
    assert pretraining.attempt_folders == [folder], "what was finished is not run again"
    assert_each_step_once(pretraining)
    assert_same_result(pretraining, undisturbed)


def test_a_work_folder_without_room_is_one_sentence_and_publishes_nothing(
    pretraining, undisturbed, tiny_work_disk
):
    with pytest.raises(AssertionError, match="No space left on device"):
        pretraining.run()
    (folder,) = pretraining.attempt_folders
    assert (folder / ".exitcode").read_text() == "2"
    *_, last = (folder / ".command.err").read_text().splitlines()
    assert last.startswith("Error: ")
    assert "No space left on device" in last
    assert not (folder / "model_ref/manifest.json").exists(), "what is not whole has none"
    assert not (pretraining.folder / "results/models").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(tiny_work_disk)], check=True)
    pretraining.run("-resume")
    (attempt,) = pretraining.attempts
    assert attempt.resumed_at == STEPS, "what was trained is not trained again"
    assert_each_step_once(pretraining)
    assert_same_result(pretraining, undisturbed)
