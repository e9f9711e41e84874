"""Metrics of weighted rows, for many weightings at once: the bootstrap in array form.

A bootstrap draw is a whole number of copies of each row, so every metric here takes
``weights`` of shape ``[draws, rows]`` and returns ``[draws]``; one row of ones gives the plain
metric. Undefined values are NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CALIBRATION_BINS = 15


def confusion(
    truth: npt.NDArray[np.int64],
    predicted: npt.NDArray[np.int64],
    classes: int,
    weights: Floats,
) -> Floats:
    """Return confusion matrices ``[draws, true class, predicted class]``."""
    cell = truth * classes + predicted
    tables = np.empty((len(weights), classes**2))
    for draw, row in enumerate(weights):
        tables[draw] = np.bincount(cell, weights=row, minlength=classes**2)
    return tables.reshape(len(weights), classes, classes)


def accuracy(tables: Floats) -> Floats:
    """Share of rows on the diagonal."""
    return ratio(np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2)))


def f1_per_class(tables: Floats) -> Floats:
    """F1 of each class, ``[draws, classes]``; NaN for a class neither true nor predicted."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    return ratio(2 * hits, tables.sum(axis=1) + tables.sum(axis=2))


def matthews(tables: Floats) -> Floats:
    """Matthews correlation, multiclass form (Gorodkin 2004).

    Predicting one class only gives 0, its limit; truth of one class only is undefined.
    """
    true, predicted = tables.sum(axis=2), tables.sum(axis=1)
    total = tables.sum(axis=(1, 2))
    covariance = np.trace(tables, axis1=1, axis2=2) * total - (true * predicted).sum(axis=1)
    spread_true = total**2 - (true**2).sum(axis=1)
    spread_predicted = total**2 - (predicted**2).sum(axis=1)
    value = ratio(covariance, np.sqrt(spread_true * spread_predicted))
    return np.where((spread_predicted <= 0) & (spread_true > 0), 0.0, value)


def calibration_error(right: npt.NDArray[np.bool_], confidence: Floats, weights: Floats) -> Floats:
    """Expected calibration error of the chosen class (Guo et al. 2017).

    Rows fall into 15 bins of equal width by the probability of the chosen class; the error is
    the mean over rows of the distance between a bin's accuracy and its mean probability.

    Parameters
    ----------
    right
        Whether the chosen class is the true one, ``[rows]``.
    confidence
        Probability of the chosen class, ``[rows]``.
    """
    gaps = calibration_gaps(right[:, None], confidence[:, None])
    return ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def calibration_gaps(right: npt.NDArray[np.bool_], chance: npt.NDArray[np.floating]) -> Floats:
    """Sum of truth minus probability of each row's cells by bin, ``[rows, bins]``.

    Parameters
    ----------
    right, chance
        Of each cell, ``[rows, cells]``: whether it is true, and the probability given to it.
    """
    rows = len(right)
    bins = np.clip(np.ceil(chance * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    place = bins + CALIBRATION_BINS * np.arange(rows)[:, None]
    gap: Floats = right - chance.astype(np.float64)
    size = rows * CALIBRATION_BINS
    summed = np.bincount(place.ravel(), weights=gap.ravel(), minlength=size)
    return np.asarray(summed.reshape(rows, CALIBRATION_BINS))


def pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Weighted correlation; ``x`` and ``y`` are ``[rows]`` or ``[draws, rows]``."""
    total = weights.sum(axis=1, keepdims=True)
    x = x - _weighted_mean(x, weights, total)
    y = y - _weighted_mean(y, weights, total)
    spread = (weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1)
    # A constant leaves rounding dust behind, which must not turn into a correlation.
    scale = np.abs(weights * x * y).sum(axis=1)
    return ratio((weights * x * y).sum(axis=1), np.where(scale > 0, np.sqrt(spread), 0.0))


def spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Correlation of mean ranks; the ranks are those of the resampled rows."""
    return pearson(_mean_ranks(x, weights), _mean_ranks(y, weights), weights)


def mean_squared_error(truth: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Weighted mean of squared differences."""
    return ratio(weights @ (truth - predicted) ** 2, weights.sum(axis=1))


def r_squared(truth: Floats, predicted: Floats, weights: Floats) -> Floats:
    """One minus residual over total sum of squares; NaN for constant truth."""
    mean = _weighted_mean(truth, weights, weights.sum(axis=1, keepdims=True))
    total = (weights * (truth - mean) ** 2).sum(axis=1)
    unexplained = ratio(weights @ (truth - predicted) ** 2, total)
    return np.asarray(1 - unexplained)


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide, with NaN where the bottom is not above 0."""
    value: Floats = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
    return value


def _weighted_mean(values: Floats, weights: Floats, total: Floats) -> Floats:
    mean = (weights * values).sum(axis=1, keepdims=True)
    # The mean of equal numbers must be that number, not within rounding of it.
    low, high = values.min(axis=-1, keepdims=True), values.max(axis=-1, keepdims=True)
    safe = np.divide(mean, total, out=np.zeros_like(mean), where=total > 0)
    return np.asarray(np.clip(safe, low, high))


def _ranking(keys: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Order of the rows, smallest key first, and the last place of each run of equal keys."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return order, ends


def _mean_ranks(values: Floats, weights: Floats) -> Floats:
    order, ends = _ranking(values)
    upto = np.cumsum(weights[:, order], axis=1)[:, ends]
    before = np.concatenate([np.zeros((len(weights), 1)), upto[:, :-1]], axis=1)
    run = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    ranks = np.empty_like(weights)
    ranks[:, order] = ((before + upto + 1) / 2)[:, run]
    return ranks
