"""Pictures of the comparison: one palette, PNG and SVG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
VARIANT_COLOR = "#D55E00"
BASE_COLOR = "#7A8793"
ABSENT_COLOR = "#C9CED3"
LETTERS_PER_INCH = 14  # of a caption
PUBLISHED_MARK: dict[str, Any] = {
    "marker": "D",
    "markersize": 6,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "linestyle": "none",
}


@contextmanager
def saved_figure(folder: Path, name: str, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of so many inches, and save ``name.png`` and ``name.svg``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    # A fixed salt and no date: the same tables give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "pybmfm", "font.size": 10}):
        figure = plt.figure(figsize=(width, height), layout="constrained")
        try:
            yield figure
            figure.savefig(folder / f"{name}.png", dpi=130)
            figure.set_layout_engine("none")  # laid out once, the same in both files
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        finally:
            plt.close(figure)


def color_of(place: int) -> str:
    """Return the colour of the tokenizer at a place, in all pictures the same."""
    return PALETTE[place % len(PALETTE)]


def title(axis: Axes, panel: str, text: str) -> None:
    """Write the panel's letter and what it shows above its left edge; take off the box."""
    axis.set_title(f"{panel}  {text}", loc="left", fontsize="medium", fontweight="bold")
    axis.spines[["top", "right"]].set_visible(False)


def caption(figure: Figure, text: str) -> None:
    """Write a sentence below the panels, on as many lines as the width asks for."""
    lines = fill(text, width=int(figure.get_figwidth() * LETTERS_PER_INCH))
    figure.supxlabel(lines, fontsize="small", color="#444444")
