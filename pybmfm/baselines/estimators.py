"""What is fitted on the features: logistic or ridge regression, or the training mean."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pybmfm.tasks.labels import UNKNOWN

Scores = npt.NDArray[np.float64]
# Strengths are tried from strong to weak, so that a tie on dev keeps the simpler model.
LOGISTIC_C = (0.001, 0.01, 0.1, 1.0)
RIDGE_ALPHA = (100_000.0, 10_000.0, 1_000.0, 100.0, 10.0)
MAX_ITERATIONS = 500


class Estimator(Protocol):
    """A fitted model; features are prepared as those that it was fitted on."""

    def predict(self, features: Any) -> Scores:
        """Return probabilities ``[n, classes]`` or values ``[n, 1]``."""

    def weights(self) -> npt.NDArray[np.float64]:
        """Return one weight per output and feature, ``[outputs, features]``."""


@dataclass(frozen=True)
class Constant:
    """The training mean: class shares, label shares or mean value, for every row."""

    mean: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, kind: str, targets: np.ndarray, classes: int) -> Constant:
        """Take the mean of one-hot, multi-hot or real targets."""
        if kind == "multilabel":
            return cls(shares_of_known(targets))
        return cls(_as_columns(kind, targets, classes).mean(axis=0))

    def predict(self, features: Any) -> Scores:
        """Return the mean once per row of ``features``."""
        return np.tile(self.mean, (features.shape[0], 1))

    def weights(self) -> npt.NDArray[np.float64]:
        """No feature has a weight."""
        return np.zeros((len(self.mean), 0))


@dataclass(frozen=True)
class Linear:
    """Linear models over features divided by their spread.

    Attributes
    ----------
    features
        How many there are.
    members
        One scikit-learn model, or for multilabel one per label, where a label that is constant
        in training is the number it always has.
    """

    kind: str
    classes: int
    features: int
    members: tuple[Any, ...]

    def predict(self, features: Any) -> Scores:
        """Return probabilities ``[n, classes]``, or values ``[n, 1]`` for regression."""
        if self.kind == "regression":
            return np.asarray(self.members[0].predict(features)).reshape(-1, 1)
        if self.kind == "multilabel":
            return np.stack([_label_probability(m, features) for m in self.members], axis=1)
        scores = np.zeros((features.shape[0], self.classes))
        scores[:, self.members[0].classes_] = self.members[0].predict_proba(features)
        return scores

    def weights(self) -> npt.NDArray[np.float64]:
        """Weight of one standard deviation of each feature, ``[outputs, features]``."""
        return coefficients(self.members, self.features)


def coefficients(members: tuple[Any, ...], features: int) -> npt.NDArray[np.float64]:
    """Return the coefficients of linear models, one below the other; a constant has zeros."""
    none = np.zeros((1, features))
    return np.concatenate(
        [none if isinstance(one, float) else np.atleast_2d(one.coef_) for one in members]
    )


def fit_linear(
    kind: str, features: Any, targets: np.ndarray, classes: int, strength: float
) -> Estimator:
    """Fit logistic regression (one per label if multilabel), or ridge regression.

    Parameters
    ----------
    features
        CSR ``[n, features]``, scaled as by :func:`scaled_by`.
    targets
        As in a task table.
    strength
        ``C`` of the logistic, ``alpha`` of the ridge.
    """
    if kind in ("binary", "multiclass") and len(np.unique(targets)) < 2:
        return Constant.fit(kind, targets, classes)
    if kind == "regression":
        members: tuple[Any, ...] = (_ridge(features, targets, strength),)
    elif kind == "multilabel":
        members = tuple(
            _logistic_or_constant(features, targets[:, label], strength)
            for label in range(targets.shape[1])
        )
    else:
        members = (_logistic(features, targets, strength),)
    return Linear(kind, classes, features.shape[1], members)


def _ridge(features: Any, targets: np.ndarray, alpha: float) -> Any:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=alpha, solver="sparse_cg", max_iter=MAX_ITERATIONS)
    return model.fit(features, targets.astype(np.float64))


def _logistic(features: Any, targets: np.ndarray, strength: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # A weak penalty may stop early; dev then decides against it like any other strength.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=MAX_ITERATIONS).fit(features, targets)


def _logistic_or_constant(features: Any, label: np.ndarray, strength: float) -> Any:
    features, hits = known_rows(features, label)
    if hits.all() or not hits.any():
        return float(hits.any())
    return _logistic(features, hits.astype(np.int64), strength)


def known_rows(features: Any, label: np.ndarray) -> tuple[Any, npt.NDArray[np.bool_]]:
    """Return the rows of which a label is known, and whether they have it."""
    known = label != UNKNOWN
    return (features if known.all() else features[known]), label[known] > 0


def shares_of_known(targets: np.ndarray) -> npt.NDArray[np.float64]:
    """Return how many of the rows of which each label is known have it; 0 where none is."""
    known = (targets != UNKNOWN).sum(axis=0)
    return np.asarray((targets > 0).sum(axis=0) / np.maximum(known, 1))


def _label_probability(member: Any, features: Any) -> npt.NDArray[np.float64]:
    if isinstance(member, float):
        return np.full(features.shape[0], member)
    return np.asarray(member.predict_proba(features)[:, 1])


def spread_of(features: Any) -> npt.NDArray[np.float64]:
    """Return the standard deviation of each column of a CSR; 1 where a column is constant."""
    mean = np.asarray(features.mean(axis=0)).ravel()
    square = np.asarray(features.multiply(features).mean(axis=0)).ravel()
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return np.asarray(np.where(spread > 0, spread, 1.0))


def scaled_by(features: Any, spread: npt.NDArray[np.float64]) -> Any:
    """Divide each column by its spread; not centred, so that it stays sparse."""
    from scipy.sparse import diags

    return features @ diags(1 / spread)


def _as_columns(kind: str, targets: np.ndarray, classes: int) -> npt.NDArray[np.float64]:
    if kind in ("binary", "multiclass"):
        return np.asarray(np.eye(classes)[targets])
    return np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
