"""The kernels that an image brings are used where nothing but a temporary folder can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNEL = "from pybmfm.core.compiled import njit\n\n\n@njit\ndef twice(x):\n    return 2 * x\n"


@pytest.fixture
def call_kernel(tmp_path):
    """Import a kernel in a fresh process, call it, return what numba says of its cache."""
    (tmp_path / "kernel.py").write_text(KERNEL)

    def call(**variables: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        places = [str(tmp_path), *sys.path]
        environment |= {
            "PYTHONPATH": os.pathsep.join(places),
            "NUMBA_DEBUG_CACHE": "1",
            "NUMBA_CPU_NAME": "generic",
            **variables,
        }
        command = [sys.executable, "-c", "import kernel; assert kernel.twice(21) == 42"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    return call


@pytest.fixture
def prebuilt(call_kernel, tmp_path) -> Path:
    folder = tmp_path / "kernels"
    assert "data saved" in call_kernel(NUMBA_CACHE_DIR=str(folder))
    return folder


def test_prebuilt_kernels_are_loaded_from_a_private_copy_that_is_removed(
    call_kernel, prebuilt, tmp_path
):
    before = {path: path.stat().st_mtime_ns for path in prebuilt.rglob("*")}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    said = call_kernel(PYBMFM_KERNELS=str(prebuilt), TMPDIR=str(temporary))
    assert "data loaded" in said
    assert "data saved" not in said
    assert f"{temporary}/pybmfm-kernels-" in said
    assert list(temporary.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in prebuilt.rglob("*")} == before


def test_a_cache_that_the_user_chose_wins(call_kernel, prebuilt, tmp_path):
    own = tmp_path / "own"
    said = call_kernel(PYBMFM_KERNELS=str(prebuilt), NUMBA_CACHE_DIR=str(own))
    assert "data saved" in said
    assert any(own.iterdir())


def test_kernels_that_are_not_there_are_compiled(call_kernel, tmp_path):
    said = call_kernel(PYBMFM_KERNELS=str(tmp_path / "absent"))
    assert "data loaded" not in said
