"""The paper's figures that may stand beside ours (its Table 2)."""

from __future__ import annotations

# Task: (metric the paper's row is read as, {model: figure x 100}). F1 as the heading metric is
# inferred, the paper's text lost it. TF figures are means over five data sets.
TABLE_2 = {
    "prom_300_all": {"dnabert-2": 94.00, "scratch": 89.67, "ref": 92.08, "snp": 93.5},
    "prom_core_all": {"dnabert-2": 83.85, "scratch": 77.73, "ref": 81.97, "snp": 83.19},
    "tf": {"dnabert-2": 83.91, "scratch": 75.19, "ref": 81.87, "snp": 82.42},
    "splice_reconstructed": {"dnabert-2": 90.66, "scratch": 68.18, "ref": 89.29, "snp": 90.44},
}
FAMILY_OF_TASK = {
    **{task: task for task in TABLE_2 if task != "tf"},
    **{f"tf_{number}": "tf" for number in range(5)},
}
TITLES = {"dnabert-2": "DNABERT-2", "scratch": "no pretraining", "ref": "REF", "snp": "SNP"}
METRIC_OF_TABLE_2 = ("f1", "f1_macro")
OTHER_LIBRARY = "other library"


def published_figure(task: str, model: str, metric: str) -> str:
    """Return the paper's figure for a task, model and metric as text that says what it is.

    Empty where the paper has none: it covers four GUE families and four models. Its K562
    figures are of another lenti-MPRA library and are never shown, only said to be so.
    """
    if task == "mpra_k562" and metric == "pearson":
        return OTHER_LIBRARY
    family = FAMILY_OF_TASK.get(task)
    column = _column(model)
    if family is None or metric not in METRIC_OF_TABLE_2 or column is None:
        return ""
    mean = ", mean of 5 TF" if family == "tf" else ""
    return f"F1 {TABLE_2[family][column]:.2f} x100 (paper {TITLES[column]}{mean})"


def _column(model: str) -> str | None:
    """Which of the paper's models a model's name stands for."""
    words = model.lower().replace("_", "-").split("-")
    if "dnabert2" in words or "dnabert-2" in model.lower():
        return "dnabert-2"
    matches = [name for name in ("scratch", "ref", "snp") if name in words]
    return matches[0] if matches else None
