"""The results page holds what the tables hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest


def write_tables(folder: Path) -> None:
    columns = ["task", "model", "seeds", "metric", "mean", "low", "high", "published"]
    rows = [
        ("tf", "ref", 3, "mcc", 0.41234, 0.3, 0.5, ""),
        ("tf", "ref", 3, "f1", 0.7, 0.6, 0.8, "F1 81.87 x100 (paper REF)"),
        ("tf", "snp", 3, "mcc", 0.5, 0.4, 0.6, ""),
        ("tf", "snp", 3, "f1", 0.75, 0.65, 0.85, ""),
        ("tf", "scratch", 3, "mcc", 0.35, 0.3, 0.4, ""),
        ("tf", "kmer-svm", 3, "mcc", 0.45, 0.4, 0.5, ""),
        ("gone", "ref", 0, "mcc", None, None, None, ""),
        ("mpra", "ref", 3, "mse", 0.9, 0.8, 1.0, ""),
        ("mpra", "snp", 3, "mse", 1.1, 1.0, 1.2, ""),
        ("chr20.class4", "snp", 3, "mcc", 0.1, -0.1, 0.3, ""),
    ]
    table = pd.DataFrame(rows, columns=columns).assign(
        parameters=1000, seconds=2.5, rows=200, repeated_rows=[4, 4, 4, 4, 0, 0, 0, 0, 0, 0],
        mean_without=0.39, low_without=0.2, high_without=0.5, note="",
    )  # fmt: skip
    table.to_csv(folder / "table2.tsv", sep="\t", index=False)
    pairs = [
        ("tf", "mcc", "ref", "snp", -0.0877, -0.2, 0.1, 0.3, 0.6),
        ("tf", "mcc", "scratch", "ref", -0.0623, -0.1, -0.02, 0.01, 0.02),
        ("tf", "mcc", "snp", "scratch", 0.15, -0.01, 0.2, 0.06, 0.1),
        ("tf", "mcc", "kmer-svm", "snp", -0.05, -0.1, 0.03, 0.3, 0.6),
    ]
    names = ["task", "metric", "model_a", "model_b", "difference", "low", "high", "p", "p_holm"]
    pd.DataFrame(pairs, columns=names).to_csv(folder / "comparisons.tsv", sep="\t", index=False)
    missing = pd.DataFrame([("tf", "cnn", 1)], columns=["task", "model", "seed"])
    missing.to_csv(folder / "missing.tsv", sep="\t", index=False)
    (folder / "wall.tsv").write_text("2026-01-01\t90\n2026-01-02\t30\n")


@pytest.fixture
def rendered(tmp_path: Path, repository: Path) -> str:
    write_tables(tmp_path)
    script = repository / "benchmarks" / "render_results.py"
    command = [sys.executable, script, "--summary", tmp_path, "--wall", tmp_path / "wall.tsv"]
    command += ["--command", "make-it", "--out", tmp_path / "results.md"]
    subprocess.run(list(map(str, command)), check=True)
    return (tmp_path / "results.md").read_text()


def test_the_page_shows_tables_verdicts_gaps_and_times(rendered: str) -> None:
    for text in (
        "make-it",
        "1.5 min (2026-01-01), 0.5 min (2026-01-02)",
        "| tf | mcc | 0.450 [0.400, 0.500] | 0.350 [0.300, 0.400] "
        "| 0.412 [0.300, 0.500] | **0.500** [0.400, 0.600] |",
        "F1 81.87 x100 (paper REF)",
        "| tf | mcc | +0.062 [+0.020, +0.100] | +0.150 [-0.010, +0.200] "
        "| +0.050 [-0.030, +0.100] (snp - kmer-svm) |",
        "REF on 1, SNP on 0 of 3 tasks. The best language model is not below the best k-mer model "
        "on 1 of 3.",
        "| gone | mcc | missing | missing | missing | missing |",
        "| mpra | mse | missing | missing | **0.900** [0.800, 1.000] | 1.100 [1.000, 1.200] |",
        "SNP and REF cannot be told apart",
        "tf: no result of cnn with seed 1.",
        "| tf | ref | mcc | 4 | 200 | 0.412 | 0.390 [0.200, 0.500] |",
        "| snp | 1,000 | 2.5 |",
    ):
        assert text in rendered, text
    assert "class4" not in rendered.split("## Table 2")[1].split("## ")[0]
