"""Linear support vector machines on sequence features, with probabilities fitted on dev."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.baselines.estimators import Constant, Estimator, Scores, coefficients, known_rows
from pybmfm.core import derive_seed

STRENGTHS = (0.0001, 0.001, 0.01, 0.1)  # C, from strong penalty to weak
MAX_ITERATIONS = 2_000
PLATT_C = 1e6  # no penalty to speak of


@dataclass(frozen=True)
class SupportVectors:
    """Fitted linear machines.

    Attributes
    ----------
    features
        How many there are.
    machines
        One scikit-learn model, or for multilabel one per label, where a label that is constant
        in training is the number it always has.
    platt
        Turns distances into probabilities (Platt 1999), per machine; None where dev had one
        class only.
    """

    kind: str
    classes: int
    features: int
    machines: tuple[Any, ...]
    platt: tuple[Any, ...]
    center: float = 0.0
    scale: float = 1.0

    def predict(self, features: Any) -> Scores:
        """Return probabilities ``[n, classes]``, or values ``[n, 1]`` for regression."""
        if self.kind == "regression":
            values = np.asarray(self.machines[0].predict(features)).reshape(-1, 1)
            return np.asarray(values * self.scale + self.center)
        each = [
            _probabilities(machine, platt, features)
            for machine, platt in zip(self.machines, self.platt, strict=True)
        ]
        if self.kind == "multilabel":
            return np.stack([one[:, -1] for one in each], axis=1)
        scores = np.zeros((features.shape[0], self.classes))
        scores[:, self.machines[0].classes_] = each[0]
        return scores

    def weights(self) -> npt.NDArray[np.float64]:
        """Weight of one standard deviation of each feature, ``[outputs, features]``."""
        return coefficients(self.machines, self.features)


def fit_support_vectors(
    kind: str,
    features: Any,
    targets: np.ndarray,
    classes: int,
    strength: float,
    dev: tuple[Any, np.ndarray],
    seed: int,
) -> Estimator:
    """Fit a linear machine: one against the rest for classes and labels, or for values.

    Parameters
    ----------
    features, dev
        CSR features of training, and those of dev with their targets, both scaled as by
        :func:`pybmfm.baselines.estimators.scaled_by`: dev only turns distances into
        probabilities, which needs rows that the machine has not seen.
    strength
        ``C``.
    """
    if kind in ("binary", "multiclass") and len(np.unique(targets)) < 2:
        return Constant.fit(kind, targets, classes)
    number = features.shape[1]
    if kind == "regression":
        center, scale = float(targets.mean()), float(targets.std()) or 1.0
        machine = _regressor(features, (targets - center) / scale, strength, seed)
        return SupportVectors(kind, classes, number, (machine,), (None,), center, scale)
    machines = tuple(
        _classifier(rows, labels, strength, seed)
        for rows, labels in _labels_of_machines(kind, features, targets)
    )
    platt = tuple(
        _fit_platt(machine, rows, labels)
        for machine, (rows, labels) in zip(machines, _labels_of_machines(kind, *dev), strict=True)
    )
    return SupportVectors(kind, classes, number, machines, platt)


def _labels_of_machines(
    kind: str, features: Any, targets: np.ndarray
) -> Iterator[tuple[Any, npt.NDArray[np.int64]]]:
    """Yield the rows and labels of each machine: one, or of each label where it is known."""
    if kind != "multilabel":
        yield features, targets.astype(np.int64)
        return
    for column in targets.T:
        rows, hits = known_rows(features, column)
        yield rows, hits.astype(np.int64)


def _regressor(features: Any, targets: np.ndarray, strength: float, seed: int) -> Any:
    from sklearn.svm import LinearSVR

    # The smooth loss has a deterministic primal solver.
    model = LinearSVR(
        C=strength,
        loss="squared_epsilon_insensitive",
        epsilon=0.1,
        dual=False,
        max_iter=MAX_ITERATIONS,
        random_state=_random_state(seed),
    )
    return _fit_quietly(model, features, targets)


def _classifier(features: Any, labels: npt.NDArray[np.int64], strength: float, seed: int) -> Any:
    from sklearn.svm import LinearSVC

    if len(np.unique(labels)) < 2:
        return float(labels.any())
    model = LinearSVC(
        C=strength, dual="auto", max_iter=MAX_ITERATIONS, random_state=_random_state(seed)
    )
    return _fit_quietly(model, features, labels)


def _fit_platt(machine: Any, features: Any, labels: npt.NDArray[np.int64]) -> Any:
    """Fit a logistic curve of the distances; None where dev lacks a class."""
    from sklearn.linear_model import LogisticRegression

    if isinstance(machine, float) or set(machine.classes_) != set(labels):
        return None
    model = LogisticRegression(C=PLATT_C, max_iter=MAX_ITERATIONS)
    return _fit_quietly(model, _distances(machine, features), labels)


def _probabilities(machine: Any, platt: Any, features: Any) -> Scores:
    if isinstance(machine, float):
        return np.full((features.shape[0], 1), machine)
    distances = _distances(machine, features)
    if platt is not None:
        return np.asarray(platt.predict_proba(distances))
    if distances.shape[1] == 1:
        distances = np.concatenate([-distances, distances], axis=1) / 2
    powers = np.exp(distances - distances.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _distances(machine: Any, features: Any) -> Scores:
    distances = np.asarray(machine.decision_function(features))
    return distances.reshape(len(distances), -1)


def _fit_quietly(model: Any, features: Any, targets: np.ndarray) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A weak penalty may stop early; dev then decides against it like any other strength.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features, targets)


def _random_state(seed: int) -> int:
    return derive_seed(seed, "support vectors") % 2**32
