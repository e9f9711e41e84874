"""A random forest on sequence features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.baselines.estimators import Constant, Estimator, Scores, shares_of_known
from pybmfm.core import derive_seed
from pybmfm.tasks.labels import UNKNOWN

TREES = 300
SMALLEST_LEAVES = (5, 1)  # tried from plain to fine, so that a tie on dev keeps the simpler one
DENSE_CELLS = 200_000_000  # float32: 800 MB
LEAF_VALUES = 100_000_000  # of a multilabel forest: 800 MB


@dataclass(frozen=True)
class Forest:
    """A fitted forest."""

    kind: str
    classes: int
    model: Any

    def predict(self, features: Any) -> Scores:
        """Return probabilities ``[n, classes]``, or values ``[n, 1]`` for regression."""
        if self.kind in ("binary", "multiclass"):
            scores = np.zeros((features.shape[0], self.classes))
            scores[:, self.model.classes_] = self.model.predict_proba(features)
            return scores
        return np.asarray(self.model.predict(features)).reshape(features.shape[0], -1)

    def weights(self) -> npt.NDArray[np.float64]:
        """Mean decrease of impurity by each feature, ``[1, features]``: without a direction."""
        return np.asarray(self.model.feature_importances_)[None]

    @property
    def parameters(self) -> int:
        """Nodes of all trees."""
        return int(sum(tree.tree_.node_count for tree in self.model.estimators_))


def fit_forest(
    kind: str,
    features: Any,
    targets: np.ndarray,
    classes: int,
    smallest_leaf: int,
    seed: int,
    threads: int,
) -> Estimator:
    """Fit 300 trees; the same for any number of threads.

    Multilabel targets are one forest of many outputs, whose leaves hold the share of each label;
    its trees are kept small enough for memory. A label that is not known is its share among the
    rows where it is: a forest of many outputs cannot leave cells out.

    Parameters
    ----------
    features
        As :func:`as_forest_input` makes them.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    if kind in ("binary", "multiclass") and len(np.unique(targets)) < 2:
        return Constant.fit(kind, targets, classes)
    shared = {
        "n_estimators": TREES,
        "min_samples_leaf": smallest_leaf,
        "random_state": derive_seed(seed, "forest") % 2**32,
        "n_jobs": threads,
        "max_leaf_nodes": _most_leaves(classes) if kind == "multilabel" else None,
    }
    if kind in ("binary", "multiclass"):
        model = RandomForestClassifier(max_features="sqrt", **shared)
    else:
        model = RandomForestRegressor(max_features=1 / 3, **shared)
    model.fit(features, _without_unknown(targets) if kind == "multilabel" else targets)
    # Threads add up predictions in the order in which they come, which changes their last bits.
    model.n_jobs = 1
    return Forest(kind, classes, model)


def _without_unknown(targets: np.ndarray) -> np.ndarray:
    known = targets != UNKNOWN
    return targets if known.all() else np.where(known, targets, shares_of_known(targets))


def as_forest_input(features: Any) -> Any:
    """Dense float32 where that fits into memory, which trees read much faster."""
    if features.shape[0] * features.shape[1] <= DENSE_CELLS:
        return features.astype(np.float32).toarray()
    return features.astype(np.float32)


def _most_leaves(labels: int) -> int:
    return max(16, LEAF_VALUES // (2 * TREES * max(1, labels)))
