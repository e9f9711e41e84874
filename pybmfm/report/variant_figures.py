"""Figures on variants: records, classes, frequencies, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pybmfm.report.figures import figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_CONTIGS = 25  # drawn one above the other: a human genome


def draw_records(folder: Path, name: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Stacked bars of records per contig: used, and dropped by reason."""
    with figure(folder, name, figsize=(8, 1.2 + 0.35 * len(counts))) as axis:
        _stack(axis, counts)
        axis.set_xlabel("records")


def draw_classes(folder: Path, name: str, classes: Mapping[str, Mapping[str, int]]) -> None:
    """Stacked bars of alleles per contig by class, as shares, the number beside the name."""
    shares = {
        f"{contig} ({sum(one.values()):,})": {
            label: 100 * count / sum(one.values()) for label, count in one.items()
        }
        for contig, one in classes.items()
        if sum(one.values())
    }
    with figure(folder, name, figsize=(8, 1.2 + 0.35 * len(shares))) as axis:
        _stack(axis, shares)
        axis.set(xlabel="% of the alleles used", xlim=(0, 100))


def draw_spectrum(
    folder: Path, name: str, spectra: Mapping[str, tuple[Sequence[float], Sequence[int]]]
) -> None:
    """Bars of alternate alleles per bin of frequency, summed over contigs.

    Parameters
    ----------
    spectra
        Per contig: n + 1 edges and n counts; all contigs have the same edges.
    """
    edges = next(iter(spectra.values()))[0]
    counts = np.sum([counts for _, counts in spectra.values()], axis=0)
    with figure(folder, name, figsize=(7, 3.6)) as axis:
        bars = axis.bar(np.arange(len(counts)), counts, width=0.9)
        axis.bar_label(bars, [f"{count:,}" for count in counts], fontsize=7)
        labels = [f"{low:g}–{high:g}" for low, high in pairwise(edges)]
        axis.set_xticks(np.arange(len(counts)), labels, rotation=30)
        axis.set(xlabel="frequency of the alternate allele", ylabel="alleles")


def draw_density(folder: Path, name: str, density: pd.DataFrame) -> None:
    """Varying positions per kb along each contig, contigs one above the other.

    Parameters
    ----------
    density
        ``contig, start, end, positions``, one row per bin.
    """
    contigs = list(dict.fromkeys(density["contig"]))[:MOST_CONTIGS]
    size = (9, 0.8 + 0.75 * len(contigs))
    with figure(folder, name, rows=len(contigs), squeeze=False, sharex=True, figsize=size) as axes:
        for axis, contig in zip(axes[:, 0], contigs, strict=True):
            rows = density[density["contig"] == contig]
            per_kb = 1000 * rows["positions"] / (rows["end"] - rows["start"])
            middle = (rows["start"] + rows["end"]) / 2e6
            axis.fill_between(middle, per_kb, step="mid", linewidth=0)
            axis.set_ylim(bottom=0)
            axis.set_ylabel(str(contig), rotation=0, ha="right", va="center")
        axes[-1, 0].set_xlabel("position (Mb); height: varying positions per kb")


def _stack(axis: Axes, counts: Mapping[str, Mapping[str, float]]) -> None:
    labels = list(dict.fromkeys(label for one in counts.values() for label in one))
    names = list(counts)
    left = np.zeros(len(names))
    for label in labels:
        values = np.array([counts[name].get(label, 0) for name in names])
        axis.barh(names, values, left=left, label=label)
        left += values
    axis.invert_yaxis()
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
