"""Container engines and a SLURM, set up by the scripts in tests/infra where that was asked for."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

IMAGE = "localhost/pybmfm:0.1.0"
# What images are built with here; where packages come from is the machine's to say.
NETWORK = "--network=host"
UV_CACHE = f"--volume {Path.home()}/.cache/uv:/root/.cache/uv"  # docker's client takes no volume

INPUTS = "pybmfm.inputs"  # label with the digest of what an image was built from
VARIABLE = "PYBMFM_INFRA"  # the folder to set them up under
SCRIPTS = Path(__file__).resolve().parents[1] / "infra"
CANNOT = 77  # exit code of a script that cannot work here
UP: dict[str, dict[str, str]] = {}  # what is set up now, and the variables to work with it


@contextmanager
def set_up(name: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Set one up and stop it afterwards; yield its folder and the variables to work with it.

    Skips the test that needs it where it was not asked for or cannot be had.
    """
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"{name} was not asked for: run `make engines` or `make slurm` as root")
    folder = Path(root) / name
    if name in UP:  # whoever set it up also stops it
        yield folder, UP[name]
        return
    with running(name, folder) as variables:
        UP[name] = variables
        try:
            yield folder, variables
        finally:
            del UP[name]


@contextmanager
def running(name: str, folder: Path, *, keep: bool = True) -> Iterator[dict[str, str]]:
    """Run what a script sets up in a folder; yield the variables to work with it."""
    done = subprocess.run(
        [SCRIPTS / f"{name}_up.sh", folder], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode == CANNOT:
        pytest.skip(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    try:
        yield variables_of(folder / "env.sh")
    finally:
        purge = [] if keep else ["--purge"]
        subprocess.run([SCRIPTS / "down.sh", *purge, folder], check=False)


def variables_of(script: Path) -> dict[str, str]:
    """Return what a script of exports sets."""
    if not script.is_file():
        return {}
    text = subprocess.run(
        ["env", "-i", "bash", "-c", f". '{script}'; env -0"], capture_output=True, text=True
    ).stdout
    lines = dict(line.split("=", 1) for line in text.split("\0") if "=" in line)
    return {name: value for name, value in lines.items() if name not in ("PWD", "SHLVL", "_")}


@contextmanager
def podman_with_image(repository: Path) -> Iterator[None]:
    """Podman, and docker over its socket, with the image of these very files."""
    with set_up("podman") as (_, variables), pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        if labels(IMAGE).get(INPUTS) != inputs(repository):
            build(repository, "pybmfm")
        yield


@contextmanager
def apptainer_with_image(repository: Path) -> Iterator[None]:
    """Apptainer, also as singularity, on the PATH, and the image where Nextflow looks for it."""
    with set_up("apptainer") as (folder, _), pytest.MonkeyPatch.context() as patch:
        images = folder.parent / "sif"
        patch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("NXF_APPTAINER_CACHEDIR", str(images))
        patch.setenv("NXF_SINGULARITY_CACHEDIR", str(images))
        file = images / f"{IMAGE.replace('/', '-').replace(':', '-')}.img"
        if labels_of_file(file).get(INPUTS) != inputs(repository):
            with podman_with_image(repository):
                build(repository, "--sif", str(images), "pybmfm")
        yield


def build(repository: Path, *arguments: str, engine: str = "podman") -> None:
    """Run the build script."""
    (Path.home() / ".cache/uv").mkdir(parents=True, exist_ok=True)
    options = NETWORK if engine == "docker" else f"{NETWORK} {UV_CACHE}"
    variables = {**os.environ, "ENGINE": engine, "BUILD_ARGS": options}
    subprocess.run([repository / "containers/build.sh", *arguments], env=variables, check=True)


def inputs(repository: Path) -> str:
    """Return the digest of what the image is built from."""
    command = [repository / "containers/build.sh", "--inputs", "pybmfm"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def labels(image: str) -> dict[str, str]:
    """Return the labels of an image, none where there is no image."""
    done = subprocess.run(["podman", "image", "inspect", image], capture_output=True, check=False)
    return json.loads(done.stdout)[0]["Labels"] if done.returncode == 0 else {}


def labels_of_file(image: Path) -> dict[str, str]:
    """Return the labels of an image file, none where there is no file."""
    command = ["apptainer", "inspect", "--labels", "--json", image]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        return {}
    return dict(json.loads(done.stdout)["data"]["attributes"]["labels"])
