"""Metrics against scikit-learn and scipy on the same, resampled rows."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from pybmfm.evaluation import compute_metrics
from pybmfm.evaluation.metrics import metric_function
from pybmfm.tasks import check_metric

SEEDS = st.integers(0, 10_000)


def copies(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each row is drawn, and the drawn rows spelled out."""
    times = rng.integers(0, 4, rows)
    times[0] = 1
    return times.astype(float)[None], np.repeat(np.arange(rows), times)


def probabilities(rng: np.random.Generator, rows: int, classes: int) -> np.ndarray:
    # Few distinct values, so that ties are common.
    scores = rng.integers(1, 6, (rows, classes)).astype(float)
    return scores / scores.sum(axis=1, keepdims=True)


def agree(ours: float, theirs: float) -> bool:
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, rows=st.integers(2, 40))
def test_binary_metrics_of_drawn_rows_are_scikit_learns(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    truth, scores = rng.integers(0, 2, rows), probabilities(rng, rows, 2)
    weights, drawn = copies(rng, rows)
    ours = {k: v[0] for k, v in metric_function("binary", truth, scores)(weights).items()}
    y, p = truth[drawn], scores[drawn]
    guess = p.argmax(axis=1)
    assert agree(ours["accuracy"], sk.accuracy_score(y, guess))
    if len(set(y)) == 1:
        assert math.isnan(ours["auroc"])
        assert math.isnan(ours["mcc"])
        return
    assert agree(ours["f1"], sk.f1_score(y, guess))
    assert agree(ours["f1_macro"], sk.f1_score(y, guess, average="macro"))
    assert agree(ours["mcc"], sk.matthews_corrcoef(y, guess))
    assert agree(ours["auroc"], sk.roc_auc_score(y, p[:, 1]))
    assert agree(ours["auprc"], sk.average_precision_score(y, p[:, 1]))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, rows=st.integers(10, 50))
def test_multiclass_metrics_of_drawn_rows_are_scikit_learns(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    truth, scores = np.arange(rows) % 3, probabilities(rng, rows, 3)
    weights, _ = copies(rng, rows)
    weights[0, :3] = 1
    drawn = np.repeat(np.arange(rows), weights[0].astype(int))
    ours = {k: v[0] for k, v in metric_function("multiclass", truth, scores)(weights).items()}
    y, p = truth[drawn], scores[drawn]
    assert agree(ours["f1_macro"], sk.f1_score(y, p.argmax(axis=1), average="macro"))
    assert agree(ours["mcc"], sk.matthews_corrcoef(y, p.argmax(axis=1)))
    assert agree(ours["auroc_macro"], sk.roc_auc_score(y, p, multi_class="ovr"))
    auprc = [sk.average_precision_score(y == one, p[:, one]) for one in range(3)]
    assert agree(ours["auprc_macro"], np.mean(auprc))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, rows=st.integers(4, 40))
def test_regression_metrics_of_drawn_rows_are_scipys(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 8, rows).astype(float)
    scores = (truth + rng.integers(-3, 4, rows))[:, None]
    truth[:2], scores[:2, 0] = (0, 9), (1, 5)
    weights, _ = copies(rng, rows)
    weights[0, :2] = 1
    drawn = np.repeat(np.arange(rows), weights[0].astype(int))
    ours = {k: v[0] for k, v in metric_function("regression", truth, scores)(weights).items()}
    y, p = truth[drawn], scores[drawn, 0]
    assert agree(ours["pearson"], stats.pearsonr(y, p)[0])
    assert agree(ours["spearman"], stats.spearmanr(y, p)[0])
    assert agree(ours["mse"], sk.mean_squared_error(y, p))
    assert agree(ours["r2"], sk.r2_score(y, p))


def test_multilabel_leaves_out_and_counts_undefined_classes() -> None:
    truth = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    scores = np.array([[0.9, 0.2, 0.6], [0.3, 0.6, 0.9], [0.4, 0.1, 0.7], [0.2, 0.3, 0.8]])
    ours = compute_metrics("multilabel", truth, scores)
    assert ours["undefined_classes"] == 1
    expected = np.mean([sk.roc_auc_score(truth[:, k], scores[:, k]) for k in (0, 2)])
    assert agree(ours["auroc_macro"], expected)
    assert agree(ours["auroc_micro"], sk.roc_auc_score(truth.ravel(), scores.ravel()))
    assert agree(ours["f1_micro"], sk.f1_score(truth, scores >= 0.5, average="micro"))


def test_unknown_labels_are_in_no_metric() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, (60, 4))
    unknown = rng.random(truth.shape) < 0.3
    scores = rng.random(truth.shape)
    ours = compute_metrics("multilabel", np.where(unknown, -1, truth), scores)
    columns = [(truth[~u, k], scores[~u, k]) for k, u in enumerate(unknown.T)]
    assert agree(ours["auroc_macro"], np.mean([sk.roc_auc_score(*one) for one in columns]))
    precisions = [sk.average_precision_score(*one) for one in columns]
    assert agree(ours["auprc_macro"], np.mean(precisions))
    f1 = [sk.f1_score(true, score >= 0.5) for true, score in columns]
    assert agree(ours["f1_macro"], np.mean(f1))
    known = truth[~unknown], scores[~unknown]
    assert agree(ours["auroc_micro"], sk.roc_auc_score(*known))
    assert agree(ours["f1_micro"], sk.f1_score(known[0], known[1] >= 0.5))
    alone = compute_metrics("multilabel", known[0][:, None], known[1][:, None])
    assert agree(ours["ece"], alone["ece"])
    other = np.where(unknown, rng.random(truth.shape), scores)
    assert compute_metrics("multilabel", np.where(unknown, -1, truth), other) == ours


def test_a_label_that_nobody_knows_is_undefined() -> None:
    truth = np.array([[1, -1], [0, -1]])
    ours = compute_metrics("multilabel", truth, np.array([[0.9, 0.9], [0.1, 0.9]]))
    assert (ours["auroc_macro"], ours["f1_macro"], ours["undefined_classes"]) == (1, 1, 1)
    nothing = compute_metrics("multilabel", np.full((2, 1), -1), np.ones((2, 1)))
    assert all(math.isnan(nothing[name]) for name in ("auroc_micro", "f1_micro", "ece"))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, rows=st.integers(3, 30), classes=st.integers(1, 5))
def test_multilabel_metrics_of_drawn_rows_are_scikit_learns(
    seed: int, rows: int, classes: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (rows, classes))
    scores = rng.integers(0, 5, (rows, classes)) / 4
    weights, drawn = copies(rng, rows)
    ours = metric_function("multilabel", truth, scores)(np.concatenate([weights] * 40))
    assert all(np.array_equal(v, np.full(40, v[0]), equal_nan=True) for v in ours.values())
    y, p = truth[drawn], scores[drawn]
    defined = [one for one in range(classes) if 0 < y[:, one].sum() < len(y)]
    with_hits = [one for one in range(classes) if y[:, one].any()]
    if defined:
        areas = [sk.roc_auc_score(y[:, one], p[:, one]) for one in defined]
        assert agree(ours["auroc_macro"][0], np.mean(areas))
        assert agree(ours["auroc_micro"][0], sk.roc_auc_score(y.ravel(), p.ravel()))
    else:
        assert math.isnan(ours["auroc_macro"][0])
    if with_hits:
        precisions = [sk.average_precision_score(y[:, one], p[:, one]) for one in with_hits]
        assert agree(ours["auprc_macro"][0], np.mean(precisions))
        assert agree(ours["auprc_micro"][0], sk.average_precision_score(y.ravel(), p.ravel()))
    counted = [one for one in range(classes) if y[:, one].any() or (p[:, one] >= 0.5).any()]
    if counted:
        f1 = [sk.f1_score(y[:, one], p[:, one] >= 0.5) for one in counted]
        assert agree(ours["f1_macro"][0], np.mean(f1))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_threads_and_draws_at_once_do_not_change_a_bit(kind: str) -> None:
    rng = np.random.default_rng(0)
    classes = {"binary": 2, "multiclass": 3, "multilabel": 7}[kind]
    truth = rng.integers(0, 2, (40, 7)) if kind == "multilabel" else rng.integers(0, classes, 40)
    scores = probabilities(rng, 40, classes)
    weights = rng.integers(0, 3, (100, 40)).astype(float)
    one, four = (metric_function(kind, truth, scores, n)(weights) for n in (1, 4))
    assert all(np.array_equal(one[name], four[name], equal_nan=True) for name in one)
    alone = [metric_function(kind, truth, scores)(weights[[draw]]) for draw in (0, 31, 32, 99)]
    for name in one:
        if "auroc" in name or "auprc" in name:
            found = np.array([draw[name][0] for draw in alone])
            assert np.array_equal(found, one[name][[0, 31, 32, 99]], equal_nan=True)


def test_calibration_error_by_hand() -> None:
    # Two bins: three rows at 0.9 of which two are right, one row at 0.6 that is wrong.
    truth = np.array([1, 0, 1, 0])
    positive = np.array([0.9, 0.1, 0.1, 0.6])
    scores = np.stack([1 - positive, positive], axis=1)
    ours = compute_metrics("binary", truth, scores)
    assert ours["ece"] == pytest.approx((3 * abs(2 / 3 - 0.9) + 1 * abs(0 - 0.6)) / 4)
    weights = np.array([[1.0, 1.0, 0.0, 3.0]])  # the wrong row of the first bin is gone
    again = metric_function("binary", truth, scores)(weights)["ece"][0]
    assert again == pytest.approx((2 * abs(1 - 0.9) + 3 * 0.6) / 5)


def test_calibration_error_of_labels_by_hand() -> None:
    truth = np.array([[1, 0], [0, 0]])
    scores = np.array([[0.3, 0.3], [0.3, 0.95]])
    # One bin holds three cells at 0.3 of which one is true, one bin a cell at 0.95 that is not.
    expected = (3 * abs(1 / 3 - 0.3) + 0.95) / 4
    assert compute_metrics("multilabel", truth, scores)["ece"] == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_chances_that_come_true_are_well_calibrated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(4000)
    honest = (rng.random(4000) < positive).astype(int)
    scores = np.stack([1 - positive, positive], axis=1)
    assert compute_metrics("binary", honest, scores)["ece"] < 0.06
    assert compute_metrics("binary", 1 - honest, scores)["ece"] > 0.2


def test_constant_predictions_have_no_correlation_but_an_mcc_of_zero() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flat = compute_metrics("regression", np.array([0.1, 0.2, 0.4]), np.full((3, 1), 0.1))
        one = compute_metrics("binary", np.array([0, 1, 1]), np.tile([0.3, 0.7], (3, 1)))
        single = compute_metrics("binary", np.array([1, 1]), np.tile([0.3, 0.7], (2, 1)))
    assert math.isnan(flat["pearson"])
    assert math.isnan(flat["spearman"])
    assert one["mcc"] == 0
    assert one["auroc"] == 0.5
    assert math.isnan(single["auroc"])
    assert math.isnan(single["mcc"])


@pytest.mark.parametrize(
    ("kind", "metric"),
    [("binary", "mcc"), ("multiclass", "mcc"), ("multilabel", "auroc_macro"),
     ("regression", "pearson")],
)  # fmt: skip
def test_each_kind_has_a_heading_metric(kind: str, metric: str) -> None:
    assert check_metric(kind, None) == metric
