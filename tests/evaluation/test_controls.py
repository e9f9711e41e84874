"""Controls judged from made results: what contradicts a control makes it fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pybmfm.core import UserError, output_directory, write_manifest
from pybmfm.evaluation import judge_controls, save_result
from pybmfm.tasks import TaskTable

ROWS, SEEDS = 200, 3
CELLS = [{"task": "words", "model": "ref"}, {"task": "words", "model": "scratch"}]


def make_results(root: Path, signals: dict[tuple[str, str], float], rows: int = ROWS) -> list[Path]:
    """Results whose scores follow the truth by so much, three seeds each."""
    folders = []
    for (task, model), signal in signals.items():
        for seed in range(SEEDS):
            rng = np.random.default_rng([seed, len(model), len(task)])
            truth = np.arange(rows) % 2
            positive = 1 / (1 + np.exp(-(signal * (2 * truth - 1) + rng.normal(size=rows))))
            ids = [f"{task}_{row}" for row in range(rows)]
            table = TaskTable(
                ids=ids,
                sequences=["ACGT"] * rows,
                kind="binary",
                targets=truth,
                classes=["0", "1"],
                groups=ids,
                encoded=False,
                counts={},
            )
            scores = np.stack([1 - positive, positive], axis=1).astype(np.float32)
            folders.append(root / f"{task}.{model}.{seed}")
            with output_directory(folders[-1]) as staging:
                save_result(
                    staging,
                    task=task,
                    model=model,
                    seed=seed,
                    kind="binary",
                    metric="mcc",
                    classes=["0", "1"],
                    table_dev=table,
                    scores_dev=scores,
                    table_test=table,
                    scores_test=scores,
                )
                write_manifest(staging, artefact="result", settings={})
    return folders


def judged(declared: dict, folders: list[Path], repeated: dict | None = None) -> dict:  # type: ignore[type-arg]
    table = judge_controls([{"control": "x", **declared}], folders, repeated or {}, seed=0)
    (row,) = table.to_dict("records")
    return row


@pytest.mark.parametrize(
    ("ref", "scratch", "above", "same"),
    [
        pytest.param(1.0, 0.0, True, False, id="the effect is there"),
        pytest.param(0.0, 1.0, False, False, id="the effect is turned round"),
        pytest.param(0.5, 0.5, False, True, id="there is none"),
    ],
)
def test_a_difference_is_there_or_not(
    tmp_path: Path, ref: float, scratch: float, above: bool, same: bool
) -> None:
    folders = make_results(tmp_path, {("words", "ref"): ref, ("words", "scratch"): scratch})
    asked = {"metric": "auroc", "cells": CELLS}
    row = judged({"expected": "above 0", **asked}, folders)
    assert row["passed"] is above
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["compared"] == "ref on words - scratch on words"
    assert judged({"expected": "no difference", **asked}, folders)["passed"] is same


def test_cells_of_two_tasks_are_paired_by_the_order_of_their_rows(tmp_path: Path) -> None:
    folders = make_results(tmp_path / "a", {("encoded", "snp"): 1.0, ("plain", "ref"): 0.0})
    cells = [{"task": "encoded", "model": "snp"}, {"task": "plain", "model": "ref"}]
    declared = {"expected": "above 0", "metric": "auroc", "cells": cells}
    assert judged(declared, folders)["passed"] is True
    other = make_results(tmp_path / "b", {("plain", "ref"): 0.0}, rows=ROWS + 2)
    with pytest.raises(UserError, match="tested on other rows"):
        judged(declared, folders[:SEEDS] + other)


def test_a_missing_result_is_no_pass(tmp_path: Path) -> None:
    folders = make_results(tmp_path, {("words", "ref"): 1.0})
    for expected in ("above 0", "no difference"):
        row = judged({"expected": expected, "metric": "auroc", "cells": CELLS}, folders)
        assert row["passed"] is False
        assert np.isnan(row["difference"])
    folders += make_results(tmp_path, {("noise", "majority"): 0.0})
    for task in ("absent", "noise"):
        row = judged({"expected": "chance", "metric": "auroc", "task": task}, folders)
        assert row["passed"] is False


def test_one_model_above_chance_fails_the_control_of_all(tmp_path: Path) -> None:
    declared = {"expected": "chance", "metric": "auroc", "task": "noise"}
    chance = {("noise", "ref"): 0.0, ("noise", "snp"): 0.0, ("words", "ref"): 1.0}
    row = judged(declared, make_results(tmp_path / "a", chance))
    assert row["passed"] is True
    assert abs(row["difference"]) < 0.1
    row = judged(declared, make_results(tmp_path / "b", {**chance, ("noise", "snp"): 0.8}))
    assert row["passed"] is False
    assert row["compared"] == "snp on noise, farthest of 2 models"
    assert row["low"] > 0


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        pytest.param({"a", "b"}, 0, id="exactly"),
        pytest.param({"a"}, 1, id="one missed"),
        pytest.param({"a", "b", "c", "d"}, 2, id="two too many"),
        pytest.param(set(), 2, id="none"),
    ],
)
def test_a_leak_is_found_exactly_or_not(found: set[str], wrong: int) -> None:
    declared = {"expected": "exactly found", "metric": "rows", "task": "t", "rows": ["a", "b"]}
    row = judged(declared, [], {"t": frozenset(found)})
    assert (row["difference"], row["passed"]) == (wrong, wrong == 0)
    assert judged(declared, [], {"other": frozenset({"a", "b"})})["passed"] is False
