"""Results joined into tables, figures and the content of one report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from pybmfm.core import output_directory, write_manifest, write_table
from pybmfm.evaluation import (
    TableSettings,
    build_tables,
    few_shot_curves,
    judge_controls,
    read_expected,
    read_external_scores,
    read_repeated_ids,
    table_3,
)
from pybmfm.report.collect import REPORT, Collection, collect
from pybmfm.report.content import Section, write_sections
from pybmfm.report.control_sections import control_sections
from pybmfm.report.data_sections import (
    corpus_sections,
    input_sections,
    task_sections,
    window_sections,
)
from pybmfm.report.leakage_sections import leakage_sections
from pybmfm.report.model_sections import (
    pretraining_sections,
    score_sections,
    version_sections,
)
from pybmfm.report.result_sections import ResultData, result_sections
from pybmfm.report.result_tables import page, wide_table
from pybmfm.report.tokenizer_sections import tokenizer_sections
from pybmfm.report.variant_sections import variant_sections
from pybmfm.report.variant_task_sections import variant_task_sections

log = logging.getLogger("pybmfm")


@dataclass(frozen=True)
class SummarizeSettings:
    """Settings of ``summarize``.

    Attributes
    ----------
    results
        Folders, searched to any depth, or files.
    out
        Folder: ``table2.tsv`` and the other tables, ``figures/``, ``multiqc/``.
    few_shot
        Folders of results with few training rows, for curves; not part of Table 2.
    expected
        Table of the cells that should be there; absent ones are said to be missing.
    external_scores
        Names and tables of other tools' scores.
    seed
        Seed of the bootstrap.
    threads
        Never changes the result.
    """

    results: tuple[Path, ...]
    out: Path
    few_shot: tuple[Path, ...] = ()
    expected: Path | None = None
    external_scores: tuple[tuple[str, Path], ...] = ()
    seed: int = 0
    threads: int = 1


def summarize(settings: SummarizeSettings) -> None:
    """Write tables (TSV), figures (PNG and SVG) and MultiQC custom content.

    Raises
    ------
    UserError
        If nothing of ours is found, or results do not fit together.
    """
    few = collect(settings.few_shot).of("result") if settings.few_shot else []
    apart = [one.folder for one in few]
    found = collect(settings.results, skip=[settings.out, *apart])
    data = _data(settings, found, apart)
    with output_directory(settings.out) as folder:
        _write_tables(folder, data)
        figures = folder / "figures"
        figures.mkdir()
        write_sections(report_sections(found, data, figures), folder / "multiqc")
        counts = {kind: len(artefacts) for kind, artefacts in sorted(found.artefacts.items())}
        counts |= {"scored-vcf": len(found.scored), "embeddings": len(found.embeddings)}
        counts |= {"few-shot-result": len(few), "missing-cell": len(data.tables.missing)}
        write_manifest(
            folder, artefact=REPORT, settings={"seed": settings.seed}, inputs=(), counts=counts
        )
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    log.info("%s joined into %s", listed, settings.out)


def _data(settings: SummarizeSettings, found: Collection, few_shot: list[Path]) -> ResultData:
    """Make every table of the results."""
    repeated = read_repeated_ids(one.folder for one in found.of("leakage-audit"))
    results = [one.folder for one in found.of("result")]
    tables = build_tables(
        results,
        TableSettings(
            seed=settings.seed,
            threads=settings.threads,
            repeated=repeated,
            expected=read_expected(settings.expected) if settings.expected else (),
            external=[read_external_scores(name, path) for name, path in settings.external_scores],
        ),
    )
    declared = [one for tasks in found.of("tasks") for one in tasks.manifest.get("controls", [])]
    return ResultData(
        tables,
        table_3(tables.table2),
        few_shot_curves(few_shot, tables.table2, settings.seed),
        audited=bool(repeated),
        controls=judge_controls(declared, results, repeated, settings.seed),
    )


def _write_tables(folder: Path, data: ResultData) -> None:
    """Write the tables as TSV, and Table 2 as a page of its own; empty extras are left out."""
    write_table(data.tables.table2, folder / "table2.tsv")
    write_table(data.tables.comparisons, folder / "comparisons.tsv")
    extras = {
        "table3": data.table3,
        "few_shot": data.few_shot,
        "external_scores": data.tables.external,
        "missing": data.tables.missing,
        "controls": data.controls,
    }
    for name, frame in extras.items():
        if len(frame):
            write_table(frame, folder / f"{name}.tsv")
    body = wide_table(data.tables.table2) if len(data.tables.table2) else "<p>No results.</p>"
    (folder / "table2.html").write_text(page("Table 2: task x model", body))


def report_sections(found: Collection, data: ResultData, figures: Path) -> list[Section]:
    """All sections in the order of the data flow; figures are drawn into ``figures``."""
    return [
        *control_sections(data.controls),
        *input_sections(found),
        *variant_sections(found, figures),
        *window_sections(found),
        *tokenizer_sections(found, figures),
        *corpus_sections(found),
        *pretraining_sections(found, figures),
        *task_sections(found),
        *variant_task_sections(found),
        *leakage_sections(found),
        *result_sections(found, data, figures),
        *score_sections(found, figures),
        *version_sections(found),
    ]
