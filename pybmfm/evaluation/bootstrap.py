"""95 % intervals by resampling groups of rows, and seeds inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pybmfm.core import derive_seed
from pybmfm.evaluation.metrics import weighted_metrics
from pybmfm.evaluation.weighted import Floats

DRAWS = 2000
LEVEL = 0.95
CELLS_AT_ONCE = 4_000_000  # weights held in memory: 32 MB


def bootstrap_intervals(
    kind: str,
    truth: npt.ArrayLike,
    scores_of_seeds: Sequence[npt.ArrayLike],
    groups: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the mean over seeds of every metric.

    Each draw takes as many groups as there are, with replacement and all their rows, and as
    many seeds as there are, with replacement: so both which sequences were tested and which
    seeds were run count as chance (the two-way bootstrap of Owen 2007). Draws in which a metric
    is undefined are left out of its interval.

    Parameters
    ----------
    kind, truth
        As in :func:`pybmfm.evaluation.compute_metrics`.
    scores_of_seeds
        Scores ``[n, classes]`` of each seed, over the same rows.
    groups
        Group of each row.
    draws
        Number of bootstrap draws.
    seed
        Seed of the draws.

    Returns
    -------
    dict
        Metric to (low, high); NaN where it is undefined in every draw.
    """
    generator = np.random.default_rng(derive_seed(seed, "bootstrap"))
    seeds = len(scores_of_seeds)
    member = _group_numbers(groups)
    picked_seeds = generator.integers(seeds, size=(draws, seeds))
    parts = []
    for first in range(0, draws, _draws_at_once(scores_of_seeds[0])):
        chunk = picked_seeds[first : first + _draws_at_once(scores_of_seeds[0])]
        weights = _draw_weights(generator, member, len(chunk))
        per_seed = [weighted_metrics(kind, truth, scores, weights) for scores in scores_of_seeds]
        parts.append(_mean_over_picked(per_seed, chunk))
    return {name: _percentiles(np.concatenate([part[name] for part in parts])) for name in parts[0]}


def _group_numbers(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    number: dict[str, int] = {}
    return np.array([number.setdefault(group, len(number)) for group in groups], dtype=np.int64)


def _draws_at_once(scores: npt.ArrayLike) -> int:
    return max(1, CELLS_AT_ONCE // max(1, np.asarray(scores).size))


def _draw_weights(
    generator: np.random.Generator, member: npt.NDArray[np.int64], draws: int
) -> Floats:
    """Copies of each row in each draw, ``[draws, rows]``."""
    groups = int(member.max()) + 1
    picked = generator.integers(groups, size=(draws, groups))
    copies = np.stack([np.bincount(row, minlength=groups) for row in picked])
    return np.asarray(copies[:, member], dtype=np.float64)


def _mean_over_picked(
    per_seed: Sequence[dict[str, Floats]], picked: npt.NDArray[np.int64]
) -> dict[str, Floats]:
    rows = np.arange(len(picked))[:, None]
    return {
        name: np.stack([values[name] for values in per_seed], axis=1)[rows, picked].mean(axis=1)
        for name in per_seed[0]
    }


def _percentiles(values: Floats) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
