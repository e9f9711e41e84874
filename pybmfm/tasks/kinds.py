"""The four kinds of task, the column that holds the target, and the metrics of each."""

from __future__ import annotations

from pathlib import Path

from pybmfm.core import UserError

TARGET_COLUMN = {
    "binary": "label",
    "multiclass": "label",
    "multilabel": "labels",
    "regression": "value",
}
METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("accuracy", "f1", "f1_macro", "mcc", "auroc", "auprc", "ece"),
    "multiclass": ("accuracy", "f1_macro", "mcc", "auroc_macro", "auprc_macro", "ece"),
    "multilabel": (
        "auroc_macro",
        "auroc_micro",
        "auprc_macro",
        "auprc_micro",
        "f1_macro",
        "f1_micro",
        "ece",
    ),
    "regression": ("pearson", "spearman", "mse", "r2"),
}
LOWER_IS_BETTER = {"mse", "ece"}
DEFAULT_METRIC = {
    "binary": "mcc",
    "multiclass": "mcc",
    "multilabel": "auroc_macro",
    "regression": "pearson",
}


def check_kind(kind: str, *, file: str | Path | None = None, place: str | None = None) -> str:
    """Return ``kind`` if it is one of the four.

    Raises
    ------
    UserError
        If it is not.
    """
    if kind not in TARGET_COLUMN:
        raise UserError(
            f"unknown kind '{kind}'",
            file=file,
            place=place,
            remedy=f"use one of {', '.join(TARGET_COLUMN)}",
        )
    return kind


def check_metric(
    kind: str, metric: str | None, *, file: str | Path | None = None, place: str | None = None
) -> str:
    """Return ``metric``, or the default one of ``kind`` where none is given.

    Raises
    ------
    UserError
        If that kind of task has no such metric.
    """
    check_kind(kind, file=file, place=place)
    if not metric:
        return DEFAULT_METRIC[kind]
    if metric not in METRICS[kind]:
        raise UserError(
            f"a {kind} task has no metric '{metric}'",
            file=file,
            place=place,
            remedy=f"use one of {', '.join(METRICS[kind])}",
        )
    return metric
