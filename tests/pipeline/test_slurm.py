"""Pretraining on a real SLURM of two nodes: jobs that are cancelled, preempted, out of time, out of
memory or without their node end with the very weights of a run that nothing disturbed; two nodes
learn what one learns."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from .infrastructure import IMAGE, SCRIPTS, apptainer_with_image, podman_with_image, set_up
from .pretraining_runs import (
    Attempt,
    Pretraining,
    assert_same_result,
    kill_below,
    wait_until,
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
# SLURM counts time in minutes and looks twice in one: it signals 10 to 40 seconds after the start.
ONE_MINUTE = """
process {
    withName: PRETRAIN {
        time = { 1.m * 2 ** (task.attempt - 1) }
    }
}
"""
SIGNAL = "--cluster_options=--signal=B:USR2@20"
TRACING = "nxf_trace"  # in the script of a task whose use of the machine is noted

# Too little for Python and torch, and then enough.
LITTLE_MEMORY = """
process {
    withName: PRETRAIN {
        memory = { 300.MB * 10 ** (task.attempt - 1) }
    }
}
"""

DEVICES = """
process DEVICES {
    label 'process_gpu'
    debug true
    input:
    val number
    output:
    val number
    script:
    "echo devices \\${SLURMD_NODENAME:-inside} \\$CUDA_VISIBLE_DEVICES; sleep 10"
}
process NONE {
    debug true
    input:
    val numbers
    script:
    "echo none \\${CUDA_VISIBLE_DEVICES:-}"
}
workflow {
    DEVICES(channel.of(1..4))
    NONE(DEVICES.out.collect())
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
    kill_below(tmp_path)


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


@pytest.mark.parametrize("queue", ["main", "spot"])
def test_a_preempted_job_is_submitted_again(pretraining, undisturbed, slurm, queue):
    """SLURM would requeue jobs of one queue and cancels those of the other; Nextflow's, which
    forbid the first, it cancels in both."""
    preempt(pretraining, *ON_SLURM, "--queue", queue)
    first, second = pretraining.attempts
    assert (first.exit, second.exit) == ("143", "0")
    assert second.resumed_at is not None
    assert_same_result(pretraining, undisturbed)
    preempted, *_ = jobs_of(slurm, pretraining.folder)
    assert "JobState=PREEMPTED" in preempted


def preempt(pretraining: Pretraining, *flags: str) -> None:
    """Train until the end, and send a job meanwhile that must have both nodes at once."""
    running = pretraining.start(*flags)
    pretraining.wait_until_under_way()
    urgent = ["--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null"]
    command("sbatch", *urgent, "--wrap=true")
    running.result()


def test_a_job_out_of_time_is_submitted_again(pretraining, undisturbed):
    running = start_out_of_time(pretraining, *ON_SLURM)
    running.result()
    *stopped, last = pretraining.attempts
    assert stopped
    assert {attempt.exit for attempt in stopped} <= {"140", "143"}
    assert last.exit == "0"
    assert last.resumed_at is not None
    assert_same_result(pretraining, undisturbed)


def start_out_of_time(pretraining: Pretraining, *flags: str) -> Future[None]:
    """Start training, which under way takes longer than SLURM allows its job, and then goes on."""
    (pretraining.folder / "time.config").write_text(ONE_MINUTE)
    running = pretraining.start(*flags, "-c", "time.config", SIGNAL)
    pid = pretraining.interrupt(signal.SIGSTOP)
    wait_until((Path(f"/proc/{pid}/cwd").readlink() / ".exitcode").exists)
    with suppress(ProcessLookupError):  # killed with its job
        os.kill(pid, signal.SIGCONT)
    return running


def test_a_job_killed_for_its_memory_is_submitted_again_with_more(pretraining, undisturbed):
    (pretraining.folder / "memory.config").write_text(LITTLE_MEMORY)
    pretraining.run(*ON_SLURM, "-c", "memory.config")
    first, second = pretraining.attempts
    assert first.exit in ("-", "137")  # SLURM may kill what would write the exit code, too
    assert second.exit == "0"
    assert "--mem 300M" in first.script
    assert "--mem 3000M" in second.script
    assert_same_result(pretraining, undisturbed)


def test_a_lost_node_is_replaced_by_another(pretraining, undisturbed, slurm):
    running = pretraining.start(*ON_SLURM)
    pretraining.wait_until_under_way()
    _, node = the_job()
    os.kill(int((slurm / f"slurmd-{node}.pid").read_text()), signal.SIGKILL)
    kill_below(pretraining.folder / "work")
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
    assert_learnt_on_two_nodes(pretraining, undisturbed)


def assert_learnt_on_two_nodes(pretraining: Pretraining, undisturbed: Pretraining) -> None:
    """Two nodes add up what one sums at once, and round otherwise."""
    (attempt,) = pretraining.attempts
    assert "--nodes=2" in attempt.script
    losses = dict(pretraining.losses)
    assert losses.keys() == dict(undisturbed.losses).keys()
    for step, loss in undisturbed.losses:
        assert losses[step] == pytest.approx(loss, abs=1e-4), step


def test_several_nodes_need_slurm(slurm, launch_folder, tmp_path):
    with pytest.raises(AssertionError, match="several nodes pretrain together on SLURM only"):
        launch_folder(tmp_path).run("--nodes", "2")


@pytest.fixture
def devices_seen(slurm, nextflow, repository, tmp_path) -> Callable[[str], list[tuple[str, str]]]:
    """Run four tasks with a GPU and one without; return node and GPUs that each of the four saw."""

    def run(profile: str) -> list[tuple[str, str]]:
        (tmp_path / "quick.config").write_text(QUICK)
        (tmp_path / "main.nf").write_text(DEVICES)
        flags = ["-c", repository / "nextflow.config", "-c", "quick.config", "-profile", profile]
        options = ["--gpus", "1", "--max_memory", "1.GB", "--max_cpus", "1"]
        options += ["-process.container", IMAGE]
        outcome = nextflow("run", "main.nf", *flags, *options, cwd=tmp_path)
        assert outcome.code == 0, outcome.text
        assert re.search(r"^none ?$", outcome.text, re.MULTILINE)
        return sorted(re.findall(r"^devices (\S+) (\S+)$", outcome.text, re.MULTILINE))

    return run


def test_tasks_see_the_gpus_they_asked_for_and_no_others(devices_seen):
    # Four at once on two nodes of two cores and two GPUs: each has one of its own.
    assert devices_seen("slurm") == [("n1", "0"), ("n1", "1"), ("n2", "0"), ("n2", "1")]


def test_every_task_is_a_job_of_the_chosen_queue(slurm, stub_run, tmp_path):
    (tmp_path / "quick.config").write_text(QUICK)
    options = ["-c", "quick.config", "--queue", "spot", "--cluster_options=--comment=pybmfm"]
    outcome = stub_run(tmp_path, *options, profile="test,slurm")
    assert outcome.code == 0, outcome.text
    ours = jobs_of(slurm, tmp_path)
    assert len(ours) == outcome.text.count("Submitted process") > 20
    assert all("Partition=spot" in job and "JobState=COMPLETED" in job for job in ours)
    # SLURM forgets the comments of what ended minutes ago.
    last = command("scontrol", "show", "job", re.findall(r"JobId=(\d+)", ours[-1])[0])
    assert "Comment=pybmfm" in last


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


@pytest.fixture
def apptainer(repository) -> Iterator[None]:
    with apptainer_with_image(repository):
        yield


@pytest.fixture(params=[True, False], ids=["traced", "untraced"])
def in_apptainer(apptainer, pretraining, request) -> Iterator[list[str]]:
    """Flags of a run in containers: Nextflow's trace puts a shell around what runs in each.

    That shell passes no signal on: periodic checkpoints carry it then. Reports need the trace, too.
    """
    watching = "" if request.param else "trace.enabled = report.enabled = timeline.enabled = false"
    (pretraining.folder / "trace.config").write_text(f"{watching}\n")
    yield [*IN_APPTAINER, "-c", "trace.config"]
    scripts = task_scripts(pretraining.folder / "work")
    assert [TRACING in script for script in scripts] == [request.param] * len(scripts)


@takes_long
def test_a_cancelled_container_is_submitted_again(pretraining, undisturbed, in_apptainer):
    running = pretraining.start(*in_apptainer)
    pretraining.wait_until_under_way()
    job, _ = the_job()
    command("scancel", job)
    running.result()
    assert_ended_in_containers(pretraining, undisturbed)


@takes_long
def test_a_preempted_container_is_submitted_again(pretraining, undisturbed, slurm, in_apptainer):
    preempt(pretraining, *in_apptainer, "--queue", "spot")
    assert_ended_in_containers(pretraining, undisturbed)
    preempted, *_ = jobs_of(slurm, pretraining.folder)
    assert "JobState=PREEMPTED" in preempted


@takes_long
def test_a_container_out_of_time_is_submitted_again(pretraining, undisturbed, in_apptainer):
    running = start_out_of_time(pretraining, *in_apptainer)
    running.result()
    assert_ended_in_containers(pretraining, undisturbed)


def assert_ended_in_containers(pretraining: Pretraining, undisturbed: Pretraining) -> None:
    """In several attempts, none of them on the machine itself, training came to its usual end."""
    attempts = [Attempt("", folder) for folder in pretraining.attempt_folders]
    assert len(attempts) > 1
    assert all(started_in("apptainer", attempt.script) for attempt in attempts)
    assert any(attempt.resumed_at for attempt in attempts)
    assert_same_result(pretraining, undisturbed)


@takes_long
def test_two_nodes_learn_in_containers_what_one_learns(apptainer, pretraining, undisturbed):
    pretraining.run(*IN_APPTAINER, "--nodes", "2")
    assert_learnt_on_two_nodes(pretraining, undisturbed)
    (attempt,) = pretraining.attempts
    assert started_in("apptainer", attempt.script)


@takes_long
def test_containers_see_the_gpus_they_asked_for_and_no_others(apptainer, devices_seen, tmp_path):
    # Which node it is on is nothing that a container is told.
    assert devices_seen("slurm,apptainer") == 2 * [("inside", "0")] + 2 * [("inside", "1")]
    assert all(started_in("apptainer", script) for script in task_scripts(tmp_path / "work"))


@takes_long
def test_podman_runs_in_the_jobs(slurm, stub_run, repository, tmp_path):
    (tmp_path / "quick.config").write_text(QUICK)
    with podman_with_image(repository):
        outcome = stub_run(tmp_path, "-c", "quick.config", profile="test,slurm,podman")
    assert outcome.code == 0, outcome.text
    scripts = task_scripts(tmp_path / "work")
    assert len(scripts) == len(jobs_of(slurm, tmp_path)) > 20
    assert all(started_in("podman", script) for script in scripts)


def jobs_of(slurm: Path, launch: Path) -> list[str]:
    """Return SLURM's records of the ended jobs of a launch folder."""
    jobs = (slurm / "log" / "jobcomp.txt").read_text().splitlines()
    return [job for job in jobs if f"WorkDir={launch}/work" in job]
