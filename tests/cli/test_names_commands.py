"""Names that would lead out of a folder or into a shell are refused by every command."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pybmfm.cli import main
from pybmfm.cli.build_task import BUILDERS
from pybmfm.cli.group import VERBS
from pybmfm.core import UserError
from pybmfm.core.addresses import check_address
from pybmfm.training.storage import open_storage

# Of what is there, whatever it is called.
CHOICES = {("gue", "tasks")}


def label_parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Every option that names a task or model, with its verb."""
    for package, verbs in (("pybmfm.cli", VERBS), ("pybmfm.cli.build_task", BUILDERS)):
        for verb in verbs:
            command = importlib.import_module(f"{package}.{verb.replace('-', '_')}").command
            for parameter in command.params:
                named = {"--task", "--model-name"} & set(parameter.opts)
                if named and (verb, parameter.name) not in CHOICES:
                    yield verb, parameter


FOUND = list(label_parameters())


def test_the_options_that_name_a_task_or_model_are_found():
    assert [verb for verb, _ in FOUND] == [
        "finetune",
        "finetune",
        "baseline",
        "promoter",
        "core-promoter",
        "tf",
        "splice",
        "promoter-variants",
        "snp-disease",
    ]


@pytest.mark.parametrize(("verb", "parameter"), FOUND, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "..", "t$(touch RAN)", "a b", ""])
def test_a_name_that_is_none_is_refused_before_any_work(verb, parameter, name):
    context = click.Context(click.Command(verb))
    with pytest.raises(UserError, match=r"name '.*' cannot name a folder"):
        parameter.process_value(context, name)
    assert parameter.process_value(context, "own.task_1-a") == "own.task_1-a"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_no_task_is_written_beside_out(tmp_path: Path, capsys):
    fasta, starts, out = (tmp_path / name for name in ("g.fa", "tss.bed", "deep/er/out"))
    fasta.write_text(">1\n" + "ACGT" * 500 + "\n")
    starts.write_text("1\t1000\t1001\tx\t0\t+\n")
    given = ("--fasta", fasta, "--tss", starts, "--out", out)
    assert run("build-task", "promoter", *given, "--task", "../../x") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "task name '../../x' cannot name a folder" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.fa", "tss.bed"]


@pytest.mark.parametrize("folder", ["my tables", "-x", "t$(touch RAN)"])
def test_the_folder_of_a_table_names_a_task_only_if_it_can(tmp_path: Path, capsys, folder):
    tables = tmp_path / folder
    tables.mkdir()
    for split in ("train", "dev", "test"):
        (tables / f"{split}.csv").write_text("sequence,label\nACGTACGT,0\nACGTTTTT,1\n")
    options = [part for s in ("train", "dev", "test") for part in (f"--{s}", tables / f"{s}.csv")]
    command = ("baseline", "--model", "majority", "--kind", "binary", *options)
    assert run(*command, "--out", tmp_path / "out") == 2
    assert "give a name by --task" in capsys.readouterr().err
    assert run(*command, "--out", tmp_path / "out", "--task", "own") == 0


@pytest.mark.parametrize("name", ["chr1'$(touch", "chr`id`", '"', "a,b"])
@pytest.mark.parametrize("indexed", [False, True])
def test_a_genome_with_a_contig_that_sam_does_not_allow_is_refused(
    tmp_path: Path, capsys, name, indexed
):
    import pysam

    fasta = tmp_path / "g.fa"
    fasta.write_text(f">chr2\nACGTACGT\n>{name}\nACGTACGT\n")
    if indexed:
        pysam.faidx(str(fasta))
    assert run("encode-genome", "--fasta", fasta, "--region", "chr2", "--out", tmp_path / "o") == 2
    said = capsys.readouterr().err
    assert f"g.fa: contig name '{name}' is not allowed in SAM" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o").exists()


SECRETS = [
    "s3://KEY:SECRET@bucket/x.vcf.gz",
    "https://user:SECRET@host/x.vcf.gz",
    "https://SECRET@host/x.vcf.gz",
    "abfs://user:SECRET@account/x.vcf.gz",
    "https://host/x.vcf.gz?X-Amz-Signature=SECRET",
    "https://host/x.vcf.gz?a=1&sig=SECRET",
]


@pytest.mark.parametrize("address", SECRETS)
@pytest.mark.parametrize("form", ["--vcf ADDRESS", "--vcf=ADDRESS", "--checkpoints a=ADDRESS"])
def test_an_address_with_credentials_is_refused_and_not_repeated(capsys, address, form):
    words = form.replace("ADDRESS", address).split()
    assert run("variant-frequencies", *words) == 2
    said = capsys.readouterr().err
    assert "SECRET" not in said.replace("AWS_SECRET_ACCESS_KEY", "")
    assert "AWS_ACCESS_KEY_ID" in said
    assert said.startswith(f"Error: {words[0].partition('=')[0]} holds")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/a@b",
        "abfs://container@account.dfs.core.windows.net/x",
        "s3://bucket/x?region=eu-west-1&endpoint_override=localhost:9000&scheme=http",
        "https://host/x?design=1",
        "/a:b@c/x",
    ],
)
def test_other_addresses_are_taken(address):
    check_address(address, "--checkpoints")


def test_the_root_of_checkpoints_holds_no_credentials():
    with pytest.raises(UserError, match="--checkpoints holds a key"):
        open_storage("s3://KEY:SECRET@bucket/checkpoints")
