"""Metrics, intervals, result folders and the tables made of them."""

from pybmfm.evaluation.bootstrap import bootstrap_intervals
from pybmfm.evaluation.leakage import LeakageSettings, audit_leakage
from pybmfm.evaluation.metrics import compute_metrics
from pybmfm.evaluation.published import published_figure
from pybmfm.evaluation.results import Result, load_result, save_result
from pybmfm.evaluation.tables import main_rows, result_tables

__all__ = [
    "LeakageSettings",
    "Result",
    "audit_leakage",
    "bootstrap_intervals",
    "compute_metrics",
    "load_result",
    "main_rows",
    "published_figure",
    "result_tables",
    "save_result",
]
