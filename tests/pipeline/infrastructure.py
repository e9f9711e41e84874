"""Container engines and a SLURM, set up by the scripts in tests/infra where that was asked for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VARIABLE = "PYBMFM_INFRA"  # the folder to set them up under
SCRIPTS = Path(__file__).resolve().parents[1] / "infra"
CANNOT = 77  # exit code of a script that cannot work here


@contextmanager
def set_up(name: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Set one up and stop it afterwards; yield its folder and the variables to work with it.

    Skips the test that needs it where it was not asked for or cannot be had.
    """
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"{name} was not asked for: run `make engines` or `make slurm` as root")
    folder = Path(root) / name
    done = subprocess.run(
        [SCRIPTS / f"{name}_up.sh", folder], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode == CANNOT:
        pytest.skip(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    try:
        yield folder, variables_of(folder / "env.sh")
    finally:
        subprocess.run([SCRIPTS / "down.sh", folder], check=False)


def variables_of(script: Path) -> dict[str, str]:
    """Return what a script of exports sets."""
    if not script.is_file():
        return {}
    text = subprocess.run(
        ["env", "-i", "bash", "-c", f". '{script}'; env -0"], capture_output=True, text=True
    ).stdout
    lines = dict(line.split("=", 1) for line in text.split("\0") if "=" in line)
    return {name: value for name, value in lines.items() if name not in ("PWD", "SHLVL", "_")}
