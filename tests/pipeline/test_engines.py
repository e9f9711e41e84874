"""The images, and the pipeline's tasks in real container engines."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from pybmfm.core.provenance import source_digest

from .infrastructure import IMAGE, apptainer_with_image, label, podman_with_image
from .pretraining_runs import assert_same_result

pytestmark = [pytest.mark.pipeline, pytest.mark.engines, pytest.mark.timeout(3600)]

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
    stranger = ["--read-only", "--user", "4242:4242", "--env", "NUMBA_DEBUG_CACHE=1"]
    said = inside(script, *stranger)
    assert "data loaded" in said
    assert "data saved" not in said


def test_the_test_profile_runs_in(engine, stub_run, tmp_path):
    """Results, checkpoints and work folder in three different places."""
    places = [tmp_path / name for name in ("launch", "out", "work", "checkpoints")]
    for place in places:
        place.mkdir()
    launch, out, work, checkpoints = places
    flags = ["--outdir", str(out), "-work-dir", str(work), "--checkpoint_root", str(checkpoints)]
    outcome = stub_run(launch, *flags, profile=f"test,{engine}")
    assert outcome.code == 0, outcome.text
    assert (out / "report.html").is_file()
    runs = [run.read_text() for run in work.glob("*/*/.command.run")]
    assert len(runs) > 20
    assert all(started_in(engine, run) for run in runs)
    assert any(f" '{checkpoints}:{checkpoints}'" in run for run in runs)


def test_a_container_learns_what_the_machine_learns(engine, undisturbed, launch_folder, tmp_path):
    pretraining = launch_folder(tmp_path)
    pretraining.run("-profile", engine)
    (attempt,) = pretraining.attempts
    assert started_in(engine, (attempt.folder / ".command.run").read_text())
    assert_same_result(pretraining, undisturbed)


def started_in(engine: str, script: str) -> bool:
    return any(f"{engine} {verb} " in script for verb in ("run", "exec"))
