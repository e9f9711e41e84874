"""Every profile resolves, and says what it is for."""

from __future__ import annotations

import os
import re

import pytest

from .task_scripts import task_scripts

pytestmark = pytest.mark.pipeline

PROFILES = {
    "test": ["simulate = true", "max_cpus = 1"],
    "test_full": ["preset = 'paper'", "steps = 150000"],
    "controls": ["simulate_options = '--contig-length", "seeds = '0,1,2'"],
    "docker": ["docker {\n   enabled = true"],
    "podman": ["podman {\n   enabled = true", "--userns=keep-id"],
    "singularity": [
        "singularity {\n   enabled = true\n   pullTimeout = '2 h'\n   autoMounts = true"
    ],
    "apptainer": ["apptainer {\n   enabled = true\n   pullTimeout = '2 h'\n   autoMounts = true"],
    "slurm": ["executor = 'slurm'", "--gres=", "--signal=B:USR2@300"],
    "lsf": ["executor = 'lsf'", "-gpu", "-wa USR2"],
    "pbspro": ["executor = 'pbspro'", "ngpus="],
    "sge": ["executor = 'sge'", "penv = 'smp'", "-l gpu="],
    "awsbatch": ["executor = 'awsbatch'", "maxSpotAttempts = 10", "/bin/aws'"],
    "google": [
        "executor = 'google-batch'",
        "container_options = '--user root'",
        "spot = false\n      maxSpotAttempts = 10",
    ],
    "kubernetes": [
        "executor = 'k8s'",
        "storageMountPath = '/workspace'",
        "runAsUser = 0",
        "/dev/shm",
    ],
    "gpu": ["gpus = 1\n"],
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


REGISTRY = ["--registry", "registry.invalid/lab"]
NO_REGISTRY = "--registry: is missing"


@pytest.mark.parametrize(
    ("profile", "flags", "sentences"),
    [
        (
            "awsbatch",
            [],
            [NO_REGISTRY, "--queue: is missing", "--checkpoint_root: must be an address"],
        ),
        ("kubernetes", [], [NO_REGISTRY, "--kubernetes_claim: is missing"]),
        (
            "google",
            ["--gpus", "1", "--registry", "localhost/lab"],
            [NO_REGISTRY, "--gpu_type: is missing", "--checkpoint_root: must be an address"],
        ),
        (
            "awsbatch",
            [*REGISTRY, "--queue", "cpu", "--gpus", "1", "--checkpoint_root", "s3://b/c"],
            [],
        ),
        ("kubernetes", [*REGISTRY, "--kubernetes_claim", "mine"], []),
    ],
)
def test_a_profile_of_a_cloud_says_what_it_needs(
    nextflow, repository, tmp_path, profile, flags, sentences
):
    outcome = preview(nextflow, repository, tmp_path, profile, *flags)
    assert (outcome.code == 0) == (not sentences), outcome.text
    assert [text for text in sentences if text not in outcome.text] == []
    assert outcome.text.count("\n  --") == len(sentences)


def test_what_the_strict_parser_would_leave_out_is_refused(
    nextflow, repository, tmp_path, monkeypatch
):
    monkeypatch.setenv("NXF_PLUGINS_DEFAULT", "false")
    flags = [*REGISTRY, "--kubernetes_claim", "mine", "--kubernetes_namespace", "lab"]
    outcome = preview(nextflow, repository, tmp_path, "kubernetes", *flags, parser="v2")
    assert outcome.code != 0
    assert "--kubernetes_claim, --kubernetes_namespace: Nextflow before 25.10" in outcome.text


def preview(nextflow, repository, folder, profile, *flags, parser="v1"):
    """Make the graph with the local executor: that of a cloud is a plugin."""
    here = ["-process.executor", "local", "-without-docker", "-preview"]
    command = ["run", repository, "-profile", f"test,{profile}", *here, *flags]
    return nextflow(*command, cwd=folder, parser=parser)


def test_profiles_combine_under_the_strict_parser(nextflow, repository, tmp_path):
    outcome = nextflow(
        "config", repository, "-profile", "test,slurm,apptainer,gpu", cwd=tmp_path, parser="v2"
    )
    assert outcome.code == 0, outcome.text
    for text in ("simulate = true", "executor = 'slurm'", "gpus = 1", "autoMounts = true"):
        assert text in outcome.stdout


# SLURM's commands and docker's, so that each job and container is a process of this machine.
COMMANDS = {
    "sbatch": """
export SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_JOB_NODELIST=n1
nohup bash "$1" >/dev/null 2>&1 &
echo "Submitted batch job $$"
""",
    "squeue": "",
    "scancel": "",
    "scontrol": "",
    "srun": "",
    "docker": """
[ "$1" = run ] || exit 0
while [ "$1" != /bin/bash ]; do shift; done
exec "$@"
""",
}
QUICK = "executor { $slurm { pollInterval = '200ms' ; queueStatInterval = '1s' } }\n"


@pytest.fixture(scope="module")
def jobs(nextflow, repository, tmp_path_factory) -> dict[str, str]:
    """Script of each process's job: a stub run by SLURM and docker in a folder with a space."""
    folder = tmp_path_factory.mktemp("my launch")
    commands = folder / "commands"
    commands.mkdir()
    for name, text in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/sh\n{text}")
        (commands / name).chmod(0o755)
    (folder / "quick.config").write_text(QUICK)
    for name in ("genome.fa", "my.vcf"):
        (folder / name).touch()
    for name in ("tokenizer", "corpus"):
        (folder / name).mkdir()
        (folder / name / "manifest.json").write_text('{"encoding": "ref"}')
    inputs = ["--tokenizer", "tokenizer", "--corpus", "corpus", "--encodings", "ref"]
    inputs += ["--fasta", "genome.fa", "--score_vcf", "my.vcf"]
    site = ["--queue", "cpu", "--gpu_queue", "big", "--account", "lab"]
    gpus = ["--gpus", "2", "--gpu_type", "1g.10gb", "--nodes", "2"]
    command = ["run", repository, "-profile", "slurm,docker", "-c", "quick.config", "-stub-run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(commands), prepend=os.pathsep)
        outcome = nextflow(*command, *inputs, *site, *gpus, cwd=folder)
    assert outcome.code == 0, outcome.text
    return {process_of(script): script for script in task_scripts(folder / "work")}


def process_of(script: str) -> str:
    found = re.search(r"^### name: '(?:\w+:)*(\w+)", script, re.MULTILINE)
    assert found
    return found[1]


def asked(script: str, option: str) -> list[str]:
    """The values that a job's header gives to an option of SLURM."""
    header = " ".join(re.findall(r"^#SBATCH (.+)$", script, re.MULTILINE))
    return re.findall(rf"(?:^| ){option}[= ](\S+)", header)


def test_on_slurm_tasks_that_can_use_a_gpu_ask_for_one_and_no_others(jobs):
    gres = {process: asked(script, "--gres") for process, script in jobs.items()}
    assert gres.pop("PRETRAIN") == ["gpu:1g.10gb:2"]
    assert gres.pop("SCORE_VARIANTS") == ["gpu:1g.10gb:1"]
    assert set(gres) >= {"COMPARE_TOKENIZERS", "SUMMARIZE", "MULTIQC"}
    assert not any(gres.values())


def test_on_slurm_every_job_has_its_queue_and_account(jobs):
    for process, script in jobs.items():
        queue = "big" if process in ("PRETRAIN", "SCORE_VARIANTS") else "cpu"
        assert asked(script, "-p") == [queue], process
        assert asked(script, "--account") == ["lab"], process


def test_several_nodes_are_for_pretraining_alone(jobs):
    nodes = {process: asked(script, "--nodes") for process, script in jobs.items()}
    assert nodes.pop("PRETRAIN") == ["2"]
    assert not any(nodes.values())
    helped = [process for process, script in jobs.items() if "slurm_nodes.sh" in script]
    assert helped == ["PRETRAIN"]


def test_containers_are_started_with_what_their_process_needs(jobs):
    """GPUs, memory that processes share, nodes and the folder of checkpoints; variables for all."""
    for process, script in jobs.items():
        found = re.search(r"docker run .*", script)
        assert found, process
        (started,) = found.group().splitlines()
        gpu = process in ("PRETRAIN", "SCORE_VARIANTS")
        assert ("--gpus all --shm-size 8g" in started) == gpu, process
        assert ("--network host" in started) == (process == "PRETRAIN"), process
        kept = re.search(r"-v '(.+):\1'", started)
        assert (kept is not None) == (process == "PRETRAIN"), process
        assert kept is None or kept[1].endswith("/results/checkpoints")
        assert '-e "AWS_ENDPOINT_URL"' in started
        assert '-e "PYBMFM_LEASE_SECONDS"' in started


# Each fails as often as it is told to, with the exit codes that it is told.
RETRIES = """
process ASKS {
    label 'process_low'
    input:
    val exits
    script:
    \"\"\"
    # ${exits.join(' ')}: ${task.attempt} ${task.memory} ${task.time}
    exit ${exits[task.attempt - 1]}
    \"\"\"
}
process SLOW {
    label 'process_single'
    script:
    \"\"\"
    # slow: ${task.attempt} ${task.memory} ${task.time}
    ${task.attempt == 1 ? 'sleep 60' : ''}
    \"\"\"
}
workflow {
    ASKS(channel.of([137, 140, 143, 0], [137, 137, 137, 137, 0]))
    SLOW()
}
"""
A_LARGE_MACHINE = """
executor { $local { memory = 200.GB } }
process {
    withName: ASKS { maxRetries = 4 }
    withName: SLOW { ext.time = 2.s }
}
"""


@pytest.mark.parametrize("parser", ["v1", "v2"])
def test_a_retry_asks_for_more_of_what_was_too_little(nextflow, repository, tmp_path, parser):
    (tmp_path / "main.nf").write_text(RETRIES)
    (tmp_path / "large.config").write_text(A_LARGE_MACHINE)
    flags = ["-c", repository / "nextflow.config", "-c", "large.config", "--max_memory", "100.GB"]
    outcome = nextflow("run", "main.nf", *flags, "--max_cpus", "1", cwd=tmp_path, parser=parser)
    assert outcome.code == 0, outcome.text
    scripts = [script.read_text() for script in tmp_path.glob("work/*/*/.command.sh")]
    assert sorted(line[2:] for line in re.findall(r"^# .+$", "\n".join(scripts), re.MULTILINE)) == [
        "137 137 137 137 0: 1 8 GB 8h",
        "137 137 137 137 0: 2 16 GB 8h",
        "137 137 137 137 0: 3 24 GB 8h",
        "137 137 137 137 0: 4 32 GB 8h",
        "137 137 137 137 0: 5 32 GB 8h",
        "137 140 143 0: 1 8 GB 8h",
        "137 140 143 0: 2 16 GB 8h",
        "137 140 143 0: 3 16 GB 16h",
        "137 140 143 0: 4 16 GB 16h",
        "slow: 1 4 GB 2s",
        "slow: 2 8 GB 4s",  # no exit code: its memory may have been too little as well
    ]


def test_images_take_the_registry_and_the_version(nextflow, repository, tmp_path):
    flags = ["-profile", "test,docker", "-format", "config", "--registry", "registry.invalid/lab"]
    outcome = nextflow("inspect", repository, *flags, cwd=tmp_path)
    images = {line.split("'")[3] for line in outcome.stdout.splitlines() if "container =" in line}
    # The names that containers/build.sh gives: its folders'.
    assert images == {f"registry.invalid/lab/{name}:0.1.0" for name in ("align", "pybmfm")}
