from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pybmfm.evaluation import average_orientations, save_result
from pybmfm.tasks import TaskTable


def table(ids: list[str]) -> TaskTable:
    return TaskTable(
        ids=ids,
        sequences=["ACGT"] * len(ids),
        kind="regression",
        targets=np.arange(len(ids), dtype=np.float32),
        classes=[],
        groups=[name.split("/")[0] for name in ids],
        encoded=False,
        counts={"read": len(ids), "used": len(ids), "dropped": {}},
    )


def test_both_strands_of_a_row_become_its_mean() -> None:
    scores = np.array([[1.0], [10.0], [3.0], [5.0], [7.0]], dtype=np.float32)
    kept, averaged = average_orientations(table(["a", "b", "a/rc", "c/rc", "d"]), scores)
    assert kept.ids == ["a", "b", "c/rc", "d"]
    assert kept.targets.tolist() == [0, 1, 3, 4]
    assert averaged.tolist() == [[2.0], [10.0], [5.0], [7.0]]
    assert kept.counts["dropped"] == {"orientations_averaged": 1}
    assert scores[0] == 1  # the caller's array is left alone


def test_a_table_of_one_strand_is_left_as_it_is() -> None:
    rows, scores = table(["a", "b"]), np.ones((2, 3))
    assert average_orientations(rows, scores) == (rows, scores)


def test_results_hold_one_row_per_sequence(tmp_path: Path) -> None:
    rows = table(["a", "a/rc", "b", "b/rc", "c"])
    scores = np.array([[0.0], [2.0], [5.0], [7.0], [9.0]], dtype=np.float32)
    returned = save_result(
        tmp_path, task="t", model="m", seed=0, kind="regression", metric="pearson", classes=[],
        table_dev=rows, scores_dev=scores, table_test=rows, scores_test=scores,
    )  # fmt: skip
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == returned
    assert metrics["rows"] == {"dev": 3, "test": 3}
    expected = np.corrcoef([0, 2, 4], [1, 6, 9])[0, 1]
    assert metrics["test"]["pearson"] == pytest.approx(expected)
