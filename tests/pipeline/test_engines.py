"""The images, and the pipeline's tasks in real container engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybmfm.core.provenance import source_digest

from .infrastructure import IMAGE, apptainer_with_image, label, podman_with_image
from .published_results import assert_same_published

pytestmark = [pytest.mark.pipeline, pytest.mark.engines, pytest.mark.timeout(3600)]

USER = 4242  # nobody whom the machine or the image knows
ENGINES = {
    "podman": podman_with_image,
    "docker": podman_with_image,
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


@pytest.fixture(params=ENGINES)
def engine(repository, request) -> Iterator[str]:
    """Each engine by its name, with the image of this very source."""
    if request.param == "docker" and not shutil.which("docker"):
        pytest.skip("docker: no client on PATH to speak over podman's socket with")
    with ENGINES[request.param](repository):
        yield request.param


def inside(script: str, *options: str) -> str:
    """Run a script in the image; return what it printed."""
    command = ["podman", "run", "--rm", *options, IMAGE, "bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_image_says_what_it_holds(podman):
    assert label("version") == "0.1.0"
    said = inside("python3 -c 'from pybmfm.core.provenance import source_digest as d; print(d())'")
    assert said.strip() == label("revision") == source_digest()


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
    assert inside("for c in cc gcc g++ clang; do ! command -v $c; done; echo none") == "none\n"


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
    runs = [run.read_text() for run in work.glob("*/*/.command.run")]
    assert len(runs) == outcome.text.count("Submitted process") > 20
    assert all(started_in(engine, run) for run in runs)
    assert any(f" '{checkpoints}:{checkpoints}'" in run for run in runs)
    assert_same_published(out, demo[1] / "results")


def test_files_belong_to_the_user_who_launched(podman, nextflow, repository, another_volume):
    """Docker's service runs as root: without the user's id, what tasks write would be root's."""
    if not shutil.which("docker"):
        pytest.skip("docker: no client on PATH to speak over podman's socket with")
    Path(os.environ["DOCKER_HOST"].removeprefix("unix://")).chmod(0o666)
    os.chown(another_volume, USER, USER)
    command = ["run", repository, "-profile", "test,docker", "-stub-run"]
    outcome = nextflow(*command, cwd=another_volume, user=USER)
    assert outcome.code == 0, outcome.text
    assert (another_volume / "results/report.html").is_file()
    assert {path.lstat().st_uid for path in another_volume.rglob("*")} == {USER}


def started_in(engine: str, script: str) -> bool:
    return any(f"{engine} {verb} " in script for verb in ("run", "exec"))
