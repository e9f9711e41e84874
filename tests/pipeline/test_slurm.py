"""Pretraining on a real SLURM of two nodes: jobs that are cancelled, preempted, out of time or
without their node end with the very weights of a run that nothing disturbed; two nodes learn what
one learns."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from .infrastructure import SCRIPTS, apptainer_with_image, set_up
from .pretraining_runs import (
    STEPS,
    Pretraining,
    assert_same_result,
    processes_below,
)
from .published_results import assert_same_published
from .task_scripts import started_in, task_scripts

pytestmark = [pytest.mark.pipeline, pytest.mark.slurm, pytest.mark.timeout(1800)]

# Jobs of a real cluster last long enough to be asked less often.
QUICK = """
executor {
    $slurm {
        pollInterval      = '1 sec'
        queueStatInterval = '1 sec'
        exitReadTimeout   = '5 sec'
    }
}
"""
SETTINGS = ["-c", "quick.config", "--max_memory", "4.GB"]
ON_SLURM = ["-profile", "slurm", *SETTINGS]
IN_APPTAINER = ["-profile", "slurm,apptainer", *SETTINGS]

DEVICES = """
process DEVICES {
    label 'process_gpu'
    debug true
    input:
    val number
    script:
    "echo devices \\$SLURMD_NODENAME \\$CUDA_VISIBLE_DEVICES; sleep 5"
}
process NONE {
    debug true
    script:
    "echo none \\${CUDA_VISIBLE_DEVICES:-}"
}
workflow {
    DEVICES(channel.of(1..4))
    NONE()
}
"""


def takes_long(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that runs everything, or that needs the image and may have to build it."""
    return pytest.mark.engines(pytest.mark.timeout(5400)(test))


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """The folder of a running SLURM, which the commands of this module's tests find."""
    with set_up("slurm") as (folder, variables), pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        # Nodes and master talk over the loopback of the one machine that they are on.
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        yield folder


@pytest.fixture
def pretraining(slurm, launch_folder, undisturbed, tmp_path) -> Iterator[Pretraining]:
    """A folder for the run of a test, after which nothing runs on there."""
    (tmp_path / "quick.config").write_text(QUICK)
    yield launch_folder(tmp_path)
    command("scancel", "--user", "root")
    for pid in processes_below(tmp_path):
        os.kill(pid, signal.SIGKILL)


def command(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def the_job() -> tuple[str, str]:
    """Return id and node of the one job that runs."""
    job, node = command("squeue", "--noheader", "--states=R", "--format=%A %N").split()
    return job, node


def test_a_cancelled_job_is_submitted_again(pretraining, undisturbed):
    """What the owner of a cluster does by hand: TERM, and KILL some seconds later."""
    running = pretraining.start(*ON_SLURM)
    pretraining.wait_until_under_way()
    job, _ = the_job()
    command("scancel", job)
    running.result()
    first, second = pretraining.attempts
    assert (first.exit, second.exit) == ("143", "0")
    assert second.resumed_at is not None
    assert_same_result(pretraining, undisturbed)


@takes_long
@pytest.mark.parametrize("traced", [True, False])
def test_a_cancelled_container_is_submitted_again(
    pretraining, undisturbed, repository, traced, tmp_path
):
    """Signals do not always reach what runs in a container: periodic checkpoints carry it."""
    (tmp_path / "trace.config").write_text(f"trace.enabled = {str(traced).lower()}\n")
    with apptainer_with_image(repository):
        running = pretraining.start(*IN_APPTAINER, "-c", "trace.config")
        pretraining.wait_until_under_way()
        job, _ = the_job()
        command("scancel", job)
        running.result()
    logs = [log.read_text() for log in tmp_path.glob("work/*/*/.command.log")]
    assert len(logs) == 2
    assert sum("resumed at step" in log for log in logs) == 1
    assert all(started_in("apptainer", script) for script in task_scripts(tmp_path / "work"))
    assert_same_result(pretraining, undisturbed)


@pytest.mark.parametrize("queue", ["main", "spot"])
def test_a_preempted_job_is_submitted_again(pretraining, undisturbed, slurm, queue):
    """SLURM would requeue jobs of one queue and cancels those of the other; Nextflow's, which
    forbid the first, it cancels in both."""
    running = pretraining.start(*ON_SLURM, "--queue", queue)
    pretraining.wait_until_under_way()
    urgent = ["--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null"]
    command("sbatch", *urgent, "--wrap=true")
    running.result()
    first, second = pretraining.attempts
    assert (first.exit, second.exit) == ("143", "0")
    assert second.resumed_at is not None
    assert_same_result(pretraining, undisturbed)
    preempted, *_ = jobs_of(slurm, pretraining.folder)
    assert "JobState=PREEMPTED" in preempted


def test_a_job_out_of_time_is_submitted_again(pretraining, undisturbed):
    """SLURM counts time in minutes: the signal comes once one is nearly over."""
    slow = ["--steps", str(STEPS), "--max_time", "1.m", "--cluster_options=--signal=B:USR2@52"]
    running = pretraining.start(*ON_SLURM, *slow)
    running.result()
    *stopped, last = pretraining.attempts
    assert {attempt.exit for attempt in stopped} <= {"140", "143"}
    assert last.exit == "0"
    assert_same_result(pretraining, undisturbed)


def test_a_lost_node_is_replaced_by_another(pretraining, undisturbed, slurm):
    running = pretraining.start(*ON_SLURM)
    pretraining.wait_until_under_way()
    _, node = the_job()
    os.kill(int((slurm / f"slurmd-{node}.pid").read_text()), signal.SIGKILL)
    for pid in processes_below(pretraining.folder / "work"):
        os.kill(pid, signal.SIGKILL)
    try:
        running.result()
        *lost, last = pretraining.attempts
        assert lost
        assert last.exit == "0"
        assert last.resumed_at is not None
        assert_same_result(pretraining, undisturbed)
    finally:
        command(str(SCRIPTS / "slurm_node.sh"), str(slurm), node)


def test_two_nodes_learn_what_one_learns(pretraining, undisturbed):
    pretraining.run(*ON_SLURM, "--nodes", "2")
    (attempt,) = pretraining.attempts
    assert "--nodes=2" in attempt.script
    losses = dict(pretraining.losses)
    assert losses.keys() == dict(undisturbed.losses).keys()
    for step, loss in undisturbed.losses:
        assert losses[step] == pytest.approx(loss, abs=1e-4), step


def test_several_nodes_need_slurm(slurm, launch_folder, tmp_path):
    with pytest.raises(AssertionError, match="several nodes pretrain together on SLURM only"):
        launch_folder(tmp_path).run("--nodes", "2")


def test_tasks_see_the_gpus_they_asked_for_and_no_others(slurm, nextflow, repository, tmp_path):
    (tmp_path / "quick.config").write_text(QUICK)
    (tmp_path / "main.nf").write_text(DEVICES)
    flags = ["-c", repository / "nextflow.config", "-c", "quick.config", "-profile", "slurm"]
    options = ["--gpus", "1", "--max_memory", "1.GB", "--max_cpus", "1"]
    outcome = nextflow("run", "main.nf", *flags, *options, cwd=tmp_path)
    assert outcome.code == 0, outcome.text
    seen = sorted(re.findall(r"^devices (\S+) (\S+)$", outcome.text, re.MULTILINE))
    # Four at once on two nodes of two cores and two GPUs: each has one of its own.
    assert seen == [("n1", "0"), ("n1", "1"), ("n2", "0"), ("n2", "1")]
    assert re.search(r"^none ?$", outcome.text, re.MULTILINE)


def test_every_task_is_a_job_of_the_chosen_queue(slurm, stub_run, tmp_path):
    (tmp_path / "quick.config").write_text(QUICK)
    options = ["-c", "quick.config", "--queue", "spot", "--cluster_options=--comment=pybmfm"]
    outcome = stub_run(tmp_path, *options, profile="test,slurm")
    assert outcome.code == 0, outcome.text
    ours = jobs_of(slurm, tmp_path)
    assert len(ours) == outcome.text.count("Submitted process") > 20
    assert all("Partition=spot" in job and "JobState=COMPLETED" in job for job in ours)


@takes_long
@pytest.mark.parametrize("profile", ["test,slurm", "test,slurm,apptainer"])
def test_the_whole_test_profile_publishes_what_the_machine_does(
    slurm, profile, demo, nextflow, repository, tmp_path
):
    (tmp_path / "quick.config").write_text(QUICK)
    in_apptainer = "apptainer" in profile
    with apptainer_with_image(repository) if in_apptainer else nullcontext():
        command = ["run", repository, "-profile", profile, "-c", "quick.config"]
        outcome = nextflow(*command, cwd=tmp_path, timeout=1700)
    assert outcome.code == 0, outcome.text
    ours = jobs_of(slurm, tmp_path)
    assert len(ours) == outcome.text.count("Submitted process") > 20
    assert all("JobState=COMPLETED" in job for job in ours)
    scripts = task_scripts(tmp_path / "work")
    assert [started_in("apptainer", script) for script in scripts] == [in_apptainer] * len(ours)
    assert_same_published(tmp_path / "results", demo[1] / "results")


def jobs_of(slurm: Path, launch: Path) -> list[str]:
    """Return SLURM's records of the ended jobs of a launch folder."""
    jobs = (slurm / "log" / "jobcomp.txt").read_text().splitlines()
    return [job for job in jobs if f"WorkDir={launch}/work" in job]
