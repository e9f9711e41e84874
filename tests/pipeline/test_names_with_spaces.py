"""Folders and inputs whose names have spaces and commas reach the commands whole."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline

SPLITS = ("train", "dev", "test")

# Notes its words, one a line, and makes the output that was asked for.
COMMAND = """#!/bin/bash
printf '%s\\n' "$@" > words
while [ "$1" != --out ]; do shift; done
mkdir "$2"
"""

# The processes that put a path inside a longer word.
WORKFLOW = """
include { AUDIT_LEAKAGE   } from 'MODULES/audit_leakage/main'
include { SUMMARIZE       } from 'MODULES/summarize/main'
include { TRAIN_TOKENIZER } from 'MODULES/train_tokenizer/main'

workflow {
    table  = file("${launchDir}/my file, new.tsv")
    genome = file("${launchDir}/my genome.fa")
    folder = file("${launchDir}/my folder")
    AUDIT_LEAKAGE([folder], [], [[task: 'own', kind: 'binary']], [table], [table], [table], '0')
    SUMMARIZE([folder], [], ['own,ref,0'], [table], '0')
    TRAIN_TOKENIZER([[encoding: 'snp'], [1], [genome], [folder], [false], [folder]], '0')
}
"""


@pytest.mark.parametrize("parser", ["v1", "v2"])
def test_a_path_inside_a_longer_word_is_whole(nextflow, repository, tmp_path, parser):
    launch = tmp_path / "my launch"
    (launch / "bin").mkdir(parents=True)
    (launch / "my folder").mkdir()
    (launch / "my file, new.tsv").touch()
    (launch / "my genome.fa").touch()
    (launch / "main.nf").write_text(WORKFLOW.replace("MODULES", str(repository / "modules/local")))
    for name in ("audit-leakage", "summarize", "train-tokenizer"):
        (launch / "bin" / name).write_text(COMMAND)
        (launch / "bin" / name).chmod(0o755)
    settings = ["-c", repository / "nextflow.config", "--outdir", "my results", "--max_cpus", "1"]
    outcome = nextflow("run", "main.nf", *settings, cwd=launch, parser=parser)
    assert outcome.code == 0, outcome.text
    words = [line for task in launch.glob("work/*/*/words") for line in lines_of(task)]
    (sheet,) = launch.glob("work/*/*/tasks.csv")
    (row,) = csv.DictReader(lines_of(sheet))
    tables = {split: f"{split}/1/my file, new.tsv" for split in SPLITS}
    assert row == {"task": "own", "kind": "binary", **tables}
    assert "my file, new=external/1/my file, new.tsv" in words
    inputs = "fasta=genomes/1/my genome.fa,windows=windows/1/my folder"
    assert f"{inputs},frequencies=variants/1/my folder,weight=1" in words


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()
