"""The metrics of each kind of task."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pybmfm.evaluation import weighted
from pybmfm.evaluation.weighted import Floats
from pybmfm.tasks.kinds import check_kind

THRESHOLD = 0.5  # of a multilabel probability


def compute_metrics(kind: str, truth: npt.ArrayLike, scores: npt.ArrayLike) -> dict[str, float]:
    """Compute every metric of a kind of task.

    Parameters
    ----------
    kind
        ``binary``: accuracy, f1 (of class 1), mcc, auroc, auprc. ``multiclass``: accuracy,
        f1_macro, mcc, auroc_macro (one against the rest). ``multilabel``: auroc_macro,
        auroc_micro, f1_micro (threshold 0.5), and ``undefined_classes``, how many classes
        auroc_macro leaves out. ``regression``: pearson, spearman, mse, r2.
    truth
        Class index ``[n]``, multi-hot ``[n, classes]`` or value ``[n]``.
    scores
        Probabilities ``[n, classes]`` (binary: two columns), or predicted values ``[n, 1]``.

    Returns
    -------
    dict
        Metric to value, in a fixed order; NaN where undefined (say, AUROC of one class).
    """
    ones = np.ones((1, len(np.asarray(truth))))
    values = weighted_metrics(kind, truth, scores, ones)
    metrics = {name: float(value[0]) for name, value in values.items()}
    if kind == "multilabel":
        hot = np.asarray(truth) > 0
        undefined = hot.all(axis=0) | ~hot.any(axis=0)
        metrics["undefined_classes"] = int(undefined.sum())
    return metrics


def weighted_metrics(
    kind: str, truth: npt.ArrayLike, scores: npt.ArrayLike, weights: Floats
) -> dict[str, Floats]:
    """Compute every metric for each weighting ``[draws, n]`` of the rows; values ``[draws]``."""
    check_kind(kind)
    probabilities = np.asarray(scores, dtype=np.float64)
    if kind == "regression":
        return _regression(np.asarray(truth, np.float64), probabilities.reshape(-1), weights)
    if kind == "multilabel":
        return _multilabel(np.asarray(truth) > 0, probabilities, weights)
    index = np.asarray(truth, dtype=np.int64)
    classes = probabilities.shape[1]
    tables = weighted.confusion(index, probabilities.argmax(axis=1), classes, weights)
    if kind == "binary":
        positive = probabilities[:, 1]
        return {
            "accuracy": weighted.accuracy(tables),
            "f1": weighted.f1_per_class(tables)[:, 1],
            "mcc": weighted.matthews(tables),
            "auroc": weighted.auroc(index == 1, positive, weights),
            "auprc": weighted.average_precision(index == 1, positive, weights),
        }
    return {
        "accuracy": weighted.accuracy(tables),
        "f1_macro": _mean_of_defined(weighted.f1_per_class(tables)),
        "mcc": weighted.matthews(tables),
        "auroc_macro": _auroc_macro(np.eye(classes, dtype=bool)[index], probabilities, weights),
    }


def _regression(truth: Floats, predicted: Floats, weights: Floats) -> dict[str, Floats]:
    return {
        "pearson": weighted.pearson(truth, predicted, weights),
        "spearman": weighted.spearman(truth, predicted, weights),
        "mse": weighted.mean_squared_error(truth, predicted, weights),
        "r2": weighted.r_squared(truth, predicted, weights),
    }


def _multilabel(
    hot: npt.NDArray[np.bool_], probabilities: Floats, weights: Floats
) -> dict[str, Floats]:
    classes = hot.shape[1]
    chosen = probabilities >= THRESHOLD
    hits = weights @ (hot & chosen).sum(axis=1)
    marked = weights @ (hot.sum(axis=1) + chosen.sum(axis=1))
    cells = np.repeat(weights, classes, axis=1)
    return {
        "auroc_macro": _auroc_macro(hot, probabilities, weights),
        "auroc_micro": weighted.auroc(hot.ravel(), probabilities.ravel(), cells),
        "f1_micro": weighted.ratio(2 * hits, marked),
    }


def _auroc_macro(hot: npt.NDArray[np.bool_], probabilities: Floats, weights: Floats) -> Floats:
    """Mean over the classes that have both positives and negatives in the draw."""
    columns = [
        weighted.auroc(hot[:, index], probabilities[:, index], weights)
        for index in range(hot.shape[1])
    ]
    return _mean_of_defined(np.stack(columns, axis=1))


def _mean_of_defined(values: Floats) -> Floats:
    """Mean of each row without its NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=1)
    total = np.where(defined, values, 0).sum(axis=1)
    return weighted.ratio(total, number.astype(np.float64))
