"""95 % intervals by resampling groups of rows, and seeds inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pybmfm.core import derive_seed
from pybmfm.evaluation.metrics import metric_function
from pybmfm.evaluation.weighted import Floats

DRAWS = 2000
LEVEL = 0.95
CELLS_AT_ONCE = 4_000_000  # weights held in memory: 32 MB


@dataclass(frozen=True)
class Resampling:
    """Bootstrap draws of the rows of one test table.

    Attributes
    ----------
    groups
        Group of each row; as many groups as there are are drawn with all their rows.
    draws
        Number of draws; the first ones of a longer series are those of a shorter one.
    seed
        Seed of the draws: models that share it are resampled alike, which pairs them.
    """

    groups: Sequence[str]
    draws: int = DRAWS
    seed: int = 0

    def weights(self) -> Iterator[Floats]:
        """Copies of each row, ``[draws, rows]``, in portions that fit into memory."""
        generator = np.random.default_rng(derive_seed(self.seed, "bootstrap"))
        member = _group_numbers(self.groups)
        groups = int(member.max()) + 1
        at_once = max(1, CELLS_AT_ONCE // max(1, len(member)))
        for first in range(0, self.draws, at_once):
            picked = generator.integers(groups, size=(min(at_once, self.draws - first), groups))
            copies = np.stack([np.bincount(row, minlength=groups) for row in picked])
            yield np.asarray(copies[:, member], dtype=np.float64)

    def seeds(self, number: int, model: str) -> npt.NDArray[np.int64]:
        """Which of a model's seeds stand in each draw, ``[draws, number]``."""
        generator = np.random.default_rng(derive_seed(self.seed, "bootstrap seeds", model))
        return generator.integers(number, size=(self.draws, number))


def metric_draws(
    kind: str,
    truth: npt.ArrayLike,
    scores_of_seeds: Sequence[npt.ArrayLike],
    resampling: Resampling,
    model: str = "",
    threads: int = 1,
) -> dict[str, Floats]:
    """Mean over seeds of every metric, in every draw.

    Each draw takes as many groups as there are, with replacement and all their rows, and as
    many seeds as there are, with replacement: so both which sequences were tested and which
    seeds were run count as chance (the two-way bootstrap of Owen 2007).

    Parameters
    ----------
    kind, truth
        As in :func:`pybmfm.evaluation.compute_metrics`.
    scores_of_seeds
        Scores ``[n, classes]`` of each seed, over the same rows.
    resampling
        The draws.
    model
        Keeps the choice of seeds of different models apart.

    Returns
    -------
    dict
        Metric to ``[draws]``; NaN where it is undefined in a draw.
    """
    functions = [metric_function(kind, truth, scores, threads) for scores in scores_of_seeds]
    parts = [[function(weights) for function in functions] for weights in resampling.weights()]
    picked = resampling.seeds(len(functions), model)
    rows = np.arange(resampling.draws)[:, None]
    draws = {}
    for name in parts[0][0]:
        of_seeds = [
            np.concatenate([part[place][name] for part in parts]) for place in range(len(functions))
        ]
        draws[name] = np.stack(of_seeds, axis=1)[rows, picked].mean(axis=1)
    return draws


def interval(draws: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval without the draws that are NaN; NaN where all are."""
    defined = draws[~np.isnan(draws)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_intervals(
    kind: str,
    truth: npt.ArrayLike,
    scores_of_seeds: Sequence[npt.ArrayLike],
    groups: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the mean over seeds of every metric, as :func:`metric_draws`.

    Returns
    -------
    dict
        Metric to (low, high); NaN where it is undefined in every draw.
    """
    drawn = metric_draws(kind, truth, scores_of_seeds, Resampling(groups, draws, seed))
    return {name: interval(values) for name, values in drawn.items()}


def _group_numbers(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    number: dict[str, int] = {}
    return np.array([number.setdefault(group, len(number)) for group in groups], dtype=np.int64)
