"""Any two models on the same rows: paired bootstrap, and Holm's correction over the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pybmfm.evaluation.bootstrap import DRAWS, interval
from pybmfm.evaluation.weighted import Floats

SIGNIFICANT = 0.05
DRAWS_PER_PAIR = 100
# The bootstrap draws groups: of so few, the draws are few different ones and intervals too narrow.
FEWEST_GROUPS = 10


@dataclass(frozen=True)
class Comparison:
    """One row of ``comparisons.tsv``: model A minus model B.

    Attributes
    ----------
    difference
        Of the means over seeds, on the test rows.
    low, high
        95 % interval of the paired bootstrap.
    p, p_holm
        Two-sided, as it is and corrected for all pairs of models of the task and metric; NaN
        where there are fewer than ``FEWEST_GROUPS`` groups.
    groups
        Of test rows, the units that the bootstrap draws.
    note
        Why there is no p-value.
    """

    task: str
    metric: str
    model_a: str
    model_b: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    groups: int
    note: str = ""


@dataclass(frozen=True)
class Drawn:
    """A model's metrics on the test rows and in every draw of them."""

    means: Mapping[str, float]
    draws: Mapping[str, Floats]


def draws_for(models: int) -> int:
    """Draws that let Holm's correction reject among so many models.

    The smallest p-value of n draws is 2 / (n + 1), and Holm multiplies it by the number of
    pairs; never fewer than the 2,000 of the intervals.
    """
    return max(DRAWS, DRAWS_PER_PAIR * models * (models - 1) // 2)


def compare_models(
    task: str, metric: str, models: Mapping[str, Drawn], groups: int
) -> Iterator[Comparison]:
    """Compare every two models of a task that were drawn alike.

    Each draw takes the same rows for both models, so what makes a row hard for both cancels.

    Parameters
    ----------
    models
        By name, in the order in which pairs are made; all with the same number of draws of the
        same rows.
    groups
        How many groups the rows have; below ``FEWEST_GROUPS`` there is no p-value.
    """
    note = few_groups(groups)
    pairs = list(combinations(models, 2))
    found = [paired_test(models[a].draws[metric] - models[b].draws[metric]) for a, b in pairs]
    if note:
        found = [(low, high, float("nan")) for low, high, _ in found]
    corrected = holm([p for _, _, p in found])
    for (a, b), (low, high, p), p_holm in zip(pairs, found, corrected, strict=True):
        difference = models[a].means[metric] - models[b].means[metric]
        yield Comparison(task, metric, a, b, difference, low, high, p, p_holm, groups, note)


def few_groups(groups: int) -> str:
    """Say why there is no p-value, where there are too few groups; empty where there are enough."""
    if groups >= FEWEST_GROUPS:
        return ""
    return f"{groups} group{'s' * (groups != 1)} of test rows: no p-value below {FEWEST_GROUPS}"


def paired_test(differences: Floats) -> tuple[float, float, float]:
    """Interval and two-sided p-value of paired bootstrap differences.

    The p-value is twice the smaller share of draws on either side of 0, draws of exactly 0
    counting for both, with one draw added so that it is never 0 (Davison & Hinkley 1997, 4.2):
    the interval that just touches 0 has that level. Draws in which a metric is undefined are
    left out; all three are NaN where nothing is left.
    """
    low, high = interval(differences)
    defined = differences[~np.isnan(differences)]
    if len(defined) == 0:
        return low, high, float("nan")
    fewer = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return low, high, min(1.0, 2 * (fewer + 1) / (len(defined) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, step down (Holm 1979); NaN stays and does not count."""
    p = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected.tolist()
