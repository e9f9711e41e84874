"""Pictures of the paper's Figure 3: symbols, short tokens with variants, use of k-mer space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pybmfm.tokenizer.comparison_style import (
    ABSENT_COLOR,
    PALETTE,
    PUBLISHED_MARK,
    caption,
    color_of,
    saved_figure,
    title,
)
from pybmfm.tokenizer.kmer_space import KMER_RULE, MAX_K
from pybmfm.tokenizer.published_comparison import published_kmer_percent
from pybmfm.tokenizer.variant_tokens import ALL_PLACES, SHORT_LENGTHS, SNPS, VERTICES
from pybmfm.variants import STATES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DELETIONS = ("A/DEL", "C/DEL", "DEL/G", "DEL/T")
OTHER_COLOR = "#9AA3AB"
OTHER = "other"
SMALLEST_SHARE = 100 / 4**MAX_K  # %, of a single 10-mer
# Pairs are written in the order of names, so that they fill the upper half of the map.
NAME_ORDER = sorted(STATES)
PUBLISHED_MARKERS = {"ref": "o", "snp": "D"}
PANELS = {"3B": (("A", "T"), "after A or T"), "3C": (("C", "G"), "before C or G")}


def draw_symbol_map(symbols: pd.DataFrame, names: Sequence[str], folder: Path) -> None:
    """Draw Figure 3A as ``symbol_map``: occurrences of each pair of states in the corpus."""
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    with saved_figure(folder, "symbol_map", 7.6 * columns, 6.6 * rows + 0.4) as figure:
        for place, name in enumerate(names, start=1):
            axis = figure.add_subplot(rows, columns, place)
            _draw_map(axis, symbols[symbols["tokenizer"] == name])
            title(axis, "3A", f"Variant symbols in the corpus of {name}")
        caption(
            figure,
            "Occurrences of each symbol; white: none; grey: never written, a pair's names stand in "
            "alphabetic order. The diagonal holds positions with one state, plain bases left out.",
        )


def draw_variant_2mers(edges: pd.DataFrame, names: Sequence[str], folder: Path) -> None:
    """Draw Figure 3B and 3C as ``variant_2mers``: variants that stand beside a base in 2-mers."""
    with saved_figure(folder, "variant_2mers", 9.6, 4.3 * len(names) + 0.3) as figure:
        axes = figure.subplots(len(names), 2, squeeze=False)
        for row, name in zip(axes, names, strict=True):
            for axis, (panel, (bases, where)) in zip(row, PANELS.items(), strict=True):
                chosen = (edges["tokenizer"] == name) & (edges["panel"] == panel)
                _draw_graph(axis, edges[chosen], bases, "after" if panel == "3B" else "before")
                title(axis, panel, f"{name}: variants {where}")
        caption(
            figure,
            "Edges: variants between two states (Ins: any insertion, Del: deletion) that stand "
            "beside that base in a token.",
        )


def draw_variant_kmers(shares: pd.DataFrame, names: Sequence[str], folder: Path) -> None:
    """Draw Figure 3D and 3E as ``variant_kmers``: shares of variants per place of short tokens."""
    titles = {"3D": "one variant", "3E": "variants alone"}
    with saved_figure(folder, "variant_kmers", 14, 3.9 * len(names) + 0.3) as figure:
        axes = figure.subplots(len(names), 2 * len(SHORT_LENGTHS), squeeze=False)
        for row, name in zip(axes, names, strict=True):
            places = [(panel, length) for panel in titles for length in SHORT_LENGTHS]
            for axis, (panel, length) in zip(row, places, strict=True):
                chosen = (shares["panel"] == panel) & (shares["length"] == length)
                _draw_stack(axis, shares[chosen & (shares["tokenizer"] == name)], panel, length)
                title(axis, panel, f"{name}: {length}-mers, {titles[panel]}")
        caption(figure, "Share of each variant among the variants at a position of such tokens.")


def draw_kmer_space(table: pd.DataFrame, peers: Mapping[str, str], folder: Path) -> None:
    """Draw Figure 3F as ``kmer_space``, beside the published vocabularies.

    Parameters
    ----------
    table
        Of :func:`~pybmfm.tokenizer.kmer_space.kmer_space_table`.
    peers
        Which published vocabulary each tokenizer compares with: ``ref``, ``snp`` or none.
    folder
        Where to write.
    """
    from matplotlib.patches import Patch

    with saved_figure(folder, "kmer_space", 11, 5) as figure:
        # Beyond k = 7 the shares are too small for one scale.
        left, right = figure.subplots(1, 2, width_ratios=(7, 3))
        for axis, ks in ((left, range(1, 8)), (right, range(8, MAX_K + 1))):
            _draw_kmer_bars(axis, table[table["k"].isin(ks)], peers)
            axis.set(xlabel="k (nt)", xticks=ks, xlim=(ks[0] - 0.6, ks[-1] + 0.6))
        left.set_ylabel("% of the 4^k k-mers")
        right.set_ylim(
            SMALLEST_SHARE, max(3, 2 * table.loc[table["k"] > 7, "expanded_percent"].max())
        )
        right.set_yscale("log")
        title(left, "3F", "Use of k-mer space by the vocabulary")
        title(right, "", "the same, longer k-mers")
        handles, _ = left.get_legend_handles_labels()
        expanded = Patch(color="#555555", alpha=0.45, label="only through variants")
        left.legend(handles=[*handles, expanded], fontsize="small")
        caption(figure, f"Expansion: {KMER_RULE}.")


def _draw_kmer_bars(axis: Axes, table: pd.DataFrame, peers: Mapping[str, str]) -> None:
    width = 0.8 / len(peers)
    marked: set[str] = set()
    for place, (name, peer) in enumerate(peers.items()):
        rows = table[table["tokenizer"] == name]
        x = rows["k"] + (place - (len(peers) - 1) / 2) * width
        color = color_of(place)
        axis.bar(x, rows["expanded_percent"], width, color=color, alpha=0.45)
        axis.bar(x, rows["plain_percent"], width, color=color, label=name)
        if peer:
            published = [published_kmer_percent(peer, k) for k in rows["k"]]
            mark = PUBLISHED_MARK | {"marker": PUBLISHED_MARKERS[peer], "markersize": 5}
            label = None if peer in marked else f"published {peer.upper()}"
            axis.plot(x, published, label=label, **mark)
            marked.add(peer)


def _draw_map(axis: Axes, symbols: pd.DataFrame) -> None:
    from matplotlib.colors import LogNorm

    counts = np.zeros((len(STATES), len(STATES)), dtype=np.int64)
    for row in symbols[symbols["kind"] != "base"].to_dict("records"):
        place = NAME_ORDER.index(row["state_1"]), NAME_ORDER.index(row["state_2"])
        counts[place] += row["occurrence"]
    top = max(int(counts.max()), 2)
    shown = np.ma.masked_equal(counts, 0)
    never_written = np.tril(np.ones(counts.shape), -1) * (counts == 0)
    axis.imshow(np.ma.masked_equal(never_written, 0), cmap="Greys", vmin=0, vmax=14)
    image = axis.imshow(shown, cmap="cividis_r", norm=LogNorm(1, top), aspect="equal")
    for (i, j), count in np.ndenumerate(counts):
        if count:
            dark = math.log(count) > 0.4 * math.log(top)
            text = _short(int(count))
            axis.text(j, i, text, ha="center", va="center", color="w" if dark else "k", fontsize=8)
    ticks = range(len(NAME_ORDER))
    axis.set_xticks(ticks, NAME_ORDER)
    axis.set_yticks(ticks, NAME_ORDER)
    axis.set_xticks(np.arange(-0.5, len(STATES)), minor=True)
    axis.set_yticks(np.arange(-0.5, len(STATES)), minor=True)
    axis.grid(which="minor", color="#E3E6E8", lw=0.6)
    axis.tick_params(which="both", length=0)
    axis.set(xlabel="second state", ylabel="first state")
    axis.figure.colorbar(image, ax=axis, label="occurrences", shrink=0.8)


def _short(count: int) -> str:
    """Write a count in at most four characters, as 950, 9.5k, 12k, 3.4M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            scaled = count / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return str(count)


def _draw_graph(axis: Axes, edges: pd.DataFrame, bases: tuple[str, str], where: str) -> None:
    first, second = bases
    styles = {
        bases: ("#222222", "-", f"{where} {first} and {second}"),
        (first,): (PALETTE[0], "--", f"{where} {first} only"),
        (second,): (PALETTE[1], "-.", f"{where} {second} only"),
        (): (ABSENT_COLOR, ":", "absent"),
    }
    held: dict[tuple[str, str], list[str]] = {edge: [] for edge in combinations(VERTICES, 2)}
    for row in edges[edges["tokens"] > 0].to_dict("records"):
        held[row["vertex_1"], row["vertex_2"]].append(row["base"])
    for ends, found in held.items():
        color, line, _ = styles[tuple(base for base in bases if base in found)]
        x, y = zip(*map(_place_of, ends), strict=True)
        axis.plot(x, y, color=color, ls=line, lw=2.2 if found else 1.2, zorder=2 if found else 1)
    for color, line, label in styles.values():
        axis.plot([], [], color=color, ls=line, lw=2, label=label)
    _draw_vertices(axis)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, fontsize="small")


def _draw_vertices(axis: Axes) -> None:
    box = {"boxstyle": "circle,pad=0.45", "fc": "white", "ec": "#222222"}
    for name in VERTICES:
        x, y = _place_of(name)
        axis.text(x, y, name, ha="center", va="center", fontweight="bold", bbox=box)
    axis.set(xlim=(-1.35, 1.35), ylim=(-1.25, 1.25), aspect="equal")
    axis.set_axis_off()


def _place_of(vertex: str) -> tuple[float, float]:
    """Return where a vertex stands on the circle, clockwise from the upper left."""
    angle = math.pi * (2 - VERTICES.index(vertex)) / 3
    return math.cos(angle), math.sin(angle)


def _draw_stack(axis: Axes, shares: pd.DataFrame, panel: str, length: int) -> None:
    named = SNPS if panel == "3D" else DELETIONS
    colors = dict(zip((*named, OTHER), (*PALETTE[: len(named)], OTHER_COLOR), strict=True))
    places = [*map(str, range(1, length + 1)), ALL_PLACES]
    kinds = shares["variant"].where(shares["variant"].isin(named), OTHER)
    heights = shares.groupby([kinds, shares["place"].astype(str)])["percent"].sum()
    below = np.zeros(len(places))
    for variant, color in colors.items():
        values = np.array([heights.get((variant, place), 0.0) for place in places])
        if variant != OTHER or values.any():
            axis.bar(places, values, bottom=below, width=0.75, color=color, label=variant)
            below += values
    tokens = int(shares["tokens_in_panel"].iloc[0]) if len(shares) else 0
    axis.set(xlabel=f"position in the token ({tokens:,} tokens)", ylabel="%", ylim=(0, 100))
    if tokens:
        axis.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    else:
        axis.text(0.5, 0.5, "no such token", ha="center", transform=axis.transAxes)
