"""Paired bootstrap and Holm's correction against plain implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.evaluation import compute_metrics
from pybmfm.evaluation.bootstrap import Resampling, metric_draws
from pybmfm.evaluation.comparisons import (
    Drawn,
    compare_models,
    draws_for,
    holm,
    paired_test,
)


def plain_holm(p_values: list[float]) -> list[float]:
    """Holm (1979), word for word: the smallest times m, the next times m - 1, never falling."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[place]))
        corrected[place] = highest
    return corrected


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_the_plain_procedure(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(plain_holm(p_values))


def test_holm_by_hand_and_without_what_is_not_defined() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    found = holm([0.01, math.nan, 0.04])
    assert found[0] == pytest.approx(0.02)
    assert math.isnan(found[1])


def noisy_scores(seed: int, truth: np.ndarray, quality: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    positive = np.clip(0.5 + quality * (truth - 0.5) + rng.normal(0, 0.3, len(truth)), 0, 1)
    return np.stack([1 - positive, positive], axis=1)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), groups=st.integers(3, 15))
def test_the_paired_bootstrap_is_the_plain_one(seed: int, groups: int) -> None:
    """Spell out every draw: take the groups' rows, compute both metrics, subtract."""
    rng = np.random.default_rng(seed)
    member = np.sort(rng.integers(0, groups, 40))
    names = [f"g{n}" for n in member]
    truth = np.arange(40) % 2
    a = [noisy_scores(seed + n, truth, 0.6) for n in range(2)]
    b = [noisy_scores(seed + 9, truth, 0.2)]
    resampling = Resampling(names, draws=30, seed=seed)
    ours = {
        name: metric_draws("binary", truth, scores, resampling, name)
        for name, scores in (("a", a), ("b", b))
    }
    (weights,) = resampling.weights()
    seeds = resampling.seeds(2, "a")
    for draw in range(30):
        rows = np.repeat(np.arange(40), weights[draw].astype(int))
        assert len({len(set(weights[draw][member == g])) for g in set(member)}) == 1
        mean_a = np.mean(
            [compute_metrics("binary", truth[rows], a[pick][rows])["mcc"] for pick in seeds[draw]]
        )
        of_b = compute_metrics("binary", truth[rows], b[0][rows])["mcc"]
        difference = ours["a"]["mcc"][draw] - ours["b"]["mcc"][draw]
        assert difference == pytest.approx(mean_a - of_b, nan_ok=True)


def test_longer_series_begin_with_the_shorter() -> None:
    names = [str(n) for n in range(3000)]
    short = np.concatenate(list(Resampling(names, 20, 1).weights()))
    long = np.concatenate(list(Resampling(names, 3000, 1).weights()))
    assert np.array_equal(short, long[:20])


def drawn(scores: list[np.ndarray], truth: np.ndarray, name: str, draws: int = 2000) -> Drawn:
    groups = [str(n) for n in range(len(truth))]
    values = metric_draws("binary", truth, scores, Resampling(groups, draws, 0), name)
    means = {
        metric: float(np.mean([compute_metrics("binary", truth, one)[metric] for one in scores]))
        for metric in values
    }
    return Drawn(means, values)


def test_a_better_model_stands_out_and_its_copy_does_not() -> None:
    truth = np.arange(200) % 2
    good = [noisy_scores(n, truth, 0.8) for n in range(2)]
    models = {
        "good": drawn(good, truth, "good"),
        "copy": drawn(good, truth, "copy"),
        "poor": drawn([noisy_scores(7, truth, 0.1)], truth, "poor"),
    }
    rows = {(row.model_a, row.model_b): row for row in compare_models("t", "auroc", models, 200)}
    assert list(rows) == [("good", "copy"), ("good", "poor"), ("copy", "poor")]
    assert rows["good", "poor"].low > 0
    assert rows["good", "poor"].p_holm == pytest.approx(3 * 2 / 2001)
    copy = rows["good", "copy"]
    assert copy.difference == 0
    assert copy.low < 0 < copy.high
    assert copy.p_holm > 0.5
    assert (copy.groups, copy.note) == (200, "")


@pytest.mark.parametrize(("groups", "tested"), [(1, False), (9, False), (10, True)])
def test_few_groups_have_no_p_value_and_the_row_says_why(groups: int, tested: bool) -> None:
    truth = np.arange(40) % 2
    members = [str(row // 2 % groups) for row in range(len(truth))]
    models = {}
    for name, share in (("good", 0.9), ("poor", 0.1)):
        scores = noisy_scores(len(name), truth, share)
        values = metric_draws("binary", truth, [scores], Resampling(members, 200, 0), name)
        models[name] = Drawn(compute_metrics("binary", truth, scores), values)
    (row,) = compare_models("t", "auroc", models, groups)
    assert (not math.isnan(row.p)) == (not math.isnan(row.p_holm)) == tested
    assert ("no p-value below 10" in row.note) != tested
    assert row.groups == groups
    assert not math.isnan(row.difference)


def test_p_is_uniform_where_nothing_differs() -> None:
    """Of 60 comparisons of two equally noisy models few fall below 0.05."""
    below = 0
    for seed in range(60):
        truth = np.random.default_rng(seed).integers(0, 2, 120)
        pair = [drawn([noisy_scores(2 * seed + n + 500, truth, 0.3)], truth, str(n), 300)
                for n in range(2)]  # fmt: skip
        below += paired_test(pair[0].draws["auroc"] - pair[1].draws["auroc"])[2] < 0.05
    assert below <= 9  # 1 % of binomials with share 0.05 exceed it 7; the bootstrap is a bit eager


def test_undefined_draws_are_left_out() -> None:
    low, high, p = paired_test(np.array([math.nan, 1.0, 1.0, 1.0]))
    assert (low, high, p) == (1.0, 1.0, pytest.approx(2 / 4))
    assert all(map(math.isnan, paired_test(np.full(3, math.nan))))


@given(st.integers(2, 40))
def test_enough_draws_that_holm_can_reject(models: int) -> None:
    pairs = models * (models - 1) // 2
    assert pairs * 2 / (draws_for(models) + 1) < 0.05
    assert draws_for(models) >= 2000
