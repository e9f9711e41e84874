"""Every profile resolves, and says what it is for."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.pipeline

PROFILES = {
    "test": ["simulate = true", "max_cpus = 1"],
    "test_full": ["preset = 'paper'", "steps = 150000"],
    "docker": ["docker {", "enabled = true"],
    "podman": ["podman {", "enabled = true"],
    "singularity": ["singularity {", "autoMounts = true"],
    "apptainer": ["apptainer {", "autoMounts = true"],
    "slurm": ["executor = 'slurm'", "--gres=gpu:", "--signal=B:USR2@300"],
    "awsbatch": ["executor = 'awsbatch'", "--shm-size", "maxSpotAttempts"],
    "gpu": ["gpus = 1", "--nv"],
}


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_resolves(nextflow, repository, tmp_path, profile):
    outcome = nextflow("config", repository, "-profile", profile, cwd=tmp_path)
    assert outcome.code == 0, outcome.text
    assert [text for text in PROFILES[profile] if text not in outcome.stdout] == []


def test_profiles_combine_under_the_strict_parser(nextflow, repository, tmp_path):
    outcome = nextflow(
        "config", repository, "-profile", "test,slurm,apptainer,gpu", cwd=tmp_path, parser="v2"
    )
    assert outcome.code == 0, outcome.text
    for text in ("simulate = true", "executor = 'slurm'", "gpus = 1", "autoMounts = true"):
        assert text in outcome.stdout


def test_images_take_the_registry_and_the_version(nextflow, repository, tmp_path):
    flags = ["-profile", "test,docker", "-format", "config", "--registry", "registry.invalid/lab"]
    outcome = nextflow("inspect", repository, *flags, cwd=tmp_path)
    images = {line.split("'")[3] for line in outcome.stdout.splitlines() if "container =" in line}
    assert images == {"registry.invalid/lab/pybmfm:0.1.0"}
