"""Published figures that may stand beside ours: the paper's Tables 2 and 3, and GUE in MCC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A row of a published table.

    Attributes
    ----------
    metrics
        Our metrics that the figures stand beside.
    shown
        What the figures are called, ``F1``; which of F1 and MCC heads the paper's rows is not in
        its text, and F1 is inferred from its figures.
    figures
        Model to figure x 100.
    about
        What else is to be known.
    """

    metrics: tuple[str, ...]
    shown: str
    figures: Mapping[str, float]
    about: str = ""


F1 = ("f1", "f1_macro")
PROMOTER = Published(F1, "F1", {"dnabert-2": 94.00, "scratch": 89.67, "ref": 92.08, "snp": 93.5})
CORE = Published(F1, "F1", {"dnabert-2": 83.85, "scratch": 77.73, "ref": 81.97, "snp": 83.19})
TF = Published(
    F1, "F1", {"dnabert-2": 83.91, "scratch": 75.19, "ref": 81.87, "snp": 82.42}, "mean of 5 TF"
)
SPLICE = Published(F1, "F1", {"dnabert-2": 90.66, "scratch": 68.18, "ref": 89.29, "snp": 90.44})
DISEASE = Published(
    ("auroc_macro", "auroc_micro"),
    "AUC",
    {"eve": 91, "scratch": 87, "ref": 90, "snp": 90},
    "2,000 diseases, random split, macro or micro not said",
)
TABLE_2 = {
    "prom_300_all": PROMOTER,
    "prom_core_all": CORE,
    **{f"tf_{number}": TF for number in range(5)},
    "splice_reconstructed": SPLICE,
    "snp_disease": DISEASE,
}
# Table 3, its last part of the task's name: what the SNP model reached on promoters.
TABLE_3 = {
    "none": {"snp": 93.5},
    "class1": {"snp": 93.01},
    "class2": {"snp": 97.46},
    "class3": {"snp": 94.10},
    "class4": {"scratch": 57.04, "snp": 64.6},
}
# MCC of DNABERT-2 on GUE, from its own paper.
GUE_MCC = {
    "prom_300_all": 86.8,
    "prom_300_notata": 94.3,
    "prom_300_tata": 71.6,
    "prom_core_all": 69.4,
    "prom_core_notata": 68.0,
    "prom_core_tata": 74.2,
    "splice_reconstructed": 85.0,
}
GUE_TF_MCC = 70.1
TITLES = {
    "dnabert-2": "DNABERT-2",
    "scratch": "no pretraining",
    "ref": "REF",
    "snp": "SNP",
    "eve": "EVE",
}
OTHER_LIBRARY = "other library"
PIECE = ".mini"  # ends the name of a task that has few rows of a published one


def published_figure(task: str, model: str, metric: str) -> str:
    """Return the published figure for a task, model and metric as text that says what it is.

    Empty where there is none. The K562 figures are of another lenti-MPRA library and are never
    shown, only said to be so. None of them is like for like: data, budget and splits differ.
    """
    column = _column(model)
    task = task.removesuffix(PIECE)
    if task == "mpra_k562" and metric == "pearson":
        return OTHER_LIBRARY
    if column == "dnabert-2" and metric == "mcc":
        return _gue_mcc(task)
    base, _, ending = task.rpartition(".")
    if base and ending in TABLE_3 and "prom" in base:
        row = Published(F1, "F1", TABLE_3[ending], "Table 3")
    else:
        row = TABLE_2.get(task, Published((), "", {}))
    if metric not in row.metrics or column not in row.figures:
        return ""
    about = f", {row.about}" if row.about else ""
    return f"{row.shown} {row.figures[column]:.2f} x100 (paper {TITLES[column]}{about})"


def _gue_mcc(task: str) -> str:
    if task in GUE_MCC:
        return f"MCC {GUE_MCC[task]:.2f} x100 (DNABERT-2's paper)"
    if TABLE_2.get(task) is TF:
        return f"MCC {GUE_TF_MCC:.2f} x100 (DNABERT-2's paper, mean of 5 TF)"
    return ""


def _column(model: str) -> str:
    """Which of the published models a model's name stands for; empty if none."""
    words = model.lower().replace("_", "-").split("-")
    if "dnabert2" in words or "dnabert-2" in model.lower():
        return "dnabert-2"
    return next((name for name in ("scratch", "ref", "snp", "eve") if name in words), "")
