"""``audit-leakage`` on the command line: a leak is a finding, not a failure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pybmfm.cli import main

ROW = "ACGGTCATTGCA" * 4


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    for split in ("train", "dev", "test"):
        other = {"train": "A", "dev": "C", "test": "G"}[split] * 50
        (tmp_path / f"{split}.csv").write_text(f"sequence,label\n{ROW},0\n{other},1\n")
    sheet = tmp_path / "tasks.csv"
    sheet.write_text("task,kind,train,dev,test,metric\nt,binary,train.csv,dev.csv,test.csv,\n")
    return sheet


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as exit_info:
        main(["audit-leakage", *map(str, arguments)])
    return exit_info.value.code


def test_leaks_are_reported_with_exit_0(tmp_path: Path, sheet: Path) -> None:
    assert run("--tasks", sheet, "--out", tmp_path / "out", "--threads", 2, "--seed", 1) == 0
    table = pd.read_csv(tmp_path / "out" / "leakage.tsv", sep="\t")
    assert list(table) == [
        "kind",
        "what",
        "split_a",
        "split_b",
        "quantity",
        "value",
        "share",
        "note",
    ]
    # The second rows of dev and test are each other's reverse complement.
    assert table.query("quantity == 'rows_with_a_duplicate'")["value"].tolist() == [1, 1, 2]


def test_nothing_to_compare_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", tmp_path / "out") == 2
    assert "nothing to compare; give --corpus, --windows or --tasks." in capsys.readouterr().err
