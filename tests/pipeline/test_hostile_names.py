"""Names of contigs, tasks, models, files and folders never run, and legal ones work to the end."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline

COMMAND = "$(touch RAN)"


def ran(folder: Path) -> list[Path]:
    return list(folder.rglob("RAN"))


def model_of_task(folder: Path) -> list[str]:
    (folder / "tuned").mkdir()
    head = {"task": f"t{COMMAND}", "kind": "binary", "classes": ["0", "1"]}
    (folder / "tuned/head.json").write_text(json.dumps(head))
    return ["--predict_checkpoint", "tuned"]


def model_in_folder(folder: Path) -> list[str]:
    (folder / f"m{COMMAND}").mkdir()
    (folder / f"m{COMMAND}/head.json").write_text('{"task": "t"}')
    return ["--predict_checkpoint", f"m{COMMAND}"]


def model_below_folder(folder: Path) -> list[str]:
    (folder / "my;model/seed_0").mkdir(parents=True)
    (folder / "my;model/seed_0/head.json").write_text('{"task": "t"}')
    return ["--predict_checkpoint", "my;model/seed_0"]


def head_of_text(folder: Path) -> list[str]:
    (folder / "tuned").mkdir()
    (folder / "tuned/head.json").write_text('["t"]')
    return ["--predict_checkpoint", "tuned"]


def results_in_quotes(_folder: Path) -> list[str]:
    return ["--outdir", "my'results"]


def task_of_sheet(folder: Path) -> list[str]:
    (folder / "t.csv").write_text("sequence,label\nACGT,0\n")
    (folder / "tasks.csv").write_text(
        'task,kind,train,dev,test\n"t`touch RAN`",binary,t.csv,t.csv,t.csv\n'
    )
    return ["--tasks", "tasks.csv"]


def table_of_sheet(folder: Path) -> list[str]:
    (folder / 'my"t.csv').write_text("sequence,label\nACGT,0\n")
    (folder / "tasks.csv").write_text(
        'task,kind,train,dev,test\nt,binary,"my""t.csv","my""t.csv","my""t.csv"\n'
    )
    return ["--tasks", "tasks.csv"]


def key_in_address(_folder: Path) -> list[str]:
    return ["--score_vcf", "s3://KEY:PASSWORD@bucket/x.vcf.gz"]


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (model_of_task, "task name 't$(touch RAN)'"),
        (model_in_folder, "--predict_checkpoint: 'm$(touch RAN)' has the character $"),
        (model_below_folder, "model name 'my;model'"),
        (head_of_text, "head.json: is no JSON object"),
        (results_in_quotes, "--outdir: 'my'results' has the character '"),
        (task_of_sheet, "names that cannot name a folder: t`touch RAN`"),
        (table_of_sheet, 'my"t.csv\' has the character "'),
        (key_in_address, "--score_vcf: holds a key, password or signature"),
    ],
)
def test_a_name_that_is_none_is_refused_before_any_task(stub_run, tmp_path, prepare, sentence):
    outcome = stub_run(tmp_path, *prepare(tmp_path))
    assert outcome.code != 0
    assert sentence in outcome.text
    assert "Submitted process" not in outcome.text
    assert "PASSWORD" not in outcome.text
    assert not (tmp_path / "results/pipeline_info/parameters.json").exists() or (
        "PASSWORD" not in (tmp_path / "results/pipeline_info/parameters.json").read_text()
    )
    assert ran(tmp_path) == []


# The part of the pipeline that contigs' names go through.
CORPUS = """
include { CORPUS } from 'PROJECT/subworkflows/local/corpus/main'

workflow {
    meta    = [genome: 'genome', suffix: '', encoding: 'snp', weight: 1, first: true]
    options = [encodings: ['snp'], encoded_region: params.encoded_region, strategy: 'paper']
    genomes = channel.of([meta, file('genome.fa'), [], file('in.vcf'), []])
    CORPUS(genomes, channel.empty(), options, '0')
}
"""
LEGAL = ("chr1", "HLA-A*01:01:01:01", "chrUn_KI270742v1", "c;touch$IFS$RAN&|")


def write_genome(folder: Path, names: tuple[str, ...]) -> None:
    drawn = random.Random(3)
    other = {"A": "G", "G": "A", "C": "T", "T": "C"}
    genome, records = "", ""
    for name in names:
        sequence = "".join(drawn.choice("ACGT") for _ in range(60_000))
        genome += f">{name}\n{sequence}\n"
        for pos1 in range(100, 59_000, 50):
            base = sequence[pos1 - 1]
            records += f"{name}\t{pos1}\t.\t{base}\t{other[base]}\t.\tPASS\tAF=0.3\n"
    header = '##fileformat=VCFv4.2\n##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n'
    (folder / "genome.fa").write_text(genome)
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "in.vcf").write_text(header + columns + records)


def corpus_run(nextflow, repository: Path, folder: Path, region: str, *more: str):
    if not (folder / "bin").exists():
        (folder / "bin").symlink_to(repository / "bin")
    (folder / "main.nf").write_text(CORPUS.replace("PROJECT", str(repository)))
    settings = ["-c", repository / "nextflow.config", "--max_cpus", "1", "--vocab_size", "300"]
    flags = ["--encoded_region", region, "--passes", "1", "--tokenizer_bases", "100000", *more]
    return nextflow("run", "main.nf", *settings, *flags, cwd=folder)


def test_contigs_of_every_name_that_sam_allows_become_a_corpus(nextflow, repository, tmp_path):
    write_genome(tmp_path, LEGAL)
    outcome = corpus_run(nextflow, repository, tmp_path, "HLA-A*01:01:01:01:1-100")
    assert outcome.code == 0, outcome.text
    results = tmp_path / "results"
    manifest = json.loads((results / "frequencies/manifest.json").read_text())
    assert list(manifest["contigs"]) == list(LEGAL)
    assert all(one["used"] == 1_178 for one in manifest["contigs"].values())
    assert len(list((results / "frequencies").glob("*.arrow"))) == len(LEGAL)
    assert (results / "encoded/snp.fa").read_text().startswith(">HLA-A*01:01:01:01:1-100(+)\n")
    assert (results / "corpora/snp/manifest.json").is_file()
    assert ran(tmp_path) == []


def test_a_contig_whose_name_is_a_command_stops_the_run_with_its_name(
    nextflow, repository, tmp_path
):
    name = "chr1'$(touch${IFS}RAN)'"
    write_genome(tmp_path, (name,))
    outcome = corpus_run(nextflow, repository, tmp_path, "chr1:1-100")
    assert outcome.code != 0
    assert f"contig name '{name}' is not allowed in SAM" in outcome.text
    assert ran(tmp_path) == []
    outcome = corpus_run(nextflow, repository, tmp_path, "chr1:1-100", "-stub-run")
    assert outcome.code == 0, outcome.text
    assert ran(tmp_path) == []


SHEET = """
include { readSheet } from 'PROJECT/subworkflows/local/utils_params/main'

workflow {
    println(groovy.json.JsonOutput.toJson(readSheet(file('tasks.csv'))))
}
"""


@pytest.mark.parametrize("parser", ["v1", "v2"])
def test_cells_of_a_sheet_may_stand_in_quotation_marks(nextflow, repository, tmp_path, parser):
    (tmp_path / "main.nf").write_text(SHEET.replace("PROJECT", str(repository)))
    (tmp_path / "tasks.csv").write_bytes(
        b'\xef\xbb\xbftask,"kind", train\r\n"own" ,binary,"my file, new.csv"\r\n\r\n,,"a ""b"""\r\n'
    )
    outcome = nextflow("run", "main.nf", cwd=tmp_path, parser=parser)
    assert outcome.code == 0, outcome.text
    rows = next(line for line in outcome.stdout.splitlines() if line.startswith("["))
    assert json.loads(rows) == [
        {"task": "own", "kind": "binary", "train": "my file, new.csv"},
        {"task": "", "kind": "", "train": 'a "b"'},
    ]
