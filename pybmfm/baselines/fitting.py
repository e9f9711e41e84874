"""Fit a baseline on a task, choose its settings on dev, and write a result."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pybmfm.baselines.estimators import (
    LOGISTIC_C,
    RIDGE_ALPHA,
    Constant,
    Estimator,
    fit_linear,
)
from pybmfm.baselines.kmers import LONGEST, KmerVocabulary
from pybmfm.core import UserError, output_directory, progress, write_manifest, write_table
from pybmfm.evaluation import compute_metrics, save_result
from pybmfm.tasks import TaskTable, check_metric, read_task_splits, task_of_table

log = logging.getLogger("pybmfm")
MODELS = ("kmer-logistic", "majority")
DEFAULT_K = (3, 4, 5, 6)
LOWER_IS_BETTER = {"mse"}
TOP_FEATURES = 50  # per class and sign


@dataclass(frozen=True)
class BaselineSettings:
    """A baseline and its task.

    Attributes
    ----------
    model
        ``kmer-logistic`` (ridge regression where the target is a value) or ``majority`` (the
        training shares or mean, for every row).
    train, dev, test
        Task tables.
    kind
        Kind of task.
    out
        Result folder.
    task
        Name in the results; the folder of the training table if None.
    metric
        The one that heads the task, and by which dev chooses.
    k
        k-mer lengths to choose from.
    max_train_rows
        Use at most so many training rows.
    alphabet
        ``auto``, ``plain`` or ``encoded``.
    """

    model: str
    train: Path
    dev: Path
    test: Path
    kind: str
    out: Path
    task: str | None = None
    metric: str | None = None
    k: tuple[int, ...] = DEFAULT_K
    max_train_rows: int | None = None
    alphabet: str = "auto"
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Fitted:
    """A fitted baseline with its predictions on dev and test."""

    estimator: Estimator
    vocabulary: KmerVocabulary | None
    strength: float | None
    scores: dict[str, np.ndarray]


def fit_baseline(settings: BaselineSettings) -> None:
    """Fit a baseline and write its predictions, metrics and ``top_features.tsv``.

    The k-mer length and the strength of the penalty are the pair with the best main metric on
    dev; the test table is only predicted.

    Raises
    ------
    UserError
        If the tables cannot be read, or a setting is unknown.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    metric = _check(settings)
    tables = read_task_splits(
        settings.train,
        settings.dev,
        settings.test,
        settings.kind,
        max_train_rows=settings.max_train_rows,
        seed=settings.seed,
        alphabet=settings.alphabet,
    )
    started = time.monotonic()
    with threadpool_limits(settings.threads):
        fitted = _fit(settings, tables, metric)
    seconds = time.monotonic() - started
    with output_directory(settings.out) as folder:
        _write(folder, settings, tables, fitted, metric, seconds)
    dev, test = (
        compute_metrics(settings.kind, tables[split].targets, fitted.scores[split])[metric]
        for split in ("dev", "test")
    )
    log.info("%s: %s %.4f on dev, %.4f on test", settings.model, metric, dev, test)


def _check(settings: BaselineSettings) -> str:
    if settings.model not in MODELS:
        raise UserError(f"unknown model '{settings.model}'", remedy=f"use {' or '.join(MODELS)}")
    if not settings.k or not all(1 <= k <= LONGEST for k in settings.k):
        raise UserError("k-mers cannot have that length", remedy=f"use --k from 1 to {LONGEST}")
    return check_metric(settings.kind, settings.metric)


def _fit(settings: BaselineSettings, tables: dict[str, TaskTable], metric: str) -> Fitted:
    train = tables["train"]
    if settings.model == "majority":
        constant = Constant.fit(train.kind, train.targets, len(train.classes))
        rows = {split: np.empty((len(tables[split]), 0)) for split in ("dev", "test")}
        return Fitted(constant, None, None, {s: constant.predict(x) for s, x in rows.items()})
    best: tuple[float, Fitted] | None = None
    lengths = progress(sorted(set(settings.k)), "k-mer lengths", unit="lengths")
    for candidate in (fitted for k in lengths for fitted in _candidates(tables, k)):
        value = compute_metrics(train.kind, tables["dev"].targets, candidate.scores["dev"])[metric]
        value = -value if metric in LOWER_IS_BETTER else value
        value = -math.inf if math.isnan(value) else value
        if best is None or value > best[0]:
            best = (value, candidate)
    assert best is not None
    return best[1]


def _candidates(tables: dict[str, TaskTable], k: int) -> Iterator[Fitted]:
    """Fit every strength of the penalty on k-mers of one length."""
    train = tables["train"]
    vocabulary = KmerVocabulary.fit(train.sequences, k)
    if len(vocabulary.words) == 0:
        constant = Constant.fit(train.kind, train.targets, len(train.classes))
        empty = {split: np.empty((len(tables[split]), 0)) for split in ("dev", "test")}
        yield Fitted(constant, None, None, {s: constant.predict(x) for s, x in empty.items()})
        return
    features = {split: vocabulary.transform(table.sequences) for split, table in tables.items()}
    strengths = RIDGE_ALPHA if train.kind == "regression" else LOGISTIC_C
    for strength in strengths:
        estimator = fit_linear(
            train.kind, features["train"], train.targets, len(train.classes), strength
        )
        scores = {split: estimator.predict(features[split]) for split in ("dev", "test")}
        yield Fitted(estimator, vocabulary, strength, scores)


def _write(
    folder: Path,
    settings: BaselineSettings,
    tables: dict[str, TaskTable],
    fitted: Fitted,
    metric: str,
    seconds: float,
) -> None:
    k = fitted.vocabulary.k if fitted.vocabulary else None
    weights = fitted.estimator.weights()
    save_result(
        folder,
        task=settings.task or task_of_table(settings.train),
        model=settings.model,
        seed=settings.seed,
        kind=settings.kind,
        metric=metric,
        classes=tables["train"].classes,
        table_dev=tables["dev"],
        scores_dev=fitted.scores["dev"],
        table_test=tables["test"],
        scores_test=fitted.scores["test"],
        extra={
            "estimator": _estimator_name(settings, fitted),
            "k": k,
            "penalty": fitted.strength,
            "parameters": int(weights.size + len(weights)),
            "seconds": round(seconds, 3),
            "train_rows": len(tables["train"]),
            "max_train_rows": settings.max_train_rows,
        },
    )
    if fitted.vocabulary is not None:
        _write_top_features(folder, tables["train"].classes, fitted.vocabulary, weights)
    write_manifest(
        folder,
        artefact="result",
        settings={
            "model": settings.model,
            "kind": settings.kind,
            "k": list(settings.k),
            "max_train_rows": settings.max_train_rows,
            "alphabet": settings.alphabet,
            "seed": settings.seed,
        },
        inputs=[settings.train, settings.dev, settings.test],
        counts={split: table.counts for split, table in tables.items()},
    )


def _estimator_name(settings: BaselineSettings, fitted: Fitted) -> str:
    if isinstance(fitted.estimator, Constant):
        return "training mean" if settings.kind == "regression" else "training class shares"
    if settings.kind == "regression":
        return "ridge regression on k-mer frequencies"
    each = ", one per label" if settings.kind == "multilabel" else ""
    return f"logistic regression on k-mer frequencies{each}"


def _write_top_features(
    folder: Path, classes: Sequence[str], vocabulary: KmerVocabulary, weights: Any
) -> None:
    """Write the k-mers with the largest weights either way, per output."""
    import pandas as pd

    outputs = list(classes)[1:] if len(classes) == 2 and len(weights) == 1 else list(classes)
    names = vocabulary.names()
    rows = []
    for output, row in zip(outputs or ["value"], weights, strict=True):
        order = np.argsort(-row, kind="stable")
        shown = (
            order
            if len(order) <= 2 * TOP_FEATURES
            else np.r_[order[:TOP_FEATURES], order[-TOP_FEATURES:]]
        )
        rows += [(output, names[place], float(row[place])) for place in shown]
    table = pd.DataFrame(rows, columns=["class", "feature", "weight"])
    write_table(table, folder / "top_features.tsv")
