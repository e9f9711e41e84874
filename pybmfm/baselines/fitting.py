"""Fit a baseline on a task, choose its settings on dev, and write a result."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybmfm.baselines.feature_models import FeatureSettings, fit_constant, fit_on_features
from pybmfm.baselines.fitted import Feature, Fitted
from pybmfm.baselines.kmers import LONGEST
from pybmfm.baselines.motif_files import read_motifs
from pybmfm.core import UserError, check_label, output_directory, write_manifest, write_table
from pybmfm.evaluation import main_metric_text, save_result
from pybmfm.tasks import TaskTable, check_metric, read_task_splits, task_of_table

log = logging.getLogger("pybmfm")
# k-mer lengths that dev chooses from; forests are slow on many columns.
DEFAULT_K = {"kmer-logistic": (3, 4, 5, 6), "kmer-forest": (3, 4), "kmer-svm": (4, 5, 6)}
NETWORK_MODELS = ("cnn", "resnet")
MODELS = ("majority", *DEFAULT_K, *NETWORK_MODELS)


@dataclass(frozen=True)
class BaselineSettings:
    """A baseline and its task.

    Attributes
    ----------
    model
        ``majority`` (the training shares or mean, for every row), ``kmer-logistic`` (ridge
        regression where the target is a value), ``kmer-forest`` and ``kmer-svm`` (with GC
        content and motif scores), ``cnn`` or ``resnet`` (one-hot sequences).
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
        k-mer lengths to choose from; ``DEFAULT_K`` of the model if empty.
    motifs
        MEME or JASPAR file, instead of motifs learned from the training rows.
    epochs
        Of the networks.
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
    k: tuple[int, ...] = ()
    motifs: Path | None = None
    epochs: int = 3
    max_train_rows: int | None = None
    alphabet: str = "auto"
    seed: int = 0
    threads: int = 1
    device: str = "auto"


def fit_baseline(settings: BaselineSettings) -> None:
    """Fit a baseline and write its predictions, metrics and ``top_features.tsv``.

    Settings of models on features are those with the best main metric on dev, networks keep the
    epoch of the lowest dev loss; the test table is only predicted.

    Raises
    ------
    UserError
        If the tables or motifs cannot be read, or a setting is unknown.
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
        metrics = _write(folder, settings, tables, fitted, metric, seconds)
    log.info("%s: %s", settings.model, main_metric_text(metrics))


def _check(settings: BaselineSettings) -> str:
    if settings.model not in MODELS:
        known = f"{', '.join(MODELS[:-1])} or {MODELS[-1]}"
        raise UserError(f"unknown model '{settings.model}'", remedy=f"use {known}")
    if not all(1 <= k <= LONGEST for k in settings.k):
        raise UserError("k-mers cannot have that length", remedy=f"use --k from 1 to {LONGEST}")
    check_label(_task_name(settings), "task")
    return check_metric(settings.kind, settings.metric)


def _task_name(settings: BaselineSettings) -> str:
    return settings.task or task_of_table(settings.train)


def _fit(settings: BaselineSettings, tables: dict[str, TaskTable], metric: str) -> Fitted:
    if settings.model == "majority":
        return fit_constant(tables)
    if settings.model in NETWORK_MODELS:
        from pybmfm.baselines.neural import fit_network  # torch takes seconds to import

        return fit_network(
            settings.model,
            tables,
            settings.epochs,
            settings.seed,
            settings.threads,
            settings.device,
        )
    return fit_on_features(
        tables,
        FeatureSettings(
            model=settings.model,
            k=settings.k or DEFAULT_K[settings.model],
            metric=metric,
            motifs=read_motifs(settings.motifs) if settings.motifs else None,
            seed=settings.seed,
            threads=settings.threads,
        ),
    )


def _write(
    folder: Path,
    settings: BaselineSettings,
    tables: dict[str, TaskTable],
    fitted: Fitted,
    metric: str,
    seconds: float,
) -> dict[str, Any]:
    metrics = save_result(
        folder,
        task=_task_name(settings),
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
            "estimator": fitted.description,
            **fitted.facts,
            "parameters": fitted.parameters,
            "seconds": round(seconds, 3),
            "train_rows": len(tables["train"]),
            "max_train_rows": settings.max_train_rows,
        },
    )
    if fitted.features:
        _write_top_features(folder, fitted.features)
    motifs = [settings.motifs] if settings.motifs else []
    paths = ("train", "dev", "test", "out", "motifs")
    write_manifest(
        folder,
        artefact="result",
        settings={name: value for name, value in vars(settings).items() if name not in paths},
        inputs=[settings.train, settings.dev, settings.test, *motifs],
        counts={split: table.counts for split, table in tables.items()},
    )
    return metrics


def _write_top_features(folder: Path, features: list[Feature]) -> None:
    import pandas as pd

    table = pd.DataFrame(features, columns=["class", "feature", "weight"])
    write_table(table, folder / "top_features.tsv")
