"""Results joined into tables, figures and one report."""

from pybmfm.report.collect import Artefact, Collection, collect
from pybmfm.report.content import GROUPS
from pybmfm.report.summarize import SummarizeSettings, summarize

__all__ = ["GROUPS", "Artefact", "Collection", "SummarizeSettings", "collect", "summarize"]
