"""Every profile resolves, and says what it is for."""

from __future__ import annotations

import os
import re

import pytest

pytestmark = pytest.mark.pipeline

PROFILES = {
    "test": ["simulate = true", "max_cpus = 1"],
    "test_full": ["preset = 'paper'", "steps = 150000"],
    "docker": ["docker {", "enabled = true"],
    "podman": ["podman {", "enabled = true"],
    "singularity": ["singularity {", "autoMounts = true"],
    "apptainer": ["apptainer {", "autoMounts = true"],
    "slurm": ["executor = 'slurm'", "--gres=", "--signal=B:USR2@300"],
    "lsf": ["executor = 'lsf'", "-gpu", "-wa USR2"],
    "pbspro": ["executor = 'pbspro'", "ngpus="],
    "sge": ["executor = 'sge'", "penv = 'smp'", "-l gpu="],
    "awsbatch": ["executor = 'awsbatch'", "--shm-size", "maxSpotAttempts = 10", "/bin/aws'"],
    "google": ["executor = 'google-batch'", "maxSpotAttempts = 10"],
    "kubernetes": ["executor = 'k8s'", "storageMountPath = '/workspace'", "/dev/shm"],
    "gpu": ["gpus = 1", "--nv"],
}


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_resolves(nextflow, repository, tmp_path, profile):
    outcome = nextflow("config", repository, "-profile", profile, cwd=tmp_path)
    assert outcome.code == 0, outcome.text
    assert [text for text in PROFILES[profile] if text not in outcome.stdout] == []


def test_all_that_is_published_is_made_whole_by_resume(repository):
    """Left out, an unfinished copy would stay: see docs/decisions.md."""
    config = (repository / "conf/modules.config").read_text()
    assert config.count("overwrite: 'deep'") == config.count("params.publish_dir_mode") > 0


CLUSTERS = ["slurm", "lsf", "pbspro", "sge", "awsbatch", "google", "kubernetes"]


@pytest.mark.parametrize("profile", CLUSTERS)
def test_profile_of_a_cluster_resolves_under_the_strict_parser(
    nextflow, repository, tmp_path, monkeypatch, profile
):
    # The plugins of clouds cannot be had offline.
    monkeypatch.setenv("NXF_PLUGINS_DEFAULT", "false")
    command = ["config", repository, "-profile", profile]
    outcome = nextflow(*command, cwd=tmp_path, parser="v2")
    assert outcome.code == 0, outcome.text
    assert [text for text in PROFILES[profile] if text not in outcome.stdout] == []


# The executor of a cloud is a plugin: the graph is made with the local one.
HERE = "process.executor = 'local'\ndocker.enabled = false\n"


@pytest.mark.parametrize(
    ("profile", "flags", "sentences"),
    [
        ("awsbatch", [], ["--queue: is missing", "--checkpoint_root: must be an address"]),
        ("kubernetes", [], ["--kubernetes_claim: is missing"]),
        (
            "google",
            ["--gpus", "1"],
            ["--gpu_type: is missing", "--checkpoint_root: must be an address"],
        ),
        (
            "awsbatch",
            [
                "--queue",
                "cpu",
                "--gpu_queue",
                "gpu",
                "--gpus",
                "1",
                "--checkpoint_root",
                "s3://b/c",
            ],
            [],
        ),
    ],
)
def test_a_profile_of_a_cloud_says_what_it_needs(
    nextflow, repository, tmp_path, profile, flags, sentences
):
    (tmp_path / "here.config").write_text(HERE)
    command = ["run", repository, "-profile", f"test,{profile}", "-c", "here.config", "-preview"]
    outcome = nextflow(*command, *flags, cwd=tmp_path)
    assert (outcome.code == 0) == (not sentences), outcome.text
    assert [text for text in sentences if text not in outcome.text] == []
    assert outcome.text.count("\n  --") == len(sentences)


def test_profiles_combine_under_the_strict_parser(nextflow, repository, tmp_path):
    outcome = nextflow(
        "config", repository, "-profile", "test,slurm,apptainer,gpu", cwd=tmp_path, parser="v2"
    )
    assert outcome.code == 0, outcome.text
    for text in ("simulate = true", "executor = 'slurm'", "gpus = 1", "autoMounts = true"):
        assert text in outcome.stdout


# SLURM's commands, so that each job runs at once as a process of this machine.
SBATCH = """#!/bin/sh
nohup bash "$1" >/dev/null 2>&1 &
echo "Submitted batch job $$"
"""
QUICK = "executor { $slurm { pollInterval = '200ms' ; queueStatInterval = '1s' } }\n"


def test_on_slurm_tasks_that_can_use_a_gpu_ask_for_one_and_no_others(
    nextflow, repository, tmp_path, monkeypatch
):
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in {"sbatch": SBATCH, "squeue": "#!/bin/sh\n", "scancel": "#!/bin/sh\n"}.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(commands), prepend=os.pathsep)
    (tmp_path / "quick.config").write_text(QUICK)
    for name in ("genome.fa", "my.vcf"):
        (tmp_path / name).touch()
    for name in ("tokenizer", "corpus"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text('{"encoding": "ref"}')
    inputs = ["--tokenizer", "tokenizer", "--corpus", "corpus", "--encodings", "ref"]
    inputs += ["--fasta", "genome.fa", "--score_vcf", "my.vcf"]
    gpus = ["--gpus", "2", "--gpu_type", "1g.10gb"]
    outcome = nextflow(
        *["run", repository, "-profile", "slurm", "-c", "quick.config", "-stub-run"],
        *inputs,
        *gpus,
        cwd=tmp_path,
    )
    assert outcome.code == 0, outcome.text
    asked = {}
    for job in tmp_path.glob("work/*/*/.command.run"):
        text = job.read_text()
        process = re.search(r"^### name: '(?:\w+:)*(\w+)", text, re.MULTILINE)
        assert process
        asked[process[1]] = re.findall(r"--gres=(\S+)", text)
    assert asked.pop("PRETRAIN") == ["gpu:1g.10gb:2"]
    assert asked.pop("SCORE_VARIANTS") == ["gpu:1g.10gb:1"]
    assert set(asked) >= {"COMPARE_TOKENIZERS", "SUMMARIZE", "MULTIQC"}
    assert [process for process, gres in asked.items() if gres] == []


def test_images_take_the_registry_and_the_version(nextflow, repository, tmp_path):
    flags = ["-profile", "test,docker", "-format", "config", "--registry", "registry.invalid/lab"]
    outcome = nextflow("inspect", repository, *flags, cwd=tmp_path)
    images = {line.split("'")[3] for line in outcome.stdout.splitlines() if "container =" in line}
    # The names that containers/build.sh gives: its folders'.
    assert images == {f"registry.invalid/lab/{name}:0.1.0" for name in ("align", "pybmfm")}
