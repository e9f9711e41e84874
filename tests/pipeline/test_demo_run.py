"""The test profile from end to end: real Nextflow, real training, on the simulated genome."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1500)]

MODELS = ("scratch", "ref", "snp")


def metrics(results: Path, task: str, model: str, seed: int = 0) -> dict:
    path = results / "results" / task / model / f"seed_{seed}" / "metrics.json"
    return json.loads(path.read_text())


def test_report_and_scored_variants_are_announced(demo):
    outcome, folder = demo
    for name in ("report.html", "scored_variants/ref.scored.vcf.gz"):
        assert f"  {folder / 'results' / name}\n" in outcome.text
        assert (folder / "results" / name).stat().st_size > 0


@pytest.mark.parametrize("model", MODELS)
def test_fine_tuned_models_find_the_planted_promoters(demo, model):
    """Clearly above chance: the whole 95 % interval of MCC lies above 0."""
    _, folder = demo
    table = pd.read_csv(folder / "results/summary/table2.tsv", sep="\t")
    row = table.query("task == 'promoter' and model == @model and metric == 'mcc'")
    assert len(row) == 1
    assert row["low"].item() > 0
    assert row["mean"].item() > 0.2


def test_every_model_predicts_the_same_rows(demo):
    _, folder = demo
    for task in ("promoter", "tf"):
        truth = None
        for model in (*MODELS, "kmer-logistic"):
            path = folder / "results/results" / task / model / "seed_0/predictions.parquet"
            rows = pd.read_parquet(path)[["id", "split", "truth"]]
            truth = rows if truth is None else truth
            pd.testing.assert_frame_equal(rows, truth)
            assert set(rows["split"]) == {"dev", "test"}


def test_scratch_and_pretrained_had_the_same_budget(demo):
    _, folder = demo
    results = folder / "results"
    for task in ("promoter", "tf"):
        steps = {metrics(results, task, model)["steps"] for model in MODELS}
        rows = {metrics(results, task, model)["train_rows"] for model in (*MODELS, "kmer-logistic")}
        assert len(steps) == len(rows) == 1


def test_pretraining_learns(demo):
    _, folder = demo
    for encoding in ("ref", "snp"):
        lines = (folder / f"results/models/{encoding}/progress.jsonl").read_text().splitlines()
        dev = [json.loads(line) for line in lines if "dev_bits_per_nucleotide" in line]
        assert len(dev) > 2
        assert dev[-1]["dev_loss"] < dev[0]["dev_loss"]
        # The models know context: more than the tokens on either side tell by their counts.
        known = json.loads((folder / f"results/models/{encoding}/metrics.json").read_text())["dev"]
        assert known["bits_per_nucleotide"] < known["neighbours_bits_per_nucleotide"]
        assert known["neighbours_bits_per_nucleotide"] < known["unigram_bits_per_nucleotide"]


def test_models_load_in_plain_transformers(demo):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    _, folder = demo
    for encoding in ("ref", "snp"):
        path = folder / "results/models" / encoding
        tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModelForMaskedLM.from_pretrained(path)
        logits = model(**tokenizer("ACGTTGCAACGT", return_tensors="pt")).logits
        assert logits.shape[-1] == len(tokenizer)


def test_scored_vcf_keeps_records_and_order(demo):
    _, folder = demo
    results = folder / "results"
    with pysam.VariantFile(str(results / "demo/score.vcf.gz")) as vcf:
        given = [(r.contig, r.pos, r.ref, r.alts, r.info["CLASS"]) for r in vcf]
    for encoding in ("ref", "snp"):
        with pysam.VariantFile(str(results / f"scored_variants/{encoding}.scored.vcf.gz")) as vcf:
            records = list(vcf)
            assert [(r.contig, r.pos, r.ref, r.alts, r.info["CLASS"]) for r in records] == given
            assert all("BMFM_LLR" in r.info or "BMFM_NOTE" in r.info for r in records)
            assert any(len(r.info["BMFM_LLR"]) > 1 for r in records if "BMFM_LLR" in r.info)
        pysam.TabixFile(str(results / f"scored_variants/{encoding}.scored.vcf.gz")).close()


@pytest.mark.parametrize("encoding", ["ref", "snp"])
def test_variant_scores_are_not_those_of_the_frequencies_of_tokens(
    demo, encoding, tmp_path, monkeypatch
):
    from pybmfm.corpus import TokenCorpus
    from pybmfm.inference.pseudo_likelihood import PseudoLikelihoods
    from pybmfm.inference.score_variants import ScoreSettings, score_variants

    results = demo[1] / "results"
    corpus = TokenCorpus(results / "corpora" / encoding, "train")
    surprise = np.log(corpus.occurrence(corpus.manifest["tokenizer"]["vocab_size"]) + 1.0)

    def by_frequency(likelihoods, _model, **_):
        for text, place in likelihoods._wanted:
            token = likelihoods.tokens[text][place + 1]
            likelihoods._answers[text, place] = surprise[token]

    monkeypatch.setattr(PseudoLikelihoods, "compute", by_frequency)
    genome, vcf = (results / "demo" / name for name in ("genome.fa.gz", "score.vcf.gz"))
    out = tmp_path / "scored.vcf.gz"
    score_variants(ScoreSettings(results / "models" / encoding, genome, vcf, out, device="cpu"))
    columns = [llr(one) for one in (out, results / f"scored_variants/{encoding}.scored.vcf.gz")]
    assert len(columns[0]) > 30
    assert np.corrcoef(*columns)[0, 1] < 0.9


def llr(path: Path) -> list[float]:
    with pysam.VariantFile(str(path)) as vcf:
        return [score for record in vcf for score in record.info.get("BMFM_LLR", ())]


def test_splits_share_no_base_pair(demo):
    _, folder = demo
    manifest = json.loads((folder / "results/windows/manifest.json").read_text())
    assert manifest["settings"]["max_length"] == 10_000  # not the tokenizer's windows
    assert manifest["leakage"]["shared_bp"] == 0


def test_report_tells_the_whole_story(demo):
    _, folder = demo
    html = (folder / "results/report.html").read_text()
    for word in (
        "Task tables",
        "promoter",
        "kmer-logistic",
        "scratch",
        "median LLR",
        "no base pair is in two splits",
        "tokenizer",
    ):
        assert re.search(word, html, re.IGNORECASE), word


def test_resume_runs_nothing_again(demo, nextflow, repository):
    _, folder = demo
    again = nextflow("run", repository, "-profile", "test", "-resume", cwd=folder)
    assert again.code == 0, again.text
    assert "Submitted process" not in again.text


def test_checkpoints_can_be_supplied(demo, nextflow, repository, tmp_path):
    """Other tasks on finished models: nothing is pretrained again."""
    _, folder = demo
    models = ",".join(str(folder / "results/models" / name) for name in ("ref", "snp"))
    flags = ["--checkpoint", models, "--task_names", "tf", "--epochs", "1"]
    flags += ["--max_train_rows", "60", "--encodings", "snp"]
    outcome = nextflow("run", repository, "-profile", "test", *flags, cwd=tmp_path)
    assert outcome.code == 0, outcome.text
    assert "PRETRAIN" not in outcome.text
    assert metrics(tmp_path / "results", "tf", "snp")["train_rows"] == 60
