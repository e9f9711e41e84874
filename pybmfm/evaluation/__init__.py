"""Metrics, intervals, result folders and the tables made of them."""

from pybmfm.evaluation.bootstrap import bootstrap_intervals
from pybmfm.evaluation.cells import read_expected
from pybmfm.evaluation.controls import judge_controls
from pybmfm.evaluation.external import read_external_scores
from pybmfm.evaluation.few_shot import few_shot_curves
from pybmfm.evaluation.leakage import LeakageSettings, audit_leakage
from pybmfm.evaluation.metrics import compute_metrics
from pybmfm.evaluation.orientations import average_orientations
from pybmfm.evaluation.published import published_figure
from pybmfm.evaluation.repeated import read_repeated_ids
from pybmfm.evaluation.results import (
    Result,
    load_result,
    main_metric_text,
    read_metrics,
    save_result,
)
from pybmfm.evaluation.table3 import is_variant_set, table_3
from pybmfm.evaluation.tables import Tables, TableSettings, build_tables, main_rows

__all__ = [
    "LeakageSettings",
    "Result",
    "TableSettings",
    "Tables",
    "audit_leakage",
    "average_orientations",
    "bootstrap_intervals",
    "build_tables",
    "compute_metrics",
    "few_shot_curves",
    "is_variant_set",
    "judge_controls",
    "load_result",
    "main_metric_text",
    "main_rows",
    "published_figure",
    "read_expected",
    "read_external_scores",
    "read_metrics",
    "read_repeated_ids",
    "save_result",
    "table_3",
]
