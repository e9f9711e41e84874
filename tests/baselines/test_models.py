"""Every baseline on every kind of task, on motifs that were planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pybmfm.baselines import BaselineSettings, fit_baseline
from pybmfm.evaluation import compute_metrics, load_result
from pybmfm.variants import ALPHABET

LEARNING = ("kmer-logistic", "kmer-forest", "kmer-svm", "cnn", "resnet")
SPLITS = {"train": 300, "dev": 80, "test": 120}
MOTIF, OTHER = "GATTACAG", "CCCGGGCG"
PAIR = ALPHABET[40]


def sequences(rng: np.random.Generator, rows: int) -> list[str]:
    return ["".join(rng.choice(list("ACGT"), 80)) for _ in range(rows)]


def planted(text: str, motif: str, place: int) -> str:
    return text[:place] + motif + text[place + len(motif) :]


def write_task(folder: Path, make: Any) -> Path:
    for number, (split, rows) in enumerate(SPLITS.items()):
        rng = np.random.default_rng(number)
        make(rng, sequences(rng, rows)).to_csv(folder / f"{split}.csv", index=False)
    return folder


def fit(folder: Path, model: str, kind: str, **more: Any) -> dict[str, Any]:
    tables = {split: folder / f"{split}.csv" for split in SPLITS}
    out = folder / model
    epochs = {"cnn": 12, "resnet": 6}.get(model, 3)
    more = {"k": (4,) if model.startswith("kmer") else (), **more}
    fit_baseline(BaselineSettings(model=model, kind=kind, out=out, epochs=epochs, **tables, **more))
    return dict(json.loads((out / "metrics.json").read_text()))


def binary(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
    labels = rng.integers(0, 2, len(texts))
    rows = [
        planted(text, MOTIF, int(rng.integers(0, 70))) if label else text
        for text, label in zip(texts, labels, strict=True)
    ]
    return pd.DataFrame({"sequence": rows, "label": labels})


@pytest.fixture(scope="module")
def binary_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_task(tmp_path_factory.mktemp("binary"), binary)


@pytest.mark.parametrize("model", LEARNING)
def test_a_planted_motif_is_found(binary_task: Path, model: str) -> None:
    metrics = fit(binary_task, model, "binary")
    assert metrics["test"]["auroc"] > 0.8
    assert metrics["test"]["ece"] < 0.25
    assert metrics["parameters"] > 100
    assert metrics["seconds"] > 0
    top = pd.read_csv(binary_task / model / "top_features.tsv", sep="\t")
    assert len(top) > 5
    if model in ("kmer-forest", "kmer-svm"):
        assert top["feature"][:3].str.contains("motif").any()


@pytest.mark.parametrize("model", ["kmer-forest", "kmer-svm", "cnn"])
def test_two_runs_are_equal_and_seeds_are_heeded(
    tmp_path: Path, binary_task: Path, model: str
) -> None:
    tables = {split: binary_task / f"{split}.csv" for split in SPLITS}
    scores = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / name
        fit_baseline(
            BaselineSettings(
                model=model, kind="binary", out=out, seed=seed, max_train_rows=100, k=(3,),
                threads=1 if name == "a" or model == "cnn" else 2, **tables,
            )
        )  # fmt: skip
        scores.append(load_result(out).scores)
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


@pytest.mark.parametrize("model", ["kmer-forest", "kmer-svm", "cnn"])
def test_labels_that_follow_from_nothing_stay_at_chance(tmp_path: Path, model: str) -> None:
    def unrelated(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"sequence": texts, "label": rng.integers(0, 2, len(texts))})

    fit(write_task(tmp_path, unrelated), model, "binary", max_train_rows=100)
    result = load_result(tmp_path / model)
    auroc = compute_metrics("binary", result.truth, result.scores)["auroc"]
    assert abs(auroc - 0.5) < 0.16  # three standard errors of 120 rows


@pytest.mark.parametrize("model", ["kmer-forest", "kmer-svm", "cnn"])
def test_three_classes(tmp_path: Path, model: str) -> None:
    def three(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        labels = rng.integers(0, 3, len(texts))
        motifs = ("", MOTIF, OTHER)
        rows = [planted(t, motifs[label], 20) for t, label in zip(texts, labels, strict=True)]
        return pd.DataFrame({"sequence": rows, "label": labels})

    metrics = fit(write_task(tmp_path, three), model, "multiclass")
    assert metrics["test"]["auroc_macro"] > 0.8
    scores = load_result(tmp_path / model).scores
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("model", ["kmer-forest", "kmer-svm", "cnn"])
def test_labels_beside_each_other(tmp_path: Path, model: str) -> None:
    def two(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        rows = []
        for text in texts:
            marks = rng.integers(0, 2, 2)
            for mark, motif, place in zip(marks, (MOTIF, OTHER), (5, 40), strict=True):
                text = planted(text, motif, place) if mark else text
            rows.append((text, "|".join(["all"] + ["ab"[n] for n in (0, 1) if marks[n]])))
        return pd.DataFrame(rows, columns=["sequence", "labels"])

    metrics = fit(write_task(tmp_path, two), model, "multilabel")
    assert metrics["classes"] == ["a", "all", "b"]
    assert metrics["test"]["auroc_macro"] > 0.8
    scores = load_result(tmp_path / model).scores
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("model", ["majority", "kmer-logistic", "kmer-forest", "kmer-svm", "cnn"])
def test_labels_that_are_not_known_are_not_learned(tmp_path: Path, model: str) -> None:
    def marked(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        marks = rng.integers(0, 2, (len(texts), 2))
        rows = [planted(t, MOTIF, 5) if a else t for t, (a, _) in zip(texts, marks, strict=True)]
        b = np.where(marks[:, 1], "1", "NA")  # nothing speaks against it
        return pd.DataFrame({"sequence": rows, "a": marks[:, 0], "b": b})

    metrics = fit(write_task(tmp_path, marked), model, "multilabel")
    assert metrics["classes"] == ["a", "b"]
    result = load_result(tmp_path / model)
    assert set(result.truth[:, 1].tolist()) == {1, -1}
    assert result.scores[:, 1].mean() > 0.9
    if model != "majority":
        assert metrics["test"]["auroc_macro"] > 0.8  # of a alone


@pytest.mark.parametrize("model", ["kmer-forest", "kmer-svm", "cnn"])
def test_values(tmp_path: Path, model: str) -> None:
    def graded(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        values = [100 + 5 * text.count("CG") + rng.normal(0, 1) for text in texts]
        return pd.DataFrame({"sequence": texts, "value": values})

    metrics = fit(write_task(tmp_path, graded), model, "regression")
    assert metrics["test"]["pearson"] > 0.4
    assert metrics["test"]["r2"] > 0.1  # values come back on their own scale


@pytest.mark.parametrize("model", ["cnn", "kmer-forest"])
def test_variant_symbols_are_seen(tmp_path: Path, model: str) -> None:
    def encoded(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        labels = rng.integers(0, 2, len(texts))
        rows = [
            planted(text, 4 * PAIR, int(rng.integers(0, 70))) if label else text
            for text, label in zip(texts, labels, strict=True)
        ]
        return pd.DataFrame({"sequence": rows, "label": labels})

    assert fit(write_task(tmp_path, encoded), model, "binary")["test"]["auroc"] > 0.8


@pytest.mark.parametrize("model", ["kmer-forest", "kmer-svm", "cnn"])
def test_one_class_in_training_rows_and_short_sequences_are_no_error(
    tmp_path: Path, model: str
) -> None:
    frame = pd.DataFrame({"sequence": ["AC", "GT", "N", "ACG"] * 5, "label": [0, 1, 1, 0] * 5})
    for split in SPLITS:
        frame.to_csv(tmp_path / f"{split}.csv", index=False)
    assert 0 <= fit(tmp_path, model, "binary")["test"]["accuracy"] <= 1
