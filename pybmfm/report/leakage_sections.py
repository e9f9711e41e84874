"""Sections on what splits share with each other, and tasks with pretraining."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pybmfm.core import read_table
from pybmfm.report.collect import Artefact, Collection, as_written
from pybmfm.report.content import Section, bullets, number, paragraph, red, table

CORPORA, TASKS = "pybmfm_corpora", "pybmfm_finetuning"
ARTEFACT = "leakage-audit"
LEAKAGE_FILE = "leakage.tsv"
DUPLICATE_COLUMNS = {
    "exact_duplicates": "sequences in both",
    "reverse_complement_duplicates": "as reverse complement",
}
KMER_COLUMNS = {
    "shared_32mers": "32-mers in both",
    "shared_32mers_repeated": "of these at several places",
}
CORPUS_COLUMNS = {
    "shared_bp": "bp in both",
    "rows_sharing_bp": "windows of b that share bp",
    **DUPLICATE_COLUMNS,
    **KMER_COLUMNS,
}
TASK_COLUMNS = {
    **DUPLICATE_COLUMNS,
    "rows_with_a_duplicate": "rows of b that are in a",
    "near_duplicate_rows": "rows of b with 80 % of their 32-mers in a",
    **KMER_COLUMNS,
}
# Shared 32-mers are repeats of the genome more often than leaks: shown, never in red.
LEAKS = {
    "shared_bp",
    "rows_sharing_bp",
    "rows_with_a_duplicate",
    "near_duplicate_rows",
    *DUPLICATE_COLUMNS,
}


@dataclass(frozen=True)
class Measure:
    """A count and its share of all there are in split b; None where not measured."""

    value: int | None
    share: float | None
    note: str

    def cell(self, leak: bool) -> str:
        """Write it for the table, in red where it is a leak."""
        if self.value is None:
            return f"not measured: {self.note}"
        share = f" ({100 * self.share:.1f} %)" if self.share and self.value else ""
        text = f"{number(self.value)}{share}"
        return red(text) if leak and self.value else text


@dataclass(frozen=True)
class Compared:
    """Two splits of one corpus or task, and all that was measured between them."""

    what: str
    split_a: str
    split_b: str
    measures: dict[str, Measure] = field(default_factory=dict)

    def count(self, quantity: str) -> int:
        """Return a count, 0 where it was not measured."""
        measure = self.measures.get(quantity)
        return (measure.value or 0) if measure else 0

    def row(self, columns: Mapping[str, str]) -> list[str]:
        """Cells of the table, in the order of ``columns``."""
        cells = [
            self.measures[quantity].cell(quantity in LEAKS) if quantity in self.measures else ""
            for quantity in columns
        ]
        return [self.what, self.split_a, self.split_b, *cells, self.sampling]

    @property
    def sampling(self) -> str:
        """How 32-mers were sampled, empty where all were compared."""
        measure = self.measures.get("shared_32mers")
        return measure.note if measure and measure.value is not None else ""


def leakage_sections(found: Collection) -> Iterator[Section]:
    """Splits of corpora, splits of tasks, and tasks against pretraining; leaks in red."""
    audits = found.of(ARTEFACT)
    if not audits:
        missing = "Missing: no leakage audit is among the results."
        yield Section(CORPORA, "Leakage between splits", missing, paragraph("Nothing to show."))
        return
    for audit in audits:
        with as_written(audit):
            compared = _read(audit)
        genomes = [*compared.get("windows", []), *compared.get("corpus", [])]
        if genomes:
            yield _corpus_section(genomes)
        if tasks := compared.get("task"):
            yield _task_section(tasks)
        if overlaps := compared.get("overlap"):
            yield _overlap_section(overlaps)


def _corpus_section(compared: list[Compared]) -> Section:
    return Section(
        CORPORA,
        "Leakage between splits",
        "What split b shares with split a: base pairs by coordinates, whole windows, and "
        "32-mers on either strand. 32-mers are also shared through repeats of the genome, "
        "which is no leak.",
        bullets([_corpus_sentence(what, pairs) for what, pairs in _by_what(compared).items()])
        + _table(compared, CORPUS_COLUMNS),
    )


def _task_section(compared: list[Compared]) -> Section:
    return Section(
        TASKS,
        "Leakage between splits of tasks",
        "Sequences that are in two splits of a task as published: a model may have learned "
        "them by heart. Ids of the repeated rows are in duplicates.tsv of the audit.",
        bullets([_task_sentence(what, pairs) for what, pairs in _by_what(compared).items()])
        + _table(compared, TASK_COLUMNS),
    )


def _overlap_section(compared: list[Compared]) -> Section:
    rows = [
        (
            one.what,
            one.split_a,
            one.split_b,
            measure.cell(leak=False),
            "" if measure.value is None else measure.note,
        )
        for one in compared
        for measure in one.measures.values()
    ]
    columns = ("task", "pretrained on", "split", "rows seen", "note")
    return Section(
        TASKS,
        "Task sequences seen in pretraining",
        "Rows that share at least half of their 32-mers with windows of the training split of "
        "a corpus. Pretraining sees no labels, but it has seen these sequences.",
        table(columns, rows),
    )


def _corpus_sentence(what: str, compared: list[Compared]) -> str:
    leaking = [one for one in compared if one.count("shared_bp")]
    if not leaking:
        if not any("shared_bp" in one.measures for one in compared):
            return f"{what}: fewer than two splits hold windows."
        return f"{what}: no base pair is shared between splits."
    shares = [
        f"{100 * (one.measures['rows_sharing_bp'].share or 0):.1f} % of {one.split_b} windows "
        f"share base pairs with {one.split_a}"
        for one in leaking
    ]
    return red(f"{what}: {', '.join(shares)}; test figures are too good.")


def _task_sentence(what: str, compared: list[Compared]) -> str:
    leaking = [one for one in compared if one.count("rows_with_a_duplicate")]
    if not leaking:
        return f"{what}: no sequence is in two splits."
    shares = [
        f"{number(one.count('rows_with_a_duplicate'))} {one.split_b} rows are in {one.split_a}"
        for one in leaking
    ]
    return red(f"{what}: {', '.join(shares)}.")


def _table(compared: Iterable[Compared], columns: Mapping[str, str]) -> str:
    rows = [one.row(columns) for one in compared]
    return table(("name", "split a", "split b", *columns.values(), "note"), rows)


def _by_what(compared: Iterable[Compared]) -> dict[str, list[Compared]]:
    groups: dict[str, list[Compared]] = {}
    for one in compared:
        groups.setdefault(one.what, []).append(one)
    return groups


def _read(audit: Artefact) -> dict[str, list[Compared]]:
    """What was compared, by kind, in the order of the table."""
    modes = audit.manifest.get("modes", {})
    kinds: dict[str, dict[tuple[str, str, str], Compared]] = {}
    for row in read_table(audit.folder / LEAKAGE_FILE).to_dict("records"):
        cells = {str(name): str(value) for name, value in row.items()}
        mode = modes.get(cells["what"]) if cells["kind"] == "windows" else ""
        what = f"{cells['what']} ({mode})" if mode else cells["what"]
        key = (what, cells["split_a"], cells["split_b"])
        pair = kinds.setdefault(cells["kind"], {}).setdefault(key, Compared(*key))
        pair.measures[cells["quantity"]] = Measure(
            int(cells["value"]) if cells["value"] else None,
            float(cells["share"]) if cells["share"] else None,
            cells["note"],
        )
    return {kind: list(pairs.values()) for kind, pairs in kinds.items()}
