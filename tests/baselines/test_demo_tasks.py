"""Tasks of the demo genome whose answer is known: nothing to learn, and a leak that was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pybmfm.baselines import MODELS
from pybmfm.evaluation import (
    LeakageSettings,
    TableSettings,
    audit_leakage,
    build_tables,
    read_repeated_ids,
)

from .demo_models import SPLITS, TRANSFORMERS, fit, tune

TASK = "uninformative"
COMPLEMENT = str.maketrans("ACGT", "TGCA")
CHANGED = 3  # a base that few 32-mers of a sequence cover


def test_where_there_is_nothing_to_learn_every_model_is_at_chance(
    demo_world: Path, tmp_path: Path
) -> None:
    tables = demo_world / "tasks" / TASK
    folders = [fit(tables, tmp_path, model, TASK) for model in MODELS]
    folders += [tune(tables, tmp_path, model, TASK) for model in TRANSFORMERS]
    table = build_tables(folders, TableSettings()).table2
    for metric, chance in (("auroc", 0.5), ("mcc", 0.0)):
        rows = table[table["metric"] == metric]
        assert len(rows) == len(folders)
        beyond = rows[(rows["low"] > chance) | (rows["high"] < chance)]
        assert beyond.empty, beyond.to_string()


@pytest.fixture(scope="module")
def leaking(demo_world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The task with 45 of its test rows in training, and the ids of those rows.

    A third each as it is, as reverse complement, and with one base changed.
    """
    folder = tmp_path_factory.mktemp("leaking")
    tables = {s: pd.read_csv(demo_world / "tasks" / TASK / f"{s}.csv") for s in SPLITS}
    rows = np.random.default_rng(0).choice(len(tables["test"]), 45, replace=False)
    leaked = tables["test"].iloc[rows]
    kinds = (str, turned, mutated)
    copies = leaked.assign(
        id=[f"copy-{name}" for name in leaked["id"]],
        sequence=[kinds[n % 3](text) for n, text in enumerate(leaked["sequence"])],
    )
    tables["train"] = pd.concat([tables["train"], copies])
    for split, table in tables.items():
        table.to_csv(folder / f"{split}.csv", index=False)
    (folder / "tasks.csv").write_text(
        f"task,kind,train,dev,test,metric\n{TASK},binary,train.csv,dev.csv,test.csv,auroc\n"
    )
    return folder, set(leaked["id"])


def turned(text: str) -> str:
    return text.translate(COMPLEMENT)[::-1]


def mutated(text: str) -> str:
    return text[:CHANGED] + text[CHANGED].translate(COMPLEMENT) + text[CHANGED + 1 :]


def test_a_planted_leak_is_found_and_scores_without_it_are_at_chance(
    leaking: tuple[Path, set[str]], tmp_path: Path
) -> None:
    folder, ids = leaking
    audit_leakage(LeakageSettings(out=tmp_path / "audit", tasks=(folder / "tasks.csv",)))
    repeated = read_repeated_ids([tmp_path / "audit"])
    assert set(repeated[TASK]) == ids
    kinds = pd.read_csv(tmp_path / "audit" / "repeated_rows.tsv", sep="\t")["relation"]
    assert kinds.value_counts().to_dict() == {"exact": 15, "reverse-complement": 15, "near": 15}

    result = fit(folder, tmp_path, "kmer-forest", TASK, k=(4,))
    table = build_tables([result], TableSettings(repeated=repeated)).table2
    row = table[table["metric"] == "auroc"].iloc[0]
    assert row["repeated_rows"] == len(ids)
    assert row["low"] > 0.5, "the forest knows the rows by heart"
    assert row["low_without"] < 0.5 < row["high_without"], "and nothing else"
    assert row["mean"] > row["mean_without"] + 0.1
