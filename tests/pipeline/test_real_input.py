"""The pipeline on real public data, with a params file as a user would write it."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pysam
import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.real_data, pytest.mark.timeout(2400)]

TASKS = ("prom_300_all", "prom_core_all", "tf_0", "mpra_k562")
MODELS = ("scratch", "ref", "snp")
SEEDS = (0, 1)
GENOMES = {"GRCh37": 1.0, "GRCh38": 0.5}  # name -> weight in the corpora and the lines
VARIANTS = "variants.dbsnp_style.vcf.gz"
CLINVAR = "GRCh37/clinvar.chr1.vcf.gz"
SCORED = 300  # of its 2,000 records: enough to see SNVs, indels and long alleles


def first_records(source: Path, target: Path) -> Path:
    """Copy the header and the first records of a VCF, byte for byte."""
    with gzip.open(source, "rb") as lines:
        kept = itertools.takewhile(lambda row: row[0] < SCORED, _numbered(lines))
        target.write_bytes(b"".join(line for _, line in kept))
    return target


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Number the records from 0; header lines carry the number of the record to come."""
    records = 0
    for line in lines:
        yield records, line
        records += not line.startswith(b"#")


def sheet_of_genomes(mini: Path, target: Path) -> Path:
    """Write the two assemblies' pieces, which are of other chromosomes, as --genomes takes them."""
    rows = [
        f"{name},{mini / name / 'reference.fa.gz'},{mini / name / VARIANTS},snp,{weight}"
        for name, weight in GENOMES.items()
    ]
    target.write_text("\n".join(["name,fasta,vcf,encoding,weight", *rows, ""]))
    return target


@pytest.fixture(scope="module")
def real_run(nextflow, repository, real_data, tmp_path_factory) -> Path:
    """The results folder of one run on pieces of two genomes, GUE and lenti-MPRA."""
    folder = tmp_path_factory.mktemp("real")
    mini = real_data / "mini"
    parameters = {
        "genomes": str(sheet_of_genomes(mini, folder / "genomes.csv")),
        "gue": str(mini / "GUE"),
        "gue_tasks": ",".join(TASKS[:3]),
        "mpra": str(mini / "lenti_mpra/k562.tsv.gz"),
        "mpra_column": "K562",
        "score_vcf": str(first_records(mini / CLINVAR, folder / "clinvar.vcf")),
        "baselines": "kmer-logistic,kmer-svm",
        "seeds": ",".join(map(str, SEEDS)),
        "preset": "tiny",
        "passes": 1,
        "steps": 150,
        "max_validation_tokens": 50_000,
        "finetune_learning_rate": 0.001,
        "epochs": 3,
        "max_train_rows": 200,
        "max_cpus": 1,
        "max_memory": "8.GB",
    }
    (folder / "params.json").write_text(json.dumps(parameters))
    command = ["run", repository, "-params-file", "params.json"]
    outcome = nextflow(*command, cwd=folder, timeout=2300)
    assert outcome.code == 0, outcome.text
    return folder / "results"


def test_every_artefact_is_there(real_run):
    for name in (
        "frequencies_GRCh37/chr1.arrow",
        "frequencies_GRCh37/chr20.arrow",
        "frequencies_GRCh38/chr21.arrow",
        "windows_GRCh37/windows.parquet",
        "windows_GRCh38/windows.parquet",
        "tokenizers/ref/tokenizer.json",
        "tokenizers/snp/tokenizer.json",
        "tokenizers/comparison/summary.tsv",
        "corpora/ref_GRCh37/train/shard-00000.arrow",
        "corpora/ref_GRCh38/train/shard-00000.arrow",
        "corpora/snp_GRCh37/train/shard-00000.arrow",
        "corpora/snp_GRCh38/train/shard-00000.arrow",
        "leakage/leakage.tsv",
        "tokenizers/comparison/published.tsv",
        "models/ref/model.safetensors",
        "models/snp/model.safetensors",
        "scored_variants/snp.scored.vcf.gz",
        "embeddings/snp.parquet",
        "summary/table2.tsv",
        "report.html",
    ):
        assert (real_run / name).exists(), name


@pytest.mark.parametrize("genome", GENOMES)
def test_every_record_is_accounted_for_and_agrees_with_the_reference(real_run, real_data, genome):
    manifest = json.loads((real_run / f"frequencies_{genome}/manifest.json").read_text())
    with pysam.BGZFile(str(real_data / "mini" / genome / VARIANTS)) as vcf:
        records = sum(not line.startswith(b"#") for line in vcf)
    assert manifest["read"] == records
    assert manifest["read"] == manifest["used"] + sum(manifest["dropped"].values())
    assert manifest["dropped"].get("reference_mismatch", 0) == 0


def test_corpora_share_no_base_pair_between_splits(real_run):
    """And what they share in 32-mers are repeats of the genome."""
    found = pd.read_csv(real_run / "leakage/leakage.tsv", sep="\t")
    corpora = found[found["kind"] == "corpus"]
    values = corpora.set_index(["what", "split_a", "split_b", "quantity"])["value"].unstack()
    assert len(values) == 12  # four corpora, three pairs of splits
    assert (values["shared_bp"] == 0).all()
    assert (values["shared_32mers_repeated"] == values["shared_32mers"]).all()


@pytest.mark.parametrize("encoding", ["ref", "snp"])
def test_genomes_are_mixed_by_weight(real_run, encoding):
    """A weight of 0.5 is half of the windows, of a model's pass and of a tokenizer's lines."""
    model = json.loads((real_run / f"models/{encoding}/manifest.json").read_text())
    names = [one["name"].removesuffix("/manifest.json") for one in model["inputs"]]
    corpora = [f"corpus_{encoding}_{genome}" for genome in GENOMES]
    assert names[: len(corpora)] == corpora
    assert model["settings"]["weights"] == list(GENOMES.values())
    tokenizer = json.loads((real_run / f"tokenizers/{encoding}/manifest.json").read_text())
    for (name, weight), one in zip(GENOMES.items(), tokenizer["counts"]["by_genome"], strict=True):
        assert one["bases_used"] == pytest.approx(weight * one["bases"], rel=0.05), name


def test_table_holds_every_model_task_and_seed(real_run):
    table = pd.read_csv(real_run / "summary/table2.tsv", sep="\t")
    for task in TASKS:
        rows = table[table["task"] == task]
        assert set(rows["model"]) >= {*MODELS, "kmer-logistic"}
        assert set(rows[rows["model"].isin(MODELS)]["seeds"]) == {len(SEEDS)}
        measured = rows.dropna(subset=["mean", "low", "high"])
        assert (measured["low"] <= measured["high"]).all()


def test_published_library_figures_do_not_stand_beside_another_library(real_run):
    table = pd.read_csv(real_run / "summary/table2.tsv", sep="\t", dtype=str).fillna("")
    shown = " ".join(table[table["task"] == "mpra_k562"]["published"])
    assert "75.53" not in shown
    assert "790" not in shown


def test_clinvar_is_scored_in_order_and_what_is_not_scored_has_a_note(real_run, real_data):
    with pysam.VariantFile(str(real_data / "mini" / CLINVAR)) as vcf:
        given = [(one.contig, one.pos, one.id) for one in itertools.islice(vcf, SCORED)]
    with pysam.VariantFile(str(real_run / "scored_variants/snp.scored.vcf.gz")) as vcf:
        records = list(vcf)
    assert [(record.contig, record.pos, record.id) for record in records] == given
    assert all("BMFM_LLR" in record.info or "BMFM_NOTE" in record.info for record in records)
    assert sum("BMFM_LLR" in record.info for record in records) > len(records) / 2
