"""The controls in a smaller form: real Nextflow, a small world, two of its tables, one seed."""

from __future__ import annotations

import pandas as pd
import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1500)]

SMALLER = {
    "simulate_options": "--contig-length chr1=40000 --task-rows 30 --controls 60000",
    "task_names": "alleles,shuffled",
    "seeds": "0",
    "steps": 20,
    "tokens_per_batch": 2048,
    "epochs": 1,
    "vocab_size": 256,
    "baselines": "majority",
}


def test_controls_are_judged_and_what_is_missing_is_no_pass(nextflow, repository, tmp_path):
    options = [f"--{name}={value}" for name, value in SMALLER.items()]
    command = ("run", repository, "-profile", "controls", *options)
    outcome = nextflow(*command, cwd=tmp_path, timeout=1400)
    assert outcome.code == 0, outcome.text
    table = pd.read_csv(tmp_path / "results/summary/controls.tsv", sep="\t", index_col="control")
    missing = ["pretraining", "variants", "no variants"]
    assert not table.loc[missing, "passed"].any()
    assert table.loc[missing, "difference"].isna().all()
    # Twenty steps teach nothing: a control that passed here would be worth nothing.
    learned = table.loc["variant pretraining"]
    assert -0.3 < learned["difference"] < 0.3
    assert not learned["passed"]
    assert table.loc["planted leak", ["difference", "passed"]].tolist() == [0, True]
    report = (tmp_path / "results/report.html").read_text()
    assert "The instrument does not work" in report
