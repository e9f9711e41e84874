"""Picture of the paper's Figure 2: lengths, use and overlap of vocabularies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pybmfm.tokenizer.comparison_style import (
    BASE_COLOR,
    PUBLISHED_MARK,
    VARIANT_COLOR,
    color_of,
    saved_figure,
    title,
)
from pybmfm.tokenizer.published_comparison import (
    PUBLISHED_SHARED,
    PUBLISHED_VARIANT,
    published_peers,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_DRAWN = 16  # nt; longer tokens, few repeats, are drawn at this length
COLUMNS = 3


def draw_comparison(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Draw Figure 2 as ``comparison.png`` and ``.svg``: A once per tokenizer, B to F for all."""
    names = list(tables["summary"]["tokenizer"])
    rows = -(-(len(names) + 5) // COLUMNS)
    with saved_figure(folder, "comparison", 14, 3.9 * rows) as figure:
        axes = _axes(figure, len(names) + 5, rows)
        _draw_scatters(axes[: len(names)], tables["token_occurrence"], names)
        occurrence, shares, vocabulary, corpus, windows = axes[len(names) :]
        _draw_occurrence(occurrence, tables["token_occurrence"], names)
        _draw_shares(shares, tables)
        _draw_lengths(vocabulary, tables["token_lengths"], names, "vocabulary")
        _draw_lengths(corpus, tables["token_lengths"], names, "occurrence")
        _draw_windows(windows, tables["tokens_per_window"], names)


def _axes(figure: Figure, panels: int, rows: int) -> list[Axes]:
    """Axes in reading order; the last one takes the rest of its row."""
    grid = figure.add_gridspec(rows, COLUMNS)
    last = figure.add_subplot(grid[rows - 1, (panels - 1) % COLUMNS :])
    places = (divmod(panel, COLUMNS) for panel in range(panels - 1))
    return [*(figure.add_subplot(grid[row, column]) for row, column in places), last]


def _draw_scatters(axes: Sequence[Axes], table: pd.DataFrame, names: Sequence[str]) -> None:
    top = 2 * max(int(table["occurrence"].max()), 1)
    for axis, name in zip(axes, names, strict=True):
        tokens = table[(table["tokenizer"] == name) & (table["occurrence"] > 0)]
        for variant, color, label in (
            (False, BASE_COLOR, "bases only"),
            (True, VARIANT_COLOR, "with variants"),
        ):
            part = tokens[tokens["variant"] == variant]
            # Lengths are whole numbers: a little spread by id keeps the dots apart.
            places = part["length"].clip(upper=LONGEST_DRAWN) + (part["id"] % 17 - 8) / 30
            share = 100 * part["occurrence"].sum() / max(tokens["occurrence"].sum(), 1)
            axis.scatter(
                places,
                part["occurrence"],
                s=7,
                c=color,
                alpha=0.6,
                linewidths=0,
                rasterized=True,
                label=f"{label}: {share:.1f} % of use",
            )
        title(axis, "2A", f"Tokens of {name}")
        axis.set(
            xlabel="token length (nt)",
            ylabel="occurrence in the corpus",
            yscale="log",
            ylim=(0.7, top),
        )
        _label_lengths(axis)
        axis.legend(loc="upper right", markerscale=2, fontsize="small", framealpha=0.9)


def _draw_occurrence(axis: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    top = max(int(table["occurrence"].max()), 1)
    bins = np.geomspace(1, top + 1, 40).tolist()
    for place, name in enumerate(names):
        seen = table.loc[table["tokenizer"] == name, "occurrence"]
        color = color_of(place)
        unseen = int((seen == 0).sum())
        label = f"{name} ({unseen:,} never used)" if unseen else name
        axis.hist(seen[seen > 0], bins=bins, histtype="stepfilled", alpha=0.15, color=color)
        axis.hist(seen[seen > 0], bins=bins, histtype="step", lw=1.6, color=color, label=label)
    title(axis, "2B", "Occurrence per token")
    axis.set(xscale="log", xlabel="occurrence in the corpus", ylabel="tokens")
    axis.legend(fontsize="small")


def _draw_shares(axis: Axes, tables: Mapping[str, pd.DataFrame]) -> None:
    """Bars of shared and of variant tokens, with the published figures where they apply."""
    bars: list[tuple[str, float, float | None]] = []
    peers = published_peers(tables["summary"])
    for row in tables["shared_tokens"].to_dict("records"):
        name, other = row["tokenizer"], row["other"]
        published = {peers[name], peers[other]} == {"ref", "snp"}
        label = f"{name} and\n{other} share"
        bars.append((label, row["percent"], PUBLISHED_SHARED if published else None))
    for row in tables["summary"].to_dict("records"):
        name = row["tokenizer"]
        if row["variant_tokens_used"]:
            value = PUBLISHED_VARIANT if peers[name] == "snp" else None
            bars.append((f"variant tokens\nin {name}", row["variant_token_percent"], value))
            label = f"variant tokens\nused in {name}"
            bars.append((label, row["variant_tokens_used_percent"], None))
    _draw_bars(axis, bars)
    title(axis, "2C", "Shares of the vocabulary")
    axis.set(xlabel="% of tokens", xlim=(0, 122))


def _draw_bars(axis: Axes, bars: Sequence[tuple[str, float, float | None]]) -> None:
    axis.barh(range(len(bars)), [value for _, value, _ in bars], color=BASE_COLOR, height=0.6)
    for y, (_, value, published) in enumerate(bars):
        axis.text(max(value, published or 0) + 3, y, f"{value:.1f}", va="center")
    marks = [(published, y) for y, (_, _, published) in enumerate(bars) if published is not None]
    if marks:
        axis.plot(*zip(*marks, strict=True), label="published", **PUBLISHED_MARK)
        axis.legend(fontsize="small", loc="lower right")
    axis.set_yticks(range(len(bars)), [label for label, _, _ in bars], fontsize="small")
    axis.invert_yaxis()


def _draw_lengths(axis: Axes, table: pd.DataFrame, names: Sequence[str], column: str) -> None:
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        rows = table[table["tokenizer"] == name]
        heights = rows.groupby(rows["length"].clip(upper=LONGEST_DRAWN))[column].sum()
        if column == "occurrence":
            heights = 100 * heights / max(heights.sum(), 1)
        shift = (place - (len(names) - 1) / 2) * width
        axis.bar(heights.index + shift, heights, width=width, label=name, color=color_of(place))
    if column == "occurrence":
        title(axis, "2E", "Token lengths in the corpus")
        axis.set_ylabel("% of occurrences")
    else:
        title(axis, "2D", "Token lengths in the vocabulary")
        axis.set_ylabel("tokens")
    axis.set_xlabel("token length (nt)")
    _label_lengths(axis)
    axis.legend(fontsize="small")


def _label_lengths(axis: Axes) -> None:
    """Tick every second length, the last one standing for all longer tokens."""
    ticks = list(range(1, LONGEST_DRAWN, 2))
    axis.set_xticks([*ticks, LONGEST_DRAWN], [*map(str, ticks[:-1]), "", f"{LONGEST_DRAWN}+"])
    axis.set_xlim(0.2, LONGEST_DRAWN + 0.8)


def _draw_windows(axis: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        rows = table[table["tokenizer"] == name]
        edges = [*rows["start"], rows["end"].iloc[-1]]
        axis.stairs(rows["windows"], edges, lw=1.6, color=color_of(place), label=name)
    title(axis, "2F", "Tokens per window")
    axis.set(xlabel="tokens", ylabel="windows")
    axis.legend(fontsize="small")
