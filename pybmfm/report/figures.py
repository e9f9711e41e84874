"""Figures as PNG and SVG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.evaluation.comparisons import SIGNIFICANT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_HISTOGRAMS = 5


@contextmanager
def figure(folder: Path, name: str, rows: int = 1, columns: int = 1, **size: Any) -> Iterator[Any]:
    """Yield axes (an array where more than one), and save ``name.png`` and ``name.svg``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.text import Text

    with matplotlib.rc_context({"svg.hashsalt": "pybmfm", "font.size": 9}):
        drawn, axes = plt.subplots(rows, columns, layout="constrained", **size)
        try:
            yield axes
            for axis in np.atleast_1d(axes).flat:
                axis.spines[["top", "right"]].set_visible(False)
            for text in drawn.findobj(Text):
                # A contig may be called chr$_$, which is no formula.
                text.set_parse_math("$" not in text.get_text())
            drawn.savefig(folder / f"{name}.png", dpi=130)
            drawn.savefig(folder / f"{name}.svg", metadata={"Date": None})
        finally:
            plt.close(drawn)


def draw_finetuning(folder: Path, main: pd.DataFrame) -> None:
    """Bars of each task's main metric with 95 % intervals, one colour per model."""
    tasks, models = list(dict.fromkeys(main["task"])), list(dict.fromkeys(main["model"]))
    width = 0.8 / len(models)
    with figure(
        folder, "finetuning", figsize=(max(6.0, 1.2 * len(tasks) * len(models) ** 0.5 + 2), 4)
    ) as axis:
        for place, model in enumerate(models):
            rows = main[main["model"] == model].set_index("task").reindex(tasks)
            x = np.arange(len(tasks)) + (place - (len(models) - 1) / 2) * width
            axis.bar(x, rows["mean"], width=width, label=model, color=f"C{place % 10}")
            reach = [(rows["mean"] - rows["low"]).clip(0), (rows["high"] - rows["mean"]).clip(0)]
            axis.errorbar(x, rows["mean"], yerr=reach, fmt="none", ecolor="black", lw=1, capsize=2)
        metrics = main.drop_duplicates("task").set_index("task")["metric"].reindex(tasks)
        labels = [f"{task}\n({metric})" for task, metric in metrics.items()]
        axis.set_xticks(np.arange(len(tasks)), labels)
        axis.axhline(0, color="black", lw=0.6)
        axis.set_ylabel("main metric, mean over seeds")
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def draw_differences(folder: Path, subject: str, differences: pd.DataFrame) -> None:
    """One panel per task: differences to every other model with paired 95 % intervals.

    Parameters
    ----------
    differences
        ``task, other, metric, difference, low, high, p_holm``.
    """
    tasks = list(dict.fromkeys(differences["task"]))
    most = int(differences.groupby("task").size().max())
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    size = (4.2 * columns, rows * (1.0 + 0.25 * most))
    with figure(folder, "differences", rows, columns, figsize=size) as axes:
        panels = np.atleast_1d(axes).flat
        for axis, task in zip(panels, tasks, strict=False):
            shown = differences[differences["task"] == task].iloc[::-1]
            for place, row in enumerate(shown.itertuples()):
                stands = row.p_holm < SIGNIFICANT
                axis.plot([row.low, row.high], [place, place], color="C0", lw=1.5)
                axis.plot(row.difference, place, "o", color="C0", mfc="C0" if stands else "white")
            axis.axvline(0, color="black", lw=0.6)
            axis.set_yticks(range(len(shown)), list(shown["other"]))
            axis.set_title(task)
            axis.set_xlabel(f"{shown['metric'].iloc[0]}: {subject} minus the other")
        for axis in list(np.atleast_1d(axes).flat)[len(tasks) :]:
            axis.set_visible(False)


def draw_few_shot(folder: Path, curves: pd.DataFrame) -> None:
    """One panel per task: the main metric against training rows, one line per model."""
    tasks, models = list(dict.fromkeys(curves["task"])), list(dict.fromkeys(curves["model"]))
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    with figure(folder, "few_shot", rows, columns, figsize=(4.5 * columns + 2, 3.6 * rows)) as axes:
        panels = list(np.atleast_1d(axes).flat)
        for axis, task in zip(panels, tasks, strict=False):
            for place, model in enumerate(models):
                points = curves[(curves["task"] == task) & (curves["model"] == model)]
                if points.empty:
                    continue
                reach = [points["mean"] - points["low"], points["high"] - points["mean"]]
                axis.errorbar(
                    points["train_rows"], points["mean"], yerr=[part.clip(0) for part in reach],
                    label=model, color=f"C{place % 10}", marker="o", ms=3, capsize=2, lw=1,
                )  # fmt: skip
            metric = curves.loc[curves["task"] == task, "metric"].iloc[0]
            axis.set(xscale="log", xlabel="training rows", ylabel=metric, title=task)
        panels[min(columns, len(tasks)) - 1].legend(
            loc="upper left", bbox_to_anchor=(1, 1), frameon=False
        )
        for axis in panels[len(tasks) :]:
            axis.set_visible(False)


def draw_learning_curves(
    folder: Path, curves: Mapping[str, Mapping[str, Mapping[int, float]]]
) -> None:
    """Training loss and dev bits per nucleotide against steps.

    Parameters
    ----------
    curves
        For each quantity (``loss``, ``dev_bits_per_nucleotide``), for each model, step: value.
    """
    titles = {
        "loss": "training loss (nats per masked token)",
        "dev_bits_per_nucleotide": "dev bits per nucleotide",
    }
    with figure(folder, "learning_curves", columns=2, figsize=(10, 3.8)) as axes:
        for axis, (quantity, title) in zip(axes, titles.items(), strict=True):
            for model, points in curves[quantity].items():
                marker = "." if len(points) < 30 else None
                axis.plot(list(points), list(points.values()), label=model, marker=marker)
            axis.set(title=title, xlabel="step")
            if curves[quantity]:
                axis.legend(frameon=False)


def draw_scores(folder: Path, name: str, scores: Mapping[str, Sequence[float]]) -> None:
    """Distribution of BMFM_LLR by class of variant; the histogram shows the largest classes."""
    largest = sorted(scores, key=lambda label: -len(scores[label]))[:MOST_HISTOGRAMS]
    height = 3.8 + 0.25 * max(0, len(scores) - MOST_HISTOGRAMS)
    with figure(folder, name, columns=2, figsize=(12, height)) as axes:
        histogram, boxes = axes
        everything = np.concatenate([np.asarray(scores[label]) for label in largest])
        low, high = np.quantile(everything, [0.005, 0.995])
        bins = np.linspace(low, max(high, low + 1e-6), 41)
        for label in largest:
            values = scores[label]
            _step(histogram, np.clip(values, low, high), bins, f"{label} ({len(values):,})")
        histogram.axvline(0, color="black", lw=0.6)
        histogram.set(xlabel="BMFM_LLR (outer 1 % at the edges)", ylabel="share of alleles")
        histogram.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1))
        boxes.boxplot(
            list(scores.values()), tick_labels=list(scores), orientation="horizontal", sym="."
        )
        boxes.axvline(0, color="black", lw=0.6)
        boxes.set_xlabel("BMFM_LLR")


def _step(axis: Axes, values: Sequence[float] | NDArray[Any], bins: Any, label: str) -> None:
    weights = np.full(len(values), 1 / max(1, len(values)))
    axis.hist(values, bins=bins, weights=weights, histtype="step", label=label)
