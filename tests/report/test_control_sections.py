"""Controls in the summary: their table, and the sentence that opens the report."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from pybmfm.core import output_directory, write_manifest
from pybmfm.report import SummarizeSettings, summarize

from .conftest import make_result


def difference(control: str, first: str, second: str) -> dict[str, object]:
    cells = [{"task": "promoter", "model": model} for model in (first, second)]
    return {"control": control, "expected": "above 0", "metric": "auroc", "cells": cells}


@pytest.mark.parametrize(
    ("controls", "sentence", "passed"),
    [
        pytest.param(
            [difference("one", "snp", "ref"), difference("two", "snp", "scratch")],
            "The instrument works: 2 of 2 controls as expected.",
            [True, True],
            id="works",
        ),
        pytest.param(
            [difference("one", "snp", "ref"), difference("two", "ref", "snp")],
            "The instrument does not work: 1 of 2 controls as expected.",
            [True, False],
            id="does not work",
        ),
    ],
)
def test_the_report_opens_with_the_controls(
    tmp_path: Path, controls: list[dict[str, object]], sentence: str, passed: list[bool]
) -> None:
    for model in ("snp", "ref", "scratch"):
        make_result(tmp_path / "run", "promoter", model, 0)
    with output_directory(tmp_path / "run/tasks") as staging:
        write_manifest(staging, artefact="tasks", settings={}, counts={}, controls=controls)
    summarize(SummarizeSettings((tmp_path / "run",), tmp_path / "summary"))
    table = pd.read_csv(tmp_path / "summary/controls.tsv", sep="\t")
    assert table["passed"].tolist() == passed
    assert table.columns[:7].tolist() == [
        "control", "expected", "metric", "difference", "low", "high", "passed",
    ]  # fmt: skip
    first = json.loads(min((tmp_path / "summary/multiqc").glob("*_mqc.json")).read_text())
    assert first["section_name"] == "1.1 Controls"
    assert first["description"].startswith(f"<p>{sentence}")
    assert ("two: expected above 0, auroc" in first["data"]) is not all(passed)


def test_results_without_controls_have_no_table_of_them(tmp_path: Path, results: Path) -> None:
    summarize(SummarizeSettings((results,), tmp_path / "summary"))
    assert not (tmp_path / "summary/controls.tsv").exists()
