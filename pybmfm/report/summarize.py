"""Results joined into tables, figures and the content of one report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pybmfm.core import output_directory, write_manifest, write_table
from pybmfm.report.collect import REPORT, Collection, collect
from pybmfm.report.content import Section, write_sections
from pybmfm.report.data_sections import (
    corpus_sections,
    input_sections,
    task_sections,
    window_sections,
)
from pybmfm.report.leakage_sections import leakage_sections
from pybmfm.report.model_sections import (
    finetuning_sections,
    pretraining_sections,
    score_sections,
    version_sections,
)
from pybmfm.report.tokenizer_sections import tokenizer_sections
from pybmfm.report.variant_sections import variant_sections

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pybmfm")


@dataclass(frozen=True)
class SummarizeSettings:
    """Settings of ``summarize``.

    Attributes
    ----------
    results
        Folders, searched to any depth, or files.
    out
        Folder: ``table2.tsv``, ``figures/``, ``multiqc/``.
    seed
        Seed of the bootstrap.
    """

    results: tuple[Path, ...]
    out: Path
    seed: int = 0


def summarize(settings: SummarizeSettings) -> None:
    """Write ``table2.tsv``, figures (PNG and SVG) and MultiQC custom content.

    Raises
    ------
    UserError
        If nothing of ours is found, or results do not fit together.
    """
    from pybmfm.evaluation import main_rows, result_tables

    found = collect(settings.results, skip=settings.out)
    with output_directory(settings.out) as folder:
        long = result_tables([one.folder for one in found.of("result")], settings.seed)
        write_table(long, folder / "table2.tsv")
        figures = folder / "figures"
        figures.mkdir()
        sections = report_sections(found, long, main_rows(long), figures)
        write_sections(sections, folder / "multiqc")
        counts = {kind: len(artefacts) for kind, artefacts in sorted(found.artefacts.items())}
        counts |= {"scored-vcf": len(found.scored), "embeddings": len(found.embeddings)}
        write_manifest(
            folder, artefact=REPORT, settings={"seed": settings.seed}, inputs=(), counts=counts
        )
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    log.info("%s joined into %s", listed, settings.out)


def report_sections(
    found: Collection, long: pd.DataFrame, main: pd.DataFrame, figures: Path
) -> list[Section]:
    """All sections in the order of the data flow; figures are drawn into ``figures``."""
    return [
        *input_sections(found),
        *variant_sections(found, figures),
        *window_sections(found),
        *tokenizer_sections(found, figures),
        *corpus_sections(found),
        *pretraining_sections(found, figures),
        *task_sections(found),
        *leakage_sections(found),
        *finetuning_sections(found, long, main, figures),
        *score_sections(found, figures),
        *version_sections(found),
    ]
