"""Fixtures that every room's tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .object_store import ObjectStore, emulated_aws

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The project's root folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real public data kept beside the project, or a skip that says it is absent."""
    if not (REAL_DATA / "mini").is_dir():
        pytest.skip("the real data is not beside this checkout: the test was not run")
    return REAL_DATA


@pytest.fixture(scope="session")
def bwa() -> str:
    """The path of bwa, or a skip that says it is absent."""
    found = shutil.which("bwa")
    if found is None:
        pytest.skip("bwa is not on the PATH (Debian package bwa): the test was not run")
    return found


@pytest.fixture(scope="session")
def demo_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated world, made once per test session."""
    from pybmfm.simulate import SimulationSettings, simulate

    folder = tmp_path_factory.mktemp("world") / "demo"
    simulate(SimulationSettings(out=folder))
    return folder


@pytest.fixture(scope="module")
def object_store() -> Iterator[ObjectStore]:
    """An emulated S3 with an empty bucket, to which the environment points."""
    with emulated_aws() as store:
        yield store
