"""Pretraining that is killed, stopped, cut short or orphaned under real Nextflow ends with the
very weights of a run that nothing disturbed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .pretraining_runs import (
    CHECKPOINT_EVERY,
    INTERRUPTED_AFTER,
    STEPS,
    Pretraining,
    assert_same_result,
    processes_below,
)

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the tasks' processes in /proc"),
]


@pytest.fixture(scope="module")
def launch_folder(nextflow, repository, finished_artefacts) -> Callable[[Path], Pretraining]:
    return lambda folder: Pretraining(nextflow, repository, finished_artefacts, folder)


@pytest.fixture(scope="module")
def undisturbed(launch_folder, tmp_path_factory) -> Pretraining:
    """What all others must be equal to."""
    pretraining = launch_folder(tmp_path_factory.mktemp("undisturbed"))
    pretraining.run()
    assert [attempt.exit for attempt in pretraining.attempts] == ["0"]
    assert [step for step, _ in pretraining.losses] == list(range(1, STEPS + 1))
    return pretraining


@pytest.fixture
def pretraining(launch_folder, undisturbed, tmp_path) -> Iterator[Pretraining]:
    """A folder for the run of a test, after which nothing runs on there."""
    yield launch_folder(tmp_path)
    for pid in processes_below(tmp_path):
        os.kill(pid, signal.SIGKILL)


def training_seconds(pretraining: Pretraining) -> float:
    """Time that the steps took, without what comes before and after them."""
    log = pretraining.folder / "results/models/ref/progress.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    return sum(r["tokens"] / r["tokens_per_second"] for r in records if "loss" in r)


def assert_each_step_once(pretraining: Pretraining) -> None:
    """What was saved on stopping was all that was done."""
    assert [step for step, _ in pretraining.losses] == list(range(1, STEPS + 1))


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


def test_a_time_budget_cuts_the_run_into_several_attempts(pretraining, undisturbed):
    minutes = training_seconds(undisturbed) / 2 / 60
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
