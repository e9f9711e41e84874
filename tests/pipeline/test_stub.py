"""The whole graph with stubs: what runs, what is skipped, what is published, what runs again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pybmfm import __version__
from pybmfm.core.provenance import source_digest

pytestmark = pytest.mark.pipeline

OTHER_SOURCE = "build their image or environment again"


def submitted(text: str) -> list[str]:
    """Names of the processes that ran, without the workflows they belong to, sorted."""
    return sorted(name.split(":")[-1] for name in re.findall(r"Submitted process > ([\w:]+)", text))


def artefact(folder: Path, kind: str, encoding: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"artefact": kind, "encoding": encoding}))
    return folder


@pytest.fixture(scope="module")
def first_run(stub_run, tmp_path_factory):
    """One stub run under the strict parser, and its folder."""
    folder = tmp_path_factory.mktemp("stub")
    outcome = stub_run(folder, parser="v2")
    return outcome, folder


def test_every_process_runs(first_run, repository):
    outcome, _ = first_run
    assert outcome.code == 0, outcome.text
    modules = {path.parent.name.upper() for path in repository.glob("modules/local/*/main.nf")}
    # The demo brings its own tasks and asks for no table of loci and no predictions.
    assert set(submitted(outcome.text)) == modules - {
        "ALIGN_SEQUENCES",
        "BUILD_TASK_ANNOTATION",
        "BUILD_TASK_GUE",
        "BUILD_TASK_MPRA",
        "BUILD_TASK_PROMOTER_VARIANTS",
        "ENCODE_SEQUENCES",
        "EXTRACT_SEQUENCES",
        "PREDICT",
    } | {"SAMPLE_TOKENIZER_WINDOWS"}
    # frozen random weights, scratch, ref, snp x three tasks
    assert submitted(outcome.text).count("FINETUNE") == 12
    assert submitted(outcome.text).count("BASELINE") == 12


def test_results_are_published_and_announced(first_run):
    outcome, folder = first_run
    results = folder / "results"
    for name in (
        "report.html",
        "summary/table2.tsv",
        "frequencies/manifest.json",
        "windows/windows.parquet",
        "tokenizers/snp/manifest.json",
        "tokenizers/comparison/manifest.json",
        "corpora/ref/manifest.json",
        "models/ref/manifest.json",
        "results/promoter/scratch/seed_0/manifest.json",
        "results/tf/kmer-logistic/seed_0/manifest.json",
        "scored_variants/ref.scored.vcf.gz.tbi",
        "embeddings/snp.parquet",
        "encoded/snp.fa",
        "demo/genome.fa.gz",
        "pipeline_info/trace.txt",
        "pipeline_info/execution.html",
        "pipeline_info/timeline.html",
        "pipeline_info/dag.html",
    ):
        assert (results / name).exists(), name
    for name in ("report.html", "scored_variants/snp.scored.vcf.gz"):
        assert f"  {results / name}\n" in outcome.text


def test_published_windows_are_the_corpus_windows(first_run):
    _, folder = first_run
    manifest = json.loads((folder / "results/windows/manifest.json").read_text())
    assert manifest["made_by"].endswith(":SAMPLE_GENOME")


def test_published_folders_can_be_supplied(stub_run, first_run, tmp_path):
    """As a user would: tokenizers and corpora of one encoding have the same folder name."""
    _, folder = first_run
    flags = []
    for name, published in (("tokenizer", "tokenizers"), ("corpus", "corpora")):
        paths = [folder / "results" / published / encoding for encoding in ("ref", "snp")]
        flags += [f"--{name}", ",".join(map(str, paths))]
    outcome = stub_run(tmp_path, *flags)
    assert outcome.code == 0, outcome.text
    assert "PRETRAIN" in submitted(outcome.text)
    assert "BUILD_CORPUS" not in submitted(outcome.text)


def test_inputs_named_like_outputs_are_left_alone(stub_run, tmp_path):
    """Nextflow links inputs into the work folder, where writing to their name would reach them."""
    names = ["snp.scored.vcf.gz", "snp.parquet", "snp.fa", "variants.vcf", "mpra"]
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / "gue").mkdir()
    flags = ["--simulate", "false", "--fasta", "snp.fa", "--vcf", "variants.vcf"]
    flags += ["--score_vcf", "snp.scored.vcf.gz", "--embed_input", "snp.parquet", "--gue", "gue"]
    flags += ["--mpra", "mpra", "--task_names", "mpra_k562"]
    outcome = stub_run(tmp_path, *flags)
    assert outcome.code == 0, outcome.text
    assert [(tmp_path / name).read_text() for name in names] == ["mine"] * len(names)
    assert list((tmp_path / "gue").iterdir()) == []


def test_versions_of_every_process_are_recorded(first_run):
    outcome, folder = first_run
    rows = (folder / "results/pipeline_info/versions.tsv").read_text().split("\n")
    versions = dict(row.split("\t", 1) for row in rows if row)
    assert set(versions) == set(submitted(outcome.text))
    assert all(re.search(r"\t\d+\.\d+", version) for version in versions.values())
    assert versions["PRETRAIN"] == f"pybmfm\t{__version__}+{source_digest()}"
    assert OTHER_SOURCE not in outcome.text


def test_resume_runs_nothing_again(stub_run, first_run):
    _, folder = first_run
    again = stub_run(folder, "-resume", parser="v2")
    assert again.code == 0
    assert submitted(again.text) == []


def test_a_change_of_the_package_runs_everything_but_the_report_again(
    nextflow, repository, tmp_path
):
    project = tmp_path / "project"
    project.mkdir()
    names = ["main.nf", "nextflow.config", "nextflow_schema.json", "modules", "subworkflows"]
    for name in [*names, "workflows", "conf", "assets", "bin"]:
        (project / name).symlink_to(repository / name)
    (project / "pybmfm").mkdir()
    (project / "pybmfm" / "code.py").write_text("first = 1\n")

    def run() -> list[str]:
        flags = ["-profile", "test", "-stub-run", "-resume", "--encodings", "snp"]
        outcome = nextflow("run", project, *flags, cwd=tmp_path)
        assert outcome.code == 0, outcome.text
        # The tasks find this very package, as they would find that of an image not built again.
        assert outcome.text.count(OTHER_SOURCE) == 1
        return submitted(outcome.text)

    everything = run()
    assert run() == []
    (project / "pybmfm" / "code.py").write_text("first = 2\n")
    assert set(everything) - set(run()) <= {"MULTIQC"}


@pytest.mark.parametrize(
    ("supplied", "skipped"),
    [
        (["tokenizer"], {"TRAIN_TOKENIZER", "SAMPLE_TOKENIZER_WINDOWS"}),
        (
            ["tokenizer", "corpus"],
            {"TRAIN_TOKENIZER", "BUILD_CORPUS", "SAMPLE_GENOME", "LIST_CONTIGS", "ENCODE_GENOME"},
        ),
        (
            ["checkpoint"],
            {"TRAIN_TOKENIZER", "BUILD_CORPUS", "SAMPLE_GENOME", "LIST_CONTIGS", "PRETRAIN"},
        ),
    ],
)
def test_supplied_artefacts_skip_the_stages_before(stub_run, tmp_path, supplied, skipped):
    flags = []
    for name in supplied:
        # In the other order than --encodings: the manifests say which is which.
        folders = [artefact(tmp_path / e / name, name, e) for e in ("snp", "ref")]
        flags += [f"--{name}", ",".join(map(str, folders))]
    outcome = stub_run(tmp_path, *flags)
    assert outcome.code == 0, outcome.text
    ran = set(submitted(outcome.text))
    assert not ran & skipped
    assert {"FINETUNE", "SCORE_VARIANTS", "EMBED", "MULTIQC"} <= ran
    assert ("PRETRAIN" in ran) == ("checkpoint" not in supplied)


def test_supplied_folders_must_cover_the_encodings(stub_run, tmp_path):
    folder = artefact(tmp_path / "model", "checkpoint", "snp")
    outcome = stub_run(tmp_path, "--checkpoint", str(folder))
    assert outcome.code != 0
    assert "--checkpoint: these folders hold snp, but --encodings asks for ref, snp" in outcome.text


def test_task_sources_add_up(stub_run, tmp_path):
    table = tmp_path / "mine" / "tables"
    table.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        (table / f"{split}.csv").write_text("sequence,label\nACGT,1\n")
    sheet = tmp_path / "mine" / "tasks.csv"
    sheet.write_text(
        "task,kind,train,dev,test,metric\n"
        "own,binary,tables/train.csv,tables/dev.csv,tables/test.csv,mcc\n"
    )
    (tmp_path / "GUE").mkdir()
    (tmp_path / "k562.tsv").write_text("sequence\n")
    flags = ["--tasks", str(sheet), "--gue", "GUE", "--gue_tasks", "prom_300_tata"]
    flags += ["--mpra", "k562.tsv", "--encodings", "ref"]
    flags += ["--task_names", "own,prom_300_tata,mpra_k562,tf", "--seeds", "0,1"]
    outcome = stub_run(tmp_path, *flags)
    assert outcome.code == 0, outcome.text
    # frozen, scratch, ref x tasks x seeds
    assert submitted(outcome.text).count("FINETUNE") == 3 * 4 * 2
    # majority, kmer-logistic and kmer-svm once, cnn with every seed
    assert submitted(outcome.text).count("BASELINE") == 4 * (3 + 2)
    assert "FINETUNE (own scratch 1)" in outcome.text


def test_tasks_are_built_from_annotation_and_encoded_with_variants(stub_run, tmp_path):
    for name in ("g.fa", "v.vcf", "tss.bed", "genes.gtf", "x.narrowPeak"):
        (tmp_path / name).write_text("stub\n")
    flags = ["--simulate", "false", "--fasta", "g.fa", "--vcf", "v.vcf", "--tss", "tss.bed"]
    flags += ["--gtf", "genes.gtf", "--peaks", "x.narrowPeak"]
    flags += ["--variant_tasks", "promoter", "--align", "--task_names", "splice,tf"]
    outcome = stub_run(tmp_path, *flags)
    assert outcome.code == 0, outcome.text
    for builder in ("promoter", "core-promoter", "tf", "splice"):
        assert f"BUILD_TASK_ANNOTATION ({builder})" in outcome.text
    assert "ALIGN_SEQUENCES (promoter)" in outcome.text
    assert "BUILD_TASK_PROMOTER_VARIANTS (promoter)" in outcome.text
    assert "FINETUNE (promoter.class4 snp 0)" in outcome.text
    assert "FINETUNE (promoter snp 0)" not in outcome.text
    assert (tmp_path / "results/tasks/promoter_variants/tasks.csv").is_file()


def test_variant_tasks_need_frequencies(stub_run, tmp_path):
    outcome = stub_run(tmp_path, "--variant_tasks", "promoter", "--encodings", "ref")
    assert outcome.code != 0
    assert "--frequencies: is missing" in outcome.text


def test_models_of_others_are_fine_tuned_and_models_applied(stub_run, tmp_path):
    foreign = artefact(tmp_path / "DNABERT-2-117M", "model", "ref")
    (tmp_path / "patient.vcf").write_text("##fileformat=VCFv4.2\n")
    own = artefact(tmp_path / "own", "checkpoint", "ref")
    flags = ["--checkpoint", str(own), "--encodings", "ref", "--task_names", "promoter,tf"]
    outcome = stub_run(
        tmp_path,
        *flags,
        "--foreign_models",
        f"dnabert2={foreign}",
        "--predict_input",
        "patient.vcf",
        "--seeds",
        "0",
    )
    assert outcome.code == 0, outcome.text
    # frozen, scratch, ref, dnabert2 x two tasks
    assert submitted(outcome.text).count("FINETUNE") == 8
    assert "FINETUNE (tf dnabert2 0)" in outcome.text
    assert "PREDICT (promoter dnabert2)" in outcome.text
    assert (tmp_path / "results" / "predictions" / "tf.ref.tsv").is_file()
    # A fine-tuned folder can be supplied.
    tuned = artefact(tmp_path / "tuned", "checkpoint", "ref")
    (tuned / "head.json").write_text('{"task": "disease"}')
    outcome = stub_run(
        tmp_path, *flags, "--predict_checkpoint", str(tuned), "--predict_input", "patient.vcf"
    )
    assert outcome.code == 0, outcome.text
    assert "PREDICT (disease tuned)" in outcome.text
    assert submitted(outcome.text).count("PREDICT") == 1


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--foreign_models", "snp={folder}"), "each needs a name of its own"),
        (
            ("--predict_checkpoint", "{folder}", "--predict_input", "{folder}/manifest.json"),
            "holds no fine-tuned model",
        ),
    ],
)
def test_wrong_models_are_one_sentence(stub_run, tmp_path, flags, sentence):
    folder = artefact(tmp_path / "model", "checkpoint", "ref")
    given = [flag.format(folder=folder) for flag in flags]
    outcome = stub_run(tmp_path, "--checkpoint", str(folder), "--encodings", "ref", *given)
    assert outcome.code != 0
    assert sentence in outcome.text


def test_few_shot_cells_stand_apart(stub_run, tmp_path):
    flags = ["--few_shot_rows", "50,100", "--few_shot_tasks", "tf", "--encodings", "ref"]
    flags += ["--seeds", "0,1", "--task_names", "promoter,tf"]
    outcome = stub_run(tmp_path, *flags, parser="v2")
    assert outcome.code == 0, outcome.text
    ran = submitted(outcome.text)
    # frozen, scratch, ref x seeds: on two tasks, and on tf with two numbers of rows
    assert ran.count("FINETUNE") == 3 * 2 * (2 + 2)
    assert ran.count("BASELINE") == 2 * (3 + 2) + 4 * 2 * 2  # few rows are drawn by seed
    for name in (
        "results/tf/ref/seed_1",
        "few_shot/rows_50/tf/ref/seed_1",
        "few_shot/rows_100/tf/kmer-svm/seed_1",
    ):
        assert (tmp_path / "results" / name / "manifest.json").exists(), name
    assert not (tmp_path / "results/few_shot/rows_50/promoter").exists()


def test_a_failed_cell_does_not_lose_the_others(stub_run, tmp_path):
    """One cell ends with exit 2: its sentence is in the log, the report is made, the run fails."""
    said = "Error: train.csv, line 3: bad label; mend it."
    # Bash reads this before the task's own script, whose streams Nextflow keeps.
    (tmp_path / "fail.sh").write_text(f"echo '{said}' >&2; exit 2\n")
    fails = f"task.name.contains('tf cnn') ? 'export BASH_ENV={tmp_path}/fail.sh' : ''"
    (tmp_path / "broken.config").write_text(
        f"process {{ withName: BASELINE {{ beforeScript = {{ {fails} }} }} }}\n"
    )
    outcome = stub_run(tmp_path, "-c", "broken.config", "--encodings", "ref")
    assert outcome.code != 0
    assert f"(tf cnn 0) is left out, exit status 2: {said}" in outcome.text
    assert (tmp_path / "results/report.html").exists()
    assert (tmp_path / "results/results/promoter/cnn/seed_0/manifest.json").exists()
    assert not (tmp_path / "results/results/tf/cnn").exists()


def test_unknown_task_names_are_refused(stub_run, tmp_path):
    outcome = stub_run(tmp_path, "--task_names", "promotor")
    assert outcome.code != 0
    sentence = "the tasks are disease, mpra, promoter, splice, tf; there is no: promotor"
    assert sentence in outcome.text


@pytest.fixture
def two_genomes(tmp_path):
    """A sheet of a genome with variants and one without, in a folder beside their files."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for name in ("human.fa", "mouse.fa", "human.vcf"):
        (folder / name).write_text("")
    rows = "name,fasta,vcf,encoding,weight\nhuman,human.fa,human.vcf,,2\nmouse,mouse.fa,,,0.5\n"
    (folder / "genomes.csv").write_text(rows)
    return folder / "genomes.csv"


def test_several_genomes_share_tokenizers_and_models(stub_run, two_genomes, tmp_path):
    flags = ["--simulate", "false", "--genomes", str(two_genomes)]
    outcome = stub_run(tmp_path, *flags, parser="v2")
    assert outcome.code == 0, outcome.text
    ran = submitted(outcome.text)
    assert ran.count("SAMPLE_GENOME") == 2
    assert ran.count("MERGE_FREQUENCIES") == 1  # the mouse has no variants
    assert ran.count("TRAIN_TOKENIZER") == ran.count("PRETRAIN") == 2  # one per encoding
    assert ran.count("BUILD_CORPUS") == 4
    for name in ("corpora/snp_mouse", "windows_human", "frequencies_human", "models/snp"):
        assert (tmp_path / "results" / name / "manifest.json").exists(), name


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("name,fasta,wieght\na,human.fa,1\n", "has the column wieght"),
        ("name,fasta\na,human.fa\na,mouse.fa\n", "two rows have the same name"),
        ("name,fasta,vcf,weight\na,human.fa,human.vcf,none\n", "a weight is not a number"),
        ("name,fasta\na,human.fa\n", "no row has variants"),
        ("name,fasta,vcf\na,human.fa,gone.vcf\n", "gone.vcf does not exist"),
    ],
)
def test_a_wrong_sheet_of_genomes_is_one_sentence(stub_run, two_genomes, tmp_path, rows, sentence):
    two_genomes.write_text(rows)
    outcome = stub_run(tmp_path, "--simulate", "false", "--genomes", str(two_genomes))
    assert outcome.code != 0
    assert "--genomes: " in outcome.text
    assert sentence in outcome.text
