"""The images, and the pipeline's tasks in real container engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest

from pybmfm.core.provenance import source_digest

from .infrastructure import IMAGE, apptainer_with_image, build, labels, podman_with_image
from .published_results import assert_same_published
from .task_scripts import started_in, task_scripts

pytestmark = [pytest.mark.pipeline, pytest.mark.engines, pytest.mark.timeout(3600)]

USER = 4242  # nobody whom the machine or the image knows
NO_COMPILER = "for c in cc c++ gcc g++ clang; do ! command -v $c; done; echo none"
# As Nextflow begins a task on AWS Batch, in the folder and as the user that the image says.
AS_ON_BATCH = "echo 'echo begun' | bash 2>&1 | tee .command.log"
ALIGNING = """
include { ALIGN_SEQUENCES } from 'MODULE'
workflow {
    ALIGN_SEQUENCES([[task: 'reads'], file('reads.fa')], [file('genome.fa'), []])
}
"""
READ_ONLY = "docker.runOptions = '-u $(id -u):$(id -g) --read-only --tmpfs /tmp'\n"
ENGINES = {
    "podman": podman_with_image,
    "apptainer": apptainer_with_image,
    "singularity": apptainer_with_image,
}


@pytest.fixture(scope="module")
def podman(repository) -> Iterator[None]:
    with podman_with_image(repository):
        yield


@pytest.fixture
def another_volume() -> Iterator[Path]:
    """A folder in memory, not on the disk that holds the checkout and the other folders."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def docker(podman) -> Path:
    """The socket of podman's service, which docker's client speaks over."""
    if not shutil.which("docker"):
        pytest.skip("docker: no client on PATH to speak over podman's socket with")
    return Path(os.environ["DOCKER_HOST"].removeprefix("unix://"))


@pytest.fixture(params=ENGINES)
def engine(repository, request) -> Iterator[str]:
    """Each engine by its name, with the image of this very source."""
    with ENGINES[request.param](repository):
        yield request.param


def inside(script: str, *options: str, image: str = IMAGE) -> str:
    """Run a script in an image; return what it printed."""
    command = ["podman", "run", "--rm", *options, image, "bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_image_says_what_it_holds(podman):
    said = labels(IMAGE)
    assert said["org.opencontainers.image.version"] == "0.1.0"
    code = "from pybmfm.core.provenance import source_digest as d; print(d())"
    digest = inside(f"python3 -c '{code}'").strip()
    assert digest == said["org.opencontainers.image.revision"] == source_digest()


def test_the_image_holds_what_runs_need_and_no_more(podman, repository):
    code = "from importlib.metadata import distributions as d\n"
    code += "for one in d(): print(one.name.lower().replace('_', '-') + '==' + one.version)"
    installed = set(inside(f'python3 -c "{code}"').split())
    lines = (repository / "requirements.lock").read_text().splitlines()
    locked = {line.partition(" ")[0] for line in lines}
    assert installed - locked <= {"pybmfm==0.1.0"}
    names = {one.partition("==")[0] for one in installed}
    assert {"torch", "multiqc"} <= names
    assert not {"pytest", "moto", "mypy", "ruff", "hypothesis", "pip", "uv"} & names
    assert inside("id -u; command -v ps").split()[0] == "1000"
    assert inside(NO_COMPILER) == "none\n"


def test_a_job_of_aws_batch_may_write_where_it_begins(podman):
    assert inside(AS_ON_BATCH) == "begun\n"


@pytest.mark.parametrize("builder", ["podman", "buildah", "docker"])
def test_the_image_for_alignment_is_built_by(builder, podman, repository, request, monkeypatch):
    if builder == "docker":
        request.getfixturevalue("docker")
    monkeypatch.setenv("REGISTRY", f"localhost/by_{builder}")
    build(repository, "align", engine=builder)
    image = f"localhost/by_{builder}/align:0.1.0"
    assert inside("id -u", image=image) == "1000\n"
    found = inside("command -v bwa samtools bgzip ps", image=image).splitlines()
    assert [Path(path).name for path in found] == ["bwa", "samtools", "bgzip", "ps"]
    assert inside(NO_COMPILER, image=image) == "none\n"
    assert inside(AS_ON_BATCH, image=image) == "begun\n"


def test_sequences_are_aligned_in_their_image(podman, repository, nextflow, monkeypatch, tmp_path):
    monkeypatch.setenv("REGISTRY", "localhost/by_podman")
    build(repository, "align")
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 20_000))
    places = {"first": 100, "second": 15_000}
    (tmp_path / "genome.fa").write_text(f">chr1\n{bases}\n")
    reads = "".join(f">{name}\n{bases[at : at + 300]}\n" for name, at in places.items())
    (tmp_path / "reads.fa").write_text(reads)
    module = repository / "modules/local/align_sequences"
    (tmp_path / "main.nf").write_text(ALIGNING.replace("MODULE", str(module)))
    flags = ["-c", repository / "nextflow.config", "-profile", "podman"]
    options = ["--registry", "localhost/by_podman", "--max_memory", "2.GB"]
    outcome = nextflow("run", "main.nf", *flags, *options, cwd=tmp_path)
    assert outcome.code == 0, outcome.text
    (aligned,) = tmp_path.glob("work/*/*/reads.bam")
    with pysam.AlignmentFile(str(aligned), check_sq=False) as records:
        found = {record.query_name: record.reference_start for record in records}
    assert found == places


def test_a_stranger_on_a_read_only_root_without_home_finds_the_kernels(podman):
    script = """
    unset HOME
    cd /tmp
    simulate --out demo
    variant-frequencies --fasta demo/genome.fa.gz --vcf demo/variants.vcf.gz --out frequencies
    encode-genome --fasta demo/genome.fa.gz --frequencies frequencies --region chr1:1-5000 --out f
    """
    stranger = ["--read-only", "--user", f"{USER}:{USER}", "--env", "NUMBA_DEBUG_CACHE=1"]
    said = inside(script, *stranger)
    assert "data loaded" in said
    assert "data saved" not in said


def test_the_whole_test_profile_publishes_what_the_machine_does(
    engine, demo, nextflow, repository, another_volume, tmp_path
):
    """Results, checkpoints and work folder in three different places."""
    launch, out, checkpoints = (tmp_path / name for name in ("launch", "out", "checkpoints"))
    work = another_volume / "work"
    for place in (launch, out, work, checkpoints):
        place.mkdir()
    flags = ["--outdir", out, "-work-dir", work, "--checkpoint_root", checkpoints]
    command = ["run", repository, "-profile", f"test,{engine}", *flags]
    outcome = nextflow(*command, cwd=launch, timeout=3000)
    assert outcome.code == 0, outcome.text
    runs = task_scripts(work)
    assert len(runs) == outcome.text.count("Submitted process") > 20
    assert all(started_in(engine, run) for run in runs)
    assert any(f" '{checkpoints}:{checkpoints}'" in run for run in runs)
    assert_same_published(out, demo[1] / "results")


def test_a_stranger_publishes_the_same_from_docker_with_read_only_roots(
    docker, demo, nextflow, repository, another_volume
):
    """Docker's service runs as root: without the user's id, what tasks write would be root's."""
    if subprocess.run(["test", "-r", repository / "main.nf"], user=USER, check=False).returncode:
        pytest.skip("docker: this checkout lies where other users cannot read it")
    (another_volume / "read_only.config").write_text(READ_ONLY)
    for mine in (another_volume, another_volume / "read_only.config", docker):
        os.chown(mine, USER, USER)
    command = ["run", repository, "-profile", "test,docker", "-c", "read_only.config"]
    try:
        outcome = nextflow(*command, cwd=another_volume, user=USER, timeout=3000)
    finally:
        os.chown(docker, 0, 0)
    assert outcome.code == 0, outcome.text
    runs = task_scripts(another_volume / "work")
    assert len(runs) == outcome.text.count("Submitted process") > 20
    assert all(started_in("docker", run) and "--read-only" in run for run in runs)
    checkpoints = another_volume / "results/checkpoints"
    assert any(f" '{checkpoints}:{checkpoints}'" in run for run in runs)
    assert {path.lstat().st_uid for path in another_volume.rglob("*")} == {USER}
    assert_same_published(another_volume / "results", demo[1] / "results")
