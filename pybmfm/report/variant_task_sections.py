"""Sections on variant-encoded tasks: what tells their classes apart besides biology."""

from __future__ import annotations

from collections.abc import Iterator

from pybmfm.report.collect import Artefact, Collection
from pybmfm.report.content import Section, bullets, number, percent, picture, reasons, table

GROUP = "pybmfm_finetuning"
PUBLISHED_SYMBOLS = "20.66 %"
PUBLISHED_PLACED = "all positives and 93 % of the negatives"
COLUMNS = {
    "task": "task",
    "label": "label",
    "rows": "rows",
    "encoded_per_row": "encoded positions per row",
    "encoded_per_kb": "per kb",
    "rows_without": "rows without any",
    "pair_symbols": "pair symbols used",
}


def variant_task_sections(found: Collection) -> Iterator[Section]:
    """One section for each task that was encoded with variants."""
    for artefact in found.of("tasks"):
        if "variants" in artefact.manifest:
            yield _section(artefact)


def _section(artefact: Artefact) -> Section:
    statistics = artefact.manifest["variants"]
    rows = [[one[key] for key in COLUMNS] for one in statistics["density"]]
    figure = artefact.folder / "statistics" / "classes.png"
    drawn = picture(figure, "encoded positions and symbols per class") if figure.is_file() else ""
    return Section(
        GROUP,
        f"Variant-encoded classes: {artefact.manifest['settings']['task']}",
        "How many positions of each class are encoded, and with which symbols. Where the two "
        "labels of a task differ here, a model need know nothing of biology to tell them apart.",
        bullets(_sentences(artefact)) + table(tuple(COLUMNS.values()), rows) + drawn,
    )


def _sentences(artefact: Artefact) -> list[str]:
    statistics = artefact.manifest["variants"]
    used, symbols = statistics["symbols_used"], statistics["symbols"]
    sentences = [
        f"Label {label}: {number(one['placed'])} of {number(one['rows'])} rows "
        f"({percent(one['placed'], one['rows'])} %) have a locus; others: "
        f"{reasons(one['dropped'])}."
        for label, one in statistics["placed"].items()
    ]
    sentences.append(f"Published: {PUBLISHED_PLACED} align.")
    sentences.append(
        f"The positives use {used} of {symbols} pair symbols ({percent(used, symbols)} %; "
        f"published {PUBLISHED_SYMBOLS})."
    )
    left_out = artefact.manifest.get("left_out", {})
    return sentences + [f"{name} is left out: {why}." for name, why in left_out.items()]
