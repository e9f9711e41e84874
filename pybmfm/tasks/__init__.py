"""The task table format, and one module per public benchmark."""

from pybmfm.tasks.annotated_windows import AnnotationSettings
from pybmfm.tasks.binding_sites import BindingSettings, build_binding_sites
from pybmfm.tasks.gue import GueSettings, build_gue
from pybmfm.tasks.kinds import DEFAULT_METRIC, METRICS, TARGET_COLUMN, check_kind, check_metric
from pybmfm.tasks.letters import ALPHABETS, clean_sequences
from pybmfm.tasks.mpra import MpraSettings, build_mpra
from pybmfm.tasks.promoter_variants import PromoterVariantSettings, build_promoter_variants
from pybmfm.tasks.promoters import PromoterSettings, build_promoters
from pybmfm.tasks.sheet import TaskEntry, read_task_sheet, task_of_table, write_task_sheet
from pybmfm.tasks.splice_sites import SpliceSettings, build_splice_sites
from pybmfm.tasks.table import TaskTable, read_task_splits, read_task_table, sample_rows

__all__ = [
    "ALPHABETS",
    "DEFAULT_METRIC",
    "METRICS",
    "TARGET_COLUMN",
    "AnnotationSettings",
    "BindingSettings",
    "GueSettings",
    "MpraSettings",
    "PromoterSettings",
    "PromoterVariantSettings",
    "SpliceSettings",
    "TaskEntry",
    "TaskTable",
    "build_binding_sites",
    "build_gue",
    "build_mpra",
    "build_promoter_variants",
    "build_promoters",
    "build_splice_sites",
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
