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

from .infrastructure import IMAGE, podman_with_image, running

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


@dataclass(frozen=True)
class Container:
    """What a job runs in: an image, folders of this machine in it, and variables."""

    image: str
    folders: tuple[Path, ...]
    variables: dict[str, str]


@pytest.fixture(
    scope="module", params=["machine", pytest.param("image", marks=pytest.mark.engines)]
)
def kind(request: pytest.FixtureRequest) -> str:
    """This machine's Python and package in a bare image, or the image of a release."""
    return str(request.param)


@pytest.fixture(scope="module")
def container(
    kind: str, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """A container behind a Docker socket, or a skip that says why there is none.

    A service that is set up already is named by DOCKER_HOST and BASE_IMAGE.
    """
    if kind == "image":
        with podman_with_image(repository):
            yield Container(IMAGE, (), {})
    elif {"DOCKER_HOST", "BASE_IMAGE"} <= os.environ.keys():
        yield machine_in(os.environ["BASE_IMAGE"], repository)
    else:
        folder = tmp_path_factory.mktemp("podman")
        with running("podman", folder, keep=False) as found, pytest.MonkeyPatch.context() as patch:
            for name, value in found.items():
                patch.setenv(name, value)
            yield machine_in(found["BASE_IMAGE"], repository)


def machine_in(image: str, repository: Path) -> Container:
    """The interpreter, its packages and the checkout, each at its own place."""
    folders = {Path(path).resolve() for path in (sys.base_prefix, sys.prefix, repository)}
    path = f"{repository}/bin:{sys.prefix}/bin:/usr/bin:/bin"
    variables = {"PATH": path, "PYTHONPATH": str(repository), "HOME": "/tmp"}
    return Container(image, tuple(sorted(folders | {Path(sys.prefix)})), variables)


@dataclass(frozen=True)
class BatchQueue:
    """A job queue, and a definition of jobs of the same name."""

    name: str
    client: Any
    logs: Any

    def submit(self, command: str, environment: dict[str, str]) -> str:
        """Submit a job and return its id."""
        pairs = [{"name": name, "value": value} for name, value in environment.items()]
        job = self.client.submit_job(
            jobName="pretrain",
            jobQueue=self.name,
            jobDefinition=self.name,
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
def queue(kind: str, container: Container, object_store) -> Iterator[BatchQueue]:
    """A queue of an emulated AWS Batch, and the definition of jobs in a container."""
    batch, roles = object_store.client("batch"), object_store.client("iam")
    role = roles.create_role(RoleName=kind, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    environment = batch.create_compute_environment(
        computeEnvironmentName=kind, type="UNMANAGED", state="ENABLED", serviceRole=role
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    batch.create_job_queue(
        jobQueueName=kind, state="ENABLED", priority=1, computeEnvironmentOrder=order
    )
    folders = [(f"v{number}", str(path)) for number, path in enumerate(container.folders)]
    variables = {
        **container.variables,
        "OMP_NUM_THREADS": "1",
        "PYBMFM_LEASE_SECONDS": "4",  # the killed job's lease goes stale soon
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
    }
    batch.register_job_definition(
        jobDefinitionName=kind,
        type="container",
        containerProperties={
            "image": container.image,
            "command": ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "4096"},
            ],
            "volumes": [{"name": name, "host": {"sourcePath": path}} for name, path in folders],
            "mountPoints": [
                {"sourceVolume": name, "containerPath": path, "readOnly": True}
                for name, path in folders
            ],
            "environment": [{"name": n, "value": v} for n, v in variables.items()],
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_DOCKER_NETWORK_MODE", "host")
        yield BatchQueue(kind, batch, object_store.client("logs"))


@pytest.fixture(scope="module")
def task(kind, nextflow, repository, finished_artefacts, object_store, tmp_path_factory) -> Path:
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
        "checkpoint_root": f"s3://{object_store.bucket}/{kind}/checkpoints",
        "registry": "registry.invalid/lab",
        "queue": kind,
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
def undisturbed(kind, task, object_store, repository, tmp_path_factory) -> Path:
    """The model of the same command on this machine, with its checkpoints on a disk."""
    folder = tmp_path_factory.mktemp("undisturbed") / "task"
    shutil.copytree(task, folder)
    script = (folder / ".command.sh").read_text()
    address = f"s3://{object_store.bucket}/{kind}/checkpoints"
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


def newest_step(object_store, kind: str) -> int:
    keys = object_store.keys(f"{kind}/checkpoints/")
    steps = re.findall(r"step-(\d+)\.commit\.json", " ".join(keys))
    return max(map(int, steps), default=0)


def test_a_terminated_job_is_submitted_again_and_ends_with_the_same_weights(
    kind, queue, task, undisturbed, object_store, tmp_path
):
    object_store.upload(task, f"{kind}/work")
    environment = {"WORK": f"s3://{object_store.bucket}/{kind}/work"}
    first = queue.submit(JOB, environment)
    wait_until(lambda: newest_step(object_store, kind) >= 2 * CHECKPOINT_EVERY)
    queue.client.terminate_job(jobId=first, reason="Host EC2 (instance i-0) terminated.")
    assert queue.wait(first) == "FAILED"
    reached = newest_step(object_store, kind)
    assert reached < STEPS
    second = queue.submit(JOB, environment)
    assert queue.wait(second) == "SUCCEEDED", queue.log(second)
    log = queue.log(second)
    found = re.search(r"resumed at step (\d+) from s3://", log)
    assert found is not None, log
    assert int(found[1]) == reached
    model = object_store.download(f"{kind}/work-out", tmp_path / "model")
    for name in ("model.safetensors", "best/model.safetensors", "metrics.json"):
        assert (model / name).read_bytes() == (undisturbed / name).read_bytes(), name
