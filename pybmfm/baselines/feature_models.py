"""Models on sequence features: settings are chosen on dev, and what weighs most is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pybmfm.baselines.estimators import (
    LOGISTIC_C,
    RIDGE_ALPHA,
    Constant,
    Estimator,
    fit_linear,
    scaled_by,
    spread_of,
)
from pybmfm.baselines.features import DenseFeatures, SequenceFeatures
from pybmfm.baselines.fitted import Feature, Fitted
from pybmfm.baselines.forest import SMALLEST_LEAVES, Forest, as_forest_input, fit_forest
from pybmfm.baselines.kmers import KmerVocabulary
from pybmfm.baselines.motifs import Motif
from pybmfm.baselines.support_vectors import STRENGTHS, fit_support_vectors
from pybmfm.core import progress
from pybmfm.evaluation import compute_metrics
from pybmfm.tasks import TaskTable
from pybmfm.tasks.kinds import LOWER_IS_BETTER

TOP_FEATURES = 50  # per class and sign
PREDICTED = ("dev", "test")


@dataclass(frozen=True)
class FeatureSettings:
    """How a model on features is fitted.

    Attributes
    ----------
    model
        ``kmer-logistic``, ``kmer-forest`` or ``kmer-svm``.
    k
        k-mer lengths to choose from.
    metric
        By which dev chooses.
    motifs
        Given ones, instead of those that are learned.
    """

    model: str
    k: tuple[int, ...]
    metric: str
    motifs: list[Motif] | None
    seed: int
    threads: int


@dataclass(frozen=True)
class _Candidate:
    """A model with one choice of its settings.

    Attributes
    ----------
    names
        Makes the features' names.
    dev
        Its scores of the dev rows.
    test
        Makes the features of the test rows, which only the chosen candidate sees.
    """

    estimator: Estimator
    names: Callable[[], list[str]]
    dev: np.ndarray
    test: Callable[[], Any]
    facts: dict[str, Any]


def fit_constant(tables: dict[str, TaskTable]) -> Fitted:
    """Predict the training shares or mean for every row."""
    train = tables["train"]
    constant = Constant.fit(train.kind, train.targets, len(train.classes))
    scores = {s: constant.predict(np.empty((len(tables[s]), 0))) for s in PREDICTED}
    description = "training mean" if train.kind == "regression" else "training class shares"
    return Fitted(description, scores, len(constant.mean))


def fit_on_features(tables: dict[str, TaskTable], settings: FeatureSettings) -> Fitted:
    """Fit every choice of k-mer length and penalty (or leaf size) and keep the best on dev."""
    best = None
    best_value = -math.inf
    for candidate in _candidates(tables, settings):
        value = _dev_value(tables["dev"], candidate, settings.metric)
        if best is None or value > best_value:
            best, best_value = candidate, value
    if best is None:
        return fit_constant(tables)
    return Fitted(
        _description(settings.model, best.estimator, tables["train"].kind),
        {"dev": best.dev, "test": best.estimator.predict(best.test())},
        _parameters(best.estimator),
        list(_top_features(best, tables["train"].classes)),
        best.facts,
    )


def _candidates(tables: dict[str, TaskTable], settings: FeatureSettings) -> Iterator[_Candidate]:
    dense = dense_rows = None
    if settings.model != "kmer-logistic":
        dense = DenseFeatures.fit(tables["train"], settings.motifs, settings.seed)
        dense_rows = {name: dense.transform(table.sequences) for name, table in tables.items()}
    for k in progress(sorted(set(settings.k)), "k-mer lengths", unit="lengths"):
        vocabulary = KmerVocabulary.fit(tables["train"].sequences, k)
        if dense is None or dense_rows is None:
            if len(vocabulary.words):
                rows = {n: vocabulary.transform(t.sequences) for n, t in tables.items()}
                yield from _fit_all(tables, rows, vocabulary.names, {"k": k}, settings)
            continue
        features = SequenceFeatures(vocabulary, dense)
        rows = {n: features.join(t.sequences, dense_rows[n]) for n, t in tables.items()}
        facts = {"k": k, "motifs": len(dense.motifs)}
        yield from _fit_all(tables, rows, features.names, facts, settings)


def _fit_all(
    tables: dict[str, TaskTable],
    rows: dict[str, Any],
    names: Callable[[], list[str]],
    facts: dict[str, Any],
    settings: FeatureSettings,
) -> Iterator[_Candidate]:
    """Fit every strength of the penalty, or size of the leaves, on one set of features."""
    train, dev = tables["train"], tables["dev"]
    kind, classes, targets = train.kind, len(train.classes), train.targets
    prepare = _preparation(settings.model, rows["train"])
    train_rows, dev_rows = prepare(rows["train"]), prepare(rows["dev"])
    choices: tuple[float, ...]
    if settings.model == "kmer-forest":
        name, choices = "smallest_leaf", SMALLEST_LEAVES
    elif settings.model == "kmer-svm":
        name, choices = "penalty", STRENGTHS
    else:
        name, choices = "penalty", RIDGE_ALPHA if kind == "regression" else LOGISTIC_C
    for choice in choices:
        if settings.model == "kmer-forest":
            estimator = fit_forest(
                kind, train_rows, targets, classes, int(choice), settings.seed, settings.threads
            )
        elif settings.model == "kmer-svm":
            held_out = dev_rows, dev.targets
            estimator = fit_support_vectors(
                kind, train_rows, targets, classes, choice, held_out, settings.seed
            )
        else:
            estimator = fit_linear(kind, train_rows, targets, classes, choice)
        yield _Candidate(
            estimator,
            names,
            estimator.predict(dev_rows),
            partial(prepare, rows["test"]),
            {**facts, name: choice},
        )


def _preparation(model: str, train: Any) -> Callable[[Any], Any]:
    """Return what is done to any rows before the model reads them."""
    return (
        as_forest_input if model == "kmer-forest" else partial(scaled_by, spread=spread_of(train))
    )


def _dev_value(dev: TaskTable, candidate: _Candidate, metric: str) -> float:
    value = compute_metrics(dev.kind, dev.targets, candidate.dev)[metric]
    value = -value if metric in LOWER_IS_BETTER else value
    return -math.inf if math.isnan(value) else value


def _description(model: str, estimator: Estimator, kind: str) -> str:
    if isinstance(estimator, Constant):
        return "training mean" if kind == "regression" else "training class shares"
    each = ", one per label" if kind == "multilabel" and model != "kmer-forest" else ""
    value = kind == "regression"
    more = "k-mer frequencies, GC content and motif scores"
    return {
        "kmer-logistic": f"{'ridge' if value else 'logistic'} regression on k-mer frequencies",
        "kmer-forest": f"random forest on {more}",
        "kmer-svm": f"linear support vector {'regression' if value else 'machine'} on {more}",
    }[model] + each


def _parameters(estimator: Estimator) -> int:
    if isinstance(estimator, Forest):
        return estimator.parameters
    weights = estimator.weights()
    return int(weights.size + len(weights))


def _top_features(candidate: _Candidate, classes: list[str]) -> Iterator[Feature]:
    """Features with the largest weights either way, per output."""
    weights = candidate.estimator.weights()
    if not weights.size:
        return
    if isinstance(candidate.estimator, Forest):
        outputs = ["all"]
    else:
        outputs = (classes[1:] if len(classes) == 2 and len(weights) == 1 else classes) or ["value"]
    names = candidate.names()
    for output, row in zip(outputs, weights, strict=True):
        order = np.argsort(-row, kind="stable")
        if len(order) > 2 * TOP_FEATURES:
            order = np.concatenate([order[:TOP_FEATURES], order[-TOP_FEATURES:]])
        if output == "all":
            order = order[:TOP_FEATURES]
        for place in order:
            yield Feature(output, names[place], float(row[place]))
