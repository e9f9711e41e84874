"""The task table format, and one module per public benchmark."""

from pybmfm.tasks.gue import GueSettings, build_gue
from pybmfm.tasks.kinds import DEFAULT_METRIC, METRICS, TARGET_COLUMN, check_kind, check_metric
from pybmfm.tasks.letters import ALPHABETS, clean_sequences
from pybmfm.tasks.mpra import MpraSettings, build_mpra
from pybmfm.tasks.promoter_variants import PromoterVariantSettings, build_promoter_variants
from pybmfm.tasks.sheet import TaskEntry, read_task_sheet, task_of_table, write_task_sheet
from pybmfm.tasks.table import TaskTable, read_task_splits, read_task_table, sample_rows

__all__ = [
    "ALPHABETS",
    "DEFAULT_METRIC",
    "METRICS",
    "TARGET_COLUMN",
    "GueSettings",
    "MpraSettings",
    "PromoterVariantSettings",
    "TaskEntry",
    "TaskTable",
    "build_gue",
    "build_mpra",
    "build_promoter_variants",
    "check_kind",
    "check_metric",
    "clean_sequences",
    "read_task_sheet",
    "read_task_splits",
    "read_task_table",
    "sample_rows",
    "task_of_table",
    "write_task_sheet",
]
