"""Parameters as users give them: real flags, both parsers, with and without type detection."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.pipeline

PARSERS = ["v1", "v2", "v2, no type detection"]
PARAMS_FILES = [
    "laptop.yml",
    "own_genome.yml",
    "own_tasks.yml",
    "paper.yml",
    "score_vcf.yml",
    "several_genomes.yml",
    "slurm.yml",
    "snp_disease.yml",
]


def params_files(repository: Path) -> list[Path]:
    """The params files that users start from."""
    files = sorted((repository / "assets" / "params").iterdir())
    assert [path.name for path in files] == PARAMS_FILES
    return files


@pytest.fixture(scope="module")
def properties(repository: Path) -> dict[str, dict[str, Any]]:
    """Every parameter of the schema, by name."""
    schema = json.loads((repository / "nextflow_schema.json").read_text())
    groups = schema["$defs"].values()
    return {name: entry for group in groups for name, entry in group["properties"].items()}


def test_schema_and_config_agree_on_names_and_defaults(nextflow, repository, properties, tmp_path):
    shown = nextflow("config", repository, "-o", "json", cwd=tmp_path)
    defaults = json.loads(shown.stdout)["params"]
    assert defaults == {name: entry.get("default") for name, entry in properties.items()}


def test_every_parameter_has_group_type_and_description(repository, properties):
    schema = json.loads((repository / "nextflow_schema.json").read_text())
    referenced = {entry["$ref"].rsplit("/", 1)[1] for entry in schema["allOf"]}
    assert referenced == set(schema["$defs"])
    assert all(entry["type"] and entry["description"] for entry in properties.values())
    numbers = [n for n, e in properties.items() if e["type"] in ("integer", "number")]
    assert all("minimum" in properties[n] or "exclusiveMinimum" in properties[n] for n in numbers)


def test_no_other_parameter_is_read(repository, properties):
    sources = [repository / "main.nf", repository / "nextflow.config"]
    sources += sorted((repository / "conf").glob("*.config"))
    used = {n for path in sources for n in re.findall(r"\bparams\.(\w+)", path.read_text())}
    assert used <= set(properties)


def test_modules_and_workflows_read_no_params(repository):
    folders = ("modules", "subworkflows", "workflows")
    files = [path for folder in folders for path in (repository / folder).rglob("*.nf")]
    assert len(files) > 20
    assert [path for path in files if re.search(r"\bparams\.", path.read_text())] == []


def test_params_files_hold_known_parameters_only(repository, properties):
    for path in params_files(repository):
        text = path.read_text()
        # What a comment offers is a parameter too; paper.yml also describes its inputs so.
        offered = set(re.findall(r"^# ([a-z0-9_]+): +\S", text, re.MULTILINE))
        offered -= {"input", "address", "checksum"}
        assert set(yaml.safe_load(text)) | offered <= set(properties), path.name


def test_every_params_file_is_described_and_says_how_it_is_used(repository):
    usage = (repository / "docs" / "usage.md").read_text()
    for path in params_files(repository):
        assert f"`{path.name}`" in usage, path.name
        assert re.search(r"^#   nextflow run \. .*-params-file ", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", PARAMS_FILES)
def test_a_params_file_passes_once_its_inputs_are_there(
    nextflow, repository, properties, tmp_path, name
):
    given = yaml.safe_load((repository / "assets" / "params" / name).read_text())
    for parameter in [each for each in given if properties[each].get("exists")]:
        given[parameter] = re.sub(r"https?://\S+/", "data/", given[parameter])
        kind = properties[parameter]["format"]
        for path in given[parameter].split(","):
            put_placeholder(tmp_path / path, kind, repository / "assets" / Path(path).name)
    (tmp_path / "my.yml").write_text(yaml.safe_dump(given))
    command = ["run", repository, "-params-file", "my.yml", "-preview"]
    outcome = nextflow(*command, cwd=tmp_path)
    assert outcome.code == 0, outcome.text


def put_placeholder(path: Path, kind: str, example: Path) -> None:
    """Put an empty input in place: a folder with a manifest, a sheet with its files, or a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "directory-path":
        path.mkdir()
        (path / "manifest.json").write_text(json.dumps({"encoding": path.name}))
    elif example.is_file():
        sheet = example.read_text()
        path.write_text(sheet)
        for beside in re.findall(r"[\w./]+\.(?:fa\.gz|vcf\.gz|csv)", sheet):
            put_placeholder(path.parent / beside, "file-path", example.parent / "none")
    else:
        path.touch()


def test_paper_params_name_the_address_and_checksum_of_every_input(repository):
    text = (repository / "assets" / "params" / "paper.yml").read_text()
    inputs = re.findall(r"# input: .*\n# address: +https://\S+\n# checksum: \S", text)
    assert len(inputs) == text.count("# input:") == 7
    assert "NOT RUNNABLE OFFLINE" in text


def test_help_prints_every_parameter_by_group_and_runs_nothing(
    nextflow, repository, properties, tmp_path
):
    outcome = nextflow("run", repository, "--help", cwd=tmp_path)
    assert outcome.code == 0
    assert [name for name in properties if f"--{name} " not in outcome.stdout] == []
    assert re.search(r"^Pretraining: ", outcome.stdout, re.MULTILINE)
    assert "-params-file" in outcome.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("parser", PARSERS)
def test_every_problem_is_listed_and_nothing_runs(nextflow, repository, tmp_path, parser):
    flags = ["--stepps", "5", "--epochs", "five", "--min_frequency", "2", "--preset", "tinny"]
    flags += ["--fasta", "absent.fa", "--simulate", "perhaps", "--seeds", "0,0"]
    flags += ["--vcf", "my calls.vcf"]
    outcome = nextflow("run", repository, *flags, cwd=tmp_path, parser=parser)
    assert outcome.code != 0
    for sentence in (
        "--stepps: is not a parameter; did you mean steps?",
        "--epochs: 'five' is not a whole number",
        "--min_frequency: 2 is above 0.5",
        "--preset: 'tinny' is none of tiny, small, paper",
        "--fasta: 'absent.fa' does not exist",
        "--simulate: 'perhaps' is neither true nor false",
        "--seeds: '0,0' names something twice",
        "--vcf: 'my calls.vcf' has a space, which it may not",
    ):
        assert outcome.text.count(sentence) == 1
    assert "Submitted process" not in outcome.text


@pytest.mark.parametrize("parser", PARSERS)
def test_text_values_are_coerced(nextflow, repository, tmp_path, parser):
    (tmp_path / "my.fa").write_text(">chr1\nACGT\n")
    flags = ["--simulate", "false", "--fasta", "my.fa", "--encodings", "ref", "--steps", "5"]
    command = ["run", repository, "-profile", "test", "-stub-run", *flags]
    outcome = nextflow(*command, cwd=tmp_path, parser=parser)
    assert outcome.code == 0, outcome.text
    # 'false' must not be taken for true, and without variants there is no snp branch.
    assert "SIMULATE" not in outcome.text
    assert "PRETRAIN (ref)" in outcome.text
    assert "PRETRAIN (snp)" not in outcome.text


@pytest.mark.parametrize(
    ("flags", "sentences"),
    [
        ([], ["--fasta: is missing"]),
        (
            ["--fasta", "my.fa", "--simulate", "--min_length", "9000", "--max_length", "1000"],
            ["--simulate: makes its own", "--vcf: is missing", "--min_length: is above"],
        ),
        (
            ["--simulate", "--steps", "5", "--minutes", "2"],
            ["--steps: is a budget of pretraining, as --tokens and --minutes are"],
        ),
        (
            ["--corpus", "folder", "--score_vcf", "my.vcf", "--checkpoint_root", "az://c/x"],
            [
                "--tokenizer: is missing",
                "--fasta: is missing; --score_vcf needs",
                "--checkpoint_root: must be a folder on a disk",
            ],
        ),
        (
            ["--fasta", "folder.fa", "--gue", "my.fa", "--max-cpus", "2"],
            [
                "--fasta: 'folder.fa' is a folder; give a file",
                "--gue: 'my.fa' is a file; give a folder",
                "is not a parameter; did you mean max_cpus?",
            ],
        ),
    ],
)
def test_problems_of_files_and_combinations(nextflow, repository, tmp_path, flags, sentences):
    for name in ("my.fa", "my.vcf"):
        (tmp_path / name).write_text("")
    for name in ("folder", "folder.fa"):
        (tmp_path / name).mkdir()
    outcome = nextflow("run", repository, *flags, cwd=tmp_path)
    assert outcome.code != 0
    assert [text for text in sentences if text not in outcome.text] == []
    assert outcome.text.count("\n  --") == len(sentences)


def test_addresses_are_not_looked_for_on_disk(nextflow, repository, tmp_path):
    flags = ["--fasta", "https://host.invalid/genome.fa.gz", "--vcf", "ftp://host.invalid/v.vcf.gz"]
    flags += ["--gue", "s3://bucket/GUE", "--mpra", "gs://bucket/k562.tsv", "--epochs", "none"]
    outcome = nextflow("run", repository, *flags, cwd=tmp_path)
    assert outcome.text.count("  --") == 1
    assert "--epochs: 'none' is not a whole number" in outcome.text
