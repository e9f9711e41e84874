"""The pretraining task as AWS Batch jobs with everything on S3, emulated, in real containers.

The emulator runs a job's container and kills it when it is terminated. It has no machines that
are taken away, no images with an `aws` command, no roles and no retries: the test submits again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .infrastructure import running

pytestmark = [pytest.mark.pipeline, pytest.mark.aws, pytest.mark.timeout(900)]

STEPS, CHECKPOINT_EVERY = 60, 5
PATIENCE = 300.0  # seconds
PRETRAIN = re.compile(r"PRETRAIN \(ref\)")

# The task's folder is prepared, its command is not run: that is left to Batch.
ONLY_WRITE_THE_COMMAND = """
docker.enabled = false
process {
    executor      = 'local'
    beforeScript  = 'exit 1'
    errorStrategy = 'terminate'
    withName: 'COMPARE_TOKENIZERS|AUDIT_LEAKAGE|SUMMARIZE' {
        ext.when = false
    }
}
"""

# As Nextflow's wrapper does on Batch, with pyarrow in the place of the aws command.
JOB = r"""
set -euo pipefail
export NXF_TASK_WORKDIR=/tmp/task
mkdir -p /tmp/task && cd /tmp/task
copy() {
    python -c 'import sys; from pyarrow.fs import copy_files; copy_files(*sys.argv[1:])' "$@"
}
copy "$WORK" /tmp/task
bash -euo pipefail .command.sh
copy file:///tmp/task/model_ref "$WORK-out"
"""


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A base image behind a Docker socket, or a skip that says why there is none.

    One that is set up already is named by DOCKER_HOST and BASE_IMAGE.
    """
    if {"DOCKER_HOST", "BASE_IMAGE"} <= os.environ.keys():
        yield os.environ["BASE_IMAGE"]
        return
    folder = tmp_path_factory.mktemp("podman")
    with running("podman", folder, keep=False) as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables["BASE_IMAGE"]


@dataclass(frozen=True)
class BatchQueue:
    """A job queue and the definition of jobs that run in a container like this machine."""

    client: Any
    logs: Any

    def submit(self, command: str, environment: dict[str, str]) -> str:
        """Submit a job and return its id."""
        pairs = [{"name": name, "value": value} for name, value in environment.items()]
        job = self.client.submit_job(
            jobName="pretrain",
            jobQueue="cpu",
            jobDefinition="pybmfm",
            containerOverrides={"command": ["bash", "-c", command], "environment": pairs},
        )
        return str(job["jobId"])

    def wait(self, job: str) -> str:
        """Wait for a job's end and return its status."""
        wait_until(lambda: self._status(job) in ("SUCCEEDED", "FAILED"))
        return self._status(job)

    def _status(self, job: str) -> str:
        return str(self.client.describe_jobs(jobs=[job])["jobs"][0]["status"])

    def log(self, job: str) -> str:
        """Return what an ended job said."""
        (described,) = self.client.describe_jobs(jobs=[job])["jobs"]
        events = self.logs.get_log_events(
            logGroupName="/aws/batch/job", logStreamName=described["container"]["logStreamName"]
        )["events"]
        return "\n".join(event["message"] for event in events)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail("waited in vain")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def queue(containers: str, object_store, repository: Path) -> Iterator[BatchQueue]:
    """A queue of an emulated AWS Batch; its containers see this machine's Python and package."""
    batch, roles = object_store.client("batch"), object_store.client("iam")
    role = roles.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="machines", type="UNMANAGED", state="ENABLED", serviceRole=role
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    batch.create_job_queue(
        jobQueueName="cpu", state="ENABLED", priority=1, computeEnvironmentOrder=order
    )
    # The interpreter, its packages and the checkout, each at its own place.
    seen = {str(Path(path).resolve()) for path in (sys.base_prefix, repository)}
    seen |= {str(Path(sys.prefix)), str(Path(sys.prefix).resolve())}
    volumes = [
        {"name": f"v{n}", "host": {"sourcePath": path}} for n, path in enumerate(sorted(seen))
    ]
    mounts = [
        {"sourceVolume": v["name"], "containerPath": v["host"]["sourcePath"], "readOnly": True}
        for v in volumes
    ]
    variables = {
        "PATH": f"{repository}/bin:{sys.prefix}/bin:/usr/bin:/bin",
        "PYTHONPATH": str(repository),
        "HOME": "/tmp",
        "OMP_NUM_THREADS": "1",
        "PYBMFM_LEASE_SECONDS": "4",  # the killed job's lease goes stale soon
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
    }
    batch.register_job_definition(
        jobDefinitionName="pybmfm",
        type="container",
        containerProperties={
            "image": containers,
            "command": ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "4096"},
            ],
            "volumes": volumes,
            "mountPoints": mounts,
            "environment": [{"name": n, "value": v} for n, v in variables.items()],
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_DOCKER_NETWORK_MODE", "host")
        yield BatchQueue(batch, object_store.client("logs"))


@pytest.fixture(scope="module")
def task(nextflow, repository, finished_artefacts, object_store, tmp_path_factory) -> Path:
    """The folder of the pretraining task as -profile awsbatch prepares it: command and inputs."""
    folder = tmp_path_factory.mktemp("launch")
    (folder / "only_write.config").write_text(ONLY_WRITE_THE_COMMAND)
    settings = {
        "corpus": finished_artefacts / "corpus",
        "tokenizer": finished_artefacts / "tokenizer",
        "encodings": "ref",
        "preset": "tiny",
        "steps": STEPS,
        "tokens_per_batch": 1024,
        "max_validation_tokens": 2000,
        "checkpoint_every": CHECKPOINT_EVERY,
        "checkpoint_root": f"s3://{object_store.bucket}/checkpoints",
        "queue": "cpu",
        "max_cpus": 1,
    }
    flags = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
    command = ["run", repository, "-profile", "awsbatch", "-c", "only_write.config", *flags]
    outcome = nextflow(*command, cwd=folder)
    assert outcome.code != 0
    assert PRETRAIN.search(outcome.text), outcome.text
    (script,) = (folder / "work").glob("*/*/.command.sh")
    prepared = tmp_path_factory.mktemp("task")
    shutil.copy(script, prepared)
    for source, target in re.findall(
        r"\bln -s (\S+) (\S+)$", (script.parent / ".command.run").read_text(), re.MULTILINE
    ):
        shutil.copytree(source, prepared / target)
    return prepared


@pytest.fixture(scope="module")
def undisturbed(task, object_store, repository, tmp_path_factory) -> Path:
    """The model of the same command on this machine, with its checkpoints on a disk."""
    folder = tmp_path_factory.mktemp("undisturbed") / "task"
    shutil.copytree(task, folder)
    script = (folder / ".command.sh").read_text()
    address = f"s3://{object_store.bucket}/checkpoints"
    assert address in script
    (folder / ".command.sh").write_text(script.replace(address, str(folder / "checkpoints")))
    variables = {
        **os.environ,
        "PATH": f"{repository}/bin:{sys.prefix}/bin:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "NXF_TASK_WORKDIR": str(folder),
    }
    subprocess.run(
        ["bash", "-euo", "pipefail", ".command.sh"], cwd=folder, env=variables, check=True
    )
    return folder / "model_ref"


def newest_step(object_store) -> int:
    steps = re.findall(r"step-(\d+)\.commit\.json", " ".join(object_store.keys("checkpoints/")))
    return max(map(int, steps), default=0)


def test_a_terminated_job_is_submitted_again_and_ends_with_the_same_weights(
    queue, task, undisturbed, object_store, tmp_path
):
    object_store.upload(task, "work/ab")
    environment = {"WORK": f"s3://{object_store.bucket}/work/ab"}
    first = queue.submit(JOB, environment)
    wait_until(lambda: newest_step(object_store) >= 2 * CHECKPOINT_EVERY)
    queue.client.terminate_job(jobId=first, reason="Host EC2 (instance i-0) terminated.")
    assert queue.wait(first) == "FAILED"
    reached = newest_step(object_store)
    assert reached < STEPS
    second = queue.submit(JOB, environment)
    assert queue.wait(second) == "SUCCEEDED", queue.log(second)
    log = queue.log(second)
    found = re.search(r"resumed at step (\d+) from s3://", log)
    assert found is not None, log
    assert int(found[1]) == reached
    model = object_store.download("work/ab-out", tmp_path / "model")
    for name in ("model.safetensors", "best/model.safetensors", "metrics.json"):
        assert (model / name).read_bytes() == (undisturbed / name).read_bytes(), name
