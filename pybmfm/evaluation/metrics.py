"""The metrics of each kind of task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pybmfm.evaluation import weighted
from pybmfm.evaluation.ranking import RankedLists
from pybmfm.evaluation.weighted import Floats
from pybmfm.tasks.kinds import check_kind
from pybmfm.tasks.labels import UNKNOWN

THRESHOLD = 0.5  # of a multilabel probability
MetricFunction = Callable[[Floats], dict[str, Floats]]


def compute_metrics(kind: str, truth: npt.ArrayLike, scores: npt.ArrayLike) -> dict[str, float]:
    """Compute every metric of a kind of task.

    Parameters
    ----------
    kind
        ``binary``: accuracy, f1 (of class 1), f1_macro, mcc, auroc, auprc, ece. ``multiclass``:
        accuracy, f1_macro, mcc, auroc_macro and auprc_macro (one against the rest), ece.
        ``multilabel``: auroc, auprc and f1 (threshold 0.5), each as the mean over classes
        (macro) and over all cells (micro), ece of all cells, and ``undefined_classes``, how many
        classes auroc_macro leaves out. ``regression``: pearson, spearman, mse, r2.
    truth
        Class index ``[n]``, multi-hot ``[n, classes]`` (-1 where a label is not known: no metric
        counts it) or value ``[n]``.
    scores
        Probabilities ``[n, classes]`` (binary: two columns), or predicted values ``[n, 1]``.

    Returns
    -------
    dict
        Metric to value, in a fixed order; NaN where undefined (say, AUROC of one class).
    """
    ones = np.ones((1, len(np.asarray(truth))))
    values = metric_function(kind, truth, scores)(ones)
    metrics = {name: float(value[0]) for name, value in values.items()}
    if kind == "multilabel":
        metrics["undefined_classes"] = undefined_classes(truth)
    return metrics


def undefined_classes(truth: npt.ArrayLike) -> int:
    """Count the classes of multi-hot truth that are always or never there."""
    cells = np.asarray(truth)
    return int((~(cells > 0).any(axis=0) | ~(cells == 0).any(axis=0)).sum())


def metric_function(
    kind: str, truth: npt.ArrayLike, scores: npt.ArrayLike, threads: int = 1
) -> MetricFunction:
    """Prepare the metrics of some rows for any weighting of them.

    Parameters
    ----------
    kind, truth, scores
        As in :func:`compute_metrics`.
    threads
        Of ranking; never changes the result.

    Returns
    -------
    Callable
        Takes copies of each row ``[draws, n]`` (whole numbers) and returns metric to values
        ``[draws]``. What does not depend on the weighting, such as sorting, is done once.
    """
    check_kind(kind)
    predicted = np.asarray(scores)
    if kind == "regression":
        values = np.asarray(truth, np.float64), predicted.astype(np.float64).reshape(-1)
        return lambda weights: _regression(*values, weights)
    if kind == "multilabel":
        return _multilabel(np.asarray(truth), predicted, threads)
    classify = _binary if kind == "binary" else _multiclass
    return classify(np.asarray(truth, dtype=np.int64), predicted.astype(np.float64), threads)


def _binary(index: npt.NDArray[np.int64], probabilities: Floats, threads: int) -> MetricFunction:
    chosen = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    ranked = RankedLists.per_class(index[:, None] == 1, probabilities[:, 1:])

    def metrics(weights: Floats) -> dict[str, Floats]:
        tables = weighted.confusion(index, chosen, 2, weights)
        f1 = weighted.f1_per_class(tables)
        auroc, auprc = ranked.mean_areas(weights, threads)
        return {
            "accuracy": weighted.accuracy(tables),
            "f1": f1[:, 1],
            "f1_macro": _mean_of_defined(f1),
            "mcc": weighted.matthews(tables),
            "auroc": auroc,
            "auprc": auprc,
            "ece": weighted.calibration_error(chosen == index, confidence, weights),
        }

    return metrics


def _multiclass(
    index: npt.NDArray[np.int64], probabilities: Floats, threads: int
) -> MetricFunction:
    classes = probabilities.shape[1]
    chosen = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    one_against_rest = RankedLists.per_class(index[:, None] == np.arange(classes), probabilities)

    def metrics(weights: Floats) -> dict[str, Floats]:
        tables = weighted.confusion(index, chosen, classes, weights)
        auroc, auprc = one_against_rest.mean_areas(weights, threads)
        return {
            "accuracy": weighted.accuracy(tables),
            "f1_macro": _mean_of_defined(weighted.f1_per_class(tables)),
            "mcc": weighted.matthews(tables),
            "auroc_macro": auroc,
            "auprc_macro": auprc,
            "ece": weighted.calibration_error(chosen == index, confidence, weights),
        }

    return metrics


def _regression(truth: Floats, predicted: Floats, weights: Floats) -> dict[str, Floats]:
    return {
        "pearson": weighted.pearson(truth, predicted, weights),
        "spearman": weighted.spearman(truth, predicted, weights),
        "mse": weighted.mean_squared_error(truth, predicted, weights),
        "r2": weighted.r_squared(truth, predicted, weights),
    }


def _multilabel(
    truth: npt.NDArray[np.int8], probabilities: npt.NDArray[np.floating], threads: int
) -> MetricFunction:
    """Thousands of classes times rows: ranked once, then compiled loops and matrix products."""
    hot, known = truth > 0, truth != UNKNOWN
    ranked_cells = None if known.all() else known
    by_class = RankedLists.per_class(hot, probabilities, ranked_cells)
    pooled = RankedLists.pooled(hot, probabilities, ranked_cells)
    chosen = (probabilities >= THRESHOLD) & known
    hits = (hot & chosen).astype(np.float64)
    marked = hot.astype(np.float64) + chosen
    certain = probabilities if ranked_cells is None else np.where(known, probabilities, 0)
    gaps = weighted.calibration_gaps(hot, certain)
    cells = known.sum(axis=1).astype(np.float64)

    def metrics(weights: Floats) -> dict[str, Floats]:
        auroc_macro, auprc_macro = by_class.mean_areas(weights, threads)
        auroc_micro, auprc_micro = pooled.mean_areas(weights, threads)
        class_hits, class_marked = weights @ hits, weights @ marked
        return {
            "auroc_macro": auroc_macro,
            "auroc_micro": auroc_micro,
            "auprc_macro": auprc_macro,
            "auprc_micro": auprc_micro,
            "f1_macro": _mean_of_defined(weighted.ratio(2 * class_hits, class_marked)),
            "f1_micro": weighted.ratio(2 * class_hits.sum(axis=1), class_marked.sum(axis=1)),
            "ece": weighted.ratio(np.abs(weights @ gaps).sum(axis=1), weights @ cells),
        }

    return metrics


def _mean_of_defined(values: Floats) -> Floats:
    """Mean of each row without its NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=1)
    total = np.where(defined, values, 0).sum(axis=1)
    return weighted.ratio(total, number.astype(np.float64))
