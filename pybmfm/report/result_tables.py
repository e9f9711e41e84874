"""Table 2 and Table 3 for people: rows are tasks, columns models."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

from pybmfm.report.content import Markup, red, table
from pybmfm.report.model_names import in_order
from pybmfm.report.result_sentences import best_model

if TYPE_CHECKING:
    import pandas as pd

# Shown beside the main metric: published tables head their rows with one or the other.
ALWAYS_SHOWN = ("f1", "f1_macro", "mcc")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font-family: sans-serif; margin: 2em; color: #222 }}
table {{ border-collapse: collapse; font-size: 90% }}
th, td {{ border: 1px solid #ccc; padding: 0.3em 0.6em; text-align: left; vertical-align: top }}
th {{ background: #f3f3f3 }}
small {{ color: #555; white-space: nowrap }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""


def wide_table(table2: pd.DataFrame, key: str = "task") -> str:
    """Rows are tasks and metrics (main, F1, MCC), columns models; the best mean is bold.

    Parameters
    ----------
    table2
        Rows of Table 2, or of Table 3 with ``key`` the column that tells its tasks apart.
    """
    models = in_order(table2["model"])
    rows = []
    for task, cells in table2.groupby(key, sort=True):
        for metric in shown_metrics(cells):
            of_metric = cells[cells["metric"] == metric]
            by_model = {row.model: row for row in of_metric.itertuples()}
            absent = {row.model: row for row in cells[cells["seeds"] == 0].itertuples()}
            best = best_model(of_metric)
            shown = [
                cell_markup(by_model.get(model) or absent.get(model), model == best)
                for model in models
            ]
            rows.append((str(task), metric, *shown, _published(of_metric)))
    return table((key, "metric", *models, "published x100, not like for like"), rows)


def cell_markup(row: Any, bold: bool = False) -> Markup:
    """Mean over seeds above its 95 % interval; what is missing in words."""
    if row is None:
        return Markup("missing")
    if row.seeds == 0:
        return red(str(getattr(row, "note", "")) or "missing")
    if math.isnan(row.mean):
        return Markup("not defined")
    seeds = f"{row.seeds} seed{'s' if row.seeds > 1 else ''}"
    interval = (
        "interval not defined"
        if math.isnan(row.low) or math.isnan(row.high)
        else f"{row.low:.3f} to {row.high:.3f}"
    )
    mean = f"<strong>{row.mean:.3f}</strong>" if bold else f"{row.mean:.3f}"
    note = str(getattr(row, "note", ""))
    more = f"<br/><small>{html.escape(note)}</small>" if note else ""
    return Markup(f"{mean}<br/><small>{interval}; {seeds}</small>{more}")


def page(title: str, body: str) -> str:
    """Return a page of its own, readable without anything else."""
    return PAGE.format(title=html.escape(title), body=body)


def shown_metrics(cells: pd.DataFrame) -> list[str]:
    """Return the metrics of a task that its table shows: the main one, and F1 and MCC."""
    present = list(dict.fromkeys(cells.loc[cells["seeds"] > 0, "metric"]))
    if not present:
        return [str(cells["metric"].iloc[0])]
    return [name for place, name in enumerate(present) if place == 0 or name in ALWAYS_SHOWN]


def _published(cells: pd.DataFrame) -> Markup:
    lines = [html.escape(text) for text in dict.fromkeys(cells["published"]) if text]
    return Markup("<br/>".join(f"<small>{line}</small>" for line in lines))
