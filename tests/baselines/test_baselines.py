from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.baselines import MODELS, BaselineSettings, KmerVocabulary, fit_baseline
from pybmfm.cli.baseline import MODELS as cli_models
from pybmfm.cli.baseline import command
from pybmfm.core import UserError
from pybmfm.evaluation import bootstrap_intervals, load_result
from pybmfm.variants import ALPHABET

MOTIF = "GATTACA"
PAIR = ALPHABET[40]


def random_sequences(rng: np.random.Generator, rows: int) -> list[str]:
    return ["".join(rng.choice(list("ACGT"), 60)) for _ in range(rows)]


def planted(text: str, motif: str, place: int) -> str:
    return text[:place] + motif + text[place + len(motif) :]


def write_splits(folder: Path, make: Any, rows: tuple[int, int, int] = (160, 60, 80)) -> Path:
    for number, (split, size) in enumerate(zip(("train", "dev", "test"), rows, strict=True)):
        rng = np.random.default_rng(number)
        make(rng, random_sequences(rng, size)).to_csv(folder / f"{split}.csv", index=False)
    return folder


def with_motif(rng: np.random.Generator, texts: list[str], motif: str = MOTIF) -> pd.DataFrame:
    labels = rng.integers(0, 2, len(texts))
    texts = [
        planted(text, motif, int(rng.integers(0, 50))) if label else text
        for text, label in zip(texts, labels, strict=True)
    ]
    return pd.DataFrame({"sequence": texts, "label": labels})


def fit(folder: Path, kind: str = "binary", model: str = "kmer-logistic", **more: Any) -> dict:
    splits = {split: folder / f"{split}.csv" for split in ("train", "dev", "test")}
    out = folder / "result"
    fit_baseline(BaselineSettings(model=model, kind=kind, out=out, **splits, **more))
    return json.loads((out / "metrics.json").read_text())


def test_a_planted_motif_is_found_and_named(tmp_path: Path) -> None:
    metrics = fit(write_splits(tmp_path, with_motif))
    assert metrics["test"]["mcc"] > 0.6
    assert metrics["task"] == tmp_path.name
    assert metrics["train_rows"] == 160
    top = pd.read_csv(tmp_path / "result" / "top_features.tsv", sep="\t")
    assert top["feature"][0] in MOTIF
    assert top["class"].unique().tolist() == [1]
    assert set(top["feature"].str.len()) == {metrics["k"]}


def test_random_labels_stay_near_chance(tmp_path: Path) -> None:
    def unrelated(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"sequence": texts, "label": rng.integers(0, 2, len(texts))})

    fit(write_splits(tmp_path, unrelated), k=(3, 4))
    result = load_result(tmp_path / "result")
    low, high = bootstrap_intervals(
        "binary", result.truth, [result.scores], result.groups, draws=400
    )["auroc"]
    assert low < 0.5 < high


def test_variant_symbols_are_letters_of_k_mers(tmp_path: Path) -> None:
    def encoded(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        return with_motif(rng, texts, f"A{PAIR}T")

    metrics = fit(write_splits(tmp_path, encoded), k=(3,))
    assert metrics["test"]["mcc"] > 0.9
    top = pd.read_csv(tmp_path / "result" / "top_features.tsv", sep="\t")
    assert PAIR in top["feature"][0]


def test_values_are_fitted_by_ridge(tmp_path: Path) -> None:
    def graded(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        values = [10 + 3 * text.count("CG") + rng.normal(0, 0.5) for text in texts]
        return pd.DataFrame({"sequence": texts, "value": values})

    metrics = fit(write_splits(tmp_path, graded), kind="regression", k=(2, 3))
    assert metrics["test"]["pearson"] > 0.8
    assert metrics["test"]["r2"] > 0.5
    assert metrics["estimator"].startswith("ridge")
    assert metrics["k"] == 2


def test_each_label_has_its_own_model(tmp_path: Path) -> None:
    def two(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        rows = []
        for text in texts:
            marks = rng.integers(0, 2, 2)
            for mark, motif, place in zip(marks, ("GATTACA", "CCCGGGC"), (5, 30), strict=True):
                text = planted(text, motif, place) if mark else text
            rows.append((text, "|".join(["all"] + ["ab"[n] for n in (0, 1) if marks[n]])))
        return pd.DataFrame(rows, columns=["sequence", "labels"])

    metrics = fit(write_splits(tmp_path, two), kind="multilabel", k=(4,))
    assert metrics["classes"] == ["a", "all", "b"]
    assert metrics["test"]["undefined_classes"] == 1
    assert metrics["test"]["auroc_macro"] > 0.85
    assert (load_result(tmp_path / "result").scores[:, 1] == 1).all()


def test_three_classes(tmp_path: Path) -> None:
    def three(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        labels = rng.integers(0, 3, len(texts))
        motifs = ("", "GATTACA", "CCCGGGC")
        texts = [
            planted(text, motifs[label], 20) for text, label in zip(texts, labels, strict=True)
        ]
        return pd.DataFrame({"sequence": texts, "label": labels})

    assert fit(write_splits(tmp_path, three), kind="multiclass", k=(4,))["test"]["mcc"] > 0.6


def test_the_majority_predicts_the_training_shares(tmp_path: Path) -> None:
    metrics = fit(write_splits(tmp_path, with_motif), model="majority")
    share = pd.read_csv(tmp_path / "train.csv")["label"].mean()
    scores = load_result(tmp_path / "result").scores
    np.testing.assert_allclose(scores[:, 1], share, rtol=1e-6)
    assert metrics["test"]["mcc"] == 0
    assert metrics["test"]["auroc"] == 0.5


def test_what_is_logged_is_what_the_result_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a table holds both strands of a sequence, both count their mean once."""

    def both_strands(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        frame = pd.DataFrame({"sequence": texts, "value": rng.normal(0, 1, len(texts))})
        ids = [f"r{row // 2}{'/rc' if row % 2 else ''}" for row in range(len(frame))]
        return frame.assign(id=ids)

    caplog.set_level("INFO", logger="pybmfm")
    metrics = fit(write_splits(tmp_path, both_strands), kind="regression", k=(2,))
    dev, test = metrics["dev"]["pearson"], metrics["test"]["pearson"]
    assert f"kmer-logistic: pearson {dev:.4f} on dev, {test:.4f} on test" in caplog.text
    caplog.clear()
    fit(tmp_path, kind="regression", model="majority")
    assert "majority: pearson undefined on dev, undefined on test" in caplog.text


def test_two_runs_are_equal(tmp_path: Path) -> None:
    write_splits(tmp_path, with_motif)
    runs = [fit(tmp_path, max_train_rows=60, seed=3, k=(3,)) for _ in range(2)]
    for run in runs:
        del run["seconds"]
    assert runs[0] == runs[1]
    assert runs[0]["train_rows"] == 60
    manifest = json.loads((tmp_path / "result" / "manifest.json").read_text())
    assert manifest["artefact"] == "result"
    assert manifest["counts"]["train"]["dropped"] == {"max_train_rows": 100}


def test_sequences_shorter_than_k_give_the_training_shares(tmp_path: Path) -> None:
    def short(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"sequence": [text[:2] for text in texts], "label": [0, 1] * 10})

    metrics = fit(write_splits(tmp_path, short, rows=(20, 20, 20)), k=(3,))
    assert metrics["estimator"] == "training class shares"


def test_unknown_models_and_lengths_are_refused(tmp_path: Path) -> None:
    write_splits(tmp_path, with_motif, rows=(20, 10, 10))
    with pytest.raises(UserError, match="unknown model 'lstm'; use majority"):
        fit(tmp_path, model="lstm")
    with pytest.raises(UserError, match="--k from 1 to 8"):
        fit(tmp_path, k=(9,))
    with pytest.raises(UserError, match="no metric 'pearson'"):
        fit(tmp_path, metric="pearson")


def test_the_command_takes_the_documented_options(tmp_path: Path) -> None:
    write_splits(tmp_path, with_motif, rows=(30, 10, 10))
    splits = [x for s in ("train", "dev", "test") for x in (f"--{s}", str(tmp_path / f"{s}.csv"))]
    arguments = ["--model", "kmer-logistic", "--kind", "binary", "--out", str(tmp_path / "r"),
                 "--k", "3", "--task", "mine", "--seed", "1", "--threads", "1"]  # fmt: skip
    result = CliRunner().invoke(command, [*arguments, *splits], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["task"] == "mine"


def test_the_command_offers_every_model() -> None:
    assert cli_models == MODELS


def counted_by_hand(text: str, k: int) -> dict[str, int]:
    words = [text[n : n + k] for n in range(len(text) - k + 1)]
    return {word: words.count(word) for word in words if "N" not in word}


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text("ACGTN" + PAIR, min_size=1, max_size=15), min_size=1, max_size=5),
    k=st.integers(1, 8),
)
def test_k_mers_are_those_counted_by_hand(texts: list[str], k: int) -> None:
    vocabulary = KmerVocabulary.fit(texts, k)
    names = vocabulary.names()
    assert set(names) == {word for text in texts for word in counted_by_hand(text, k)}
    if not names:
        return
    rows = vocabulary.transform(texts).toarray()
    for text, row in zip(texts, rows, strict=True):
        counts = counted_by_hand(text, k)
        total = max(1, sum(counts.values()))
        assert {n: v for n, v in zip(names, row, strict=True) if v} == {
            word: pytest.approx(count / total) for word, count in counts.items()
        }


def test_unseen_k_mers_are_left_out() -> None:
    vocabulary = KmerVocabulary.fit(["ACACAC", "GGGG"], 2, max_features=2)
    assert sorted(vocabulary.names()) == ["AC", "GG"]
    np.testing.assert_allclose(vocabulary.transform(["ACTT", "TTTT"]).toarray().sum(1), [1 / 3, 0])
