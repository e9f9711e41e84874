"""An output that is an input, or holds one, is refused before anything is written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pybmfm.cli import main
from pybmfm.core import write_manifest

FASTA = ">chr1\nACGTACGT\n"


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(FASTA)
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("way", ["itself", "symbolic link", "hard link", "other spelling"])
def test_a_file_that_is_the_input(
    genome: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = genome.with_name("out.fa")
    if way == "symbolic link":
        out.symlink_to(genome)
    elif way == "hard link":
        os.link(genome, out)
    else:
        out = genome if way == "itself" else genome.parent / ".." / genome.parent.name / genome.name
    error = refused(capsys, "encode-genome", "--fasta", genome, "--frequencies", "no", "--out", out)
    assert "holds the input" in error
    assert genome.read_text() == FASTA


def test_a_folder_of_ours_that_holds_the_input(
    tmp_path: Path, genome: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = tmp_path / "demo"
    (demo / "below").mkdir(parents=True)
    inside = demo / "below" / "genome.fa"
    shutil.copyfile(genome, inside)
    write_manifest(demo, artefact="simulation", settings={}, files=["below/genome.fa"])
    assert "holds the input" in refused(capsys, "sample-genome", "--fasta", inside, "--out", demo)
    assert inside.read_text() == FASTA


@pytest.mark.parametrize("option", ["--out", "--to-folder"])
def test_a_folder_that_is_the_input(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write_manifest(folder, artefact="checkpoint", settings={})
    verb = (
        ["publish", "--checkpoint"]
        if option == "--to-folder"
        else ["merge-frequencies", "--frequencies"]
    )
    assert "holds the input" in refused(capsys, *verb, folder, option, folder)


def test_a_folder_named_with_its_name_is_an_input_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    error = refused(
        capsys,
        "compare-tokenizers",
        "--tokenizer",
        f"a={tmp_path / 'no'}",
        "--corpus",
        f"a={folder}",
        "--out",
        folder,
    )
    assert "holds the input" in error
