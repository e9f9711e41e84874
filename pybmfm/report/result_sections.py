"""Sections on the results: Tables 2 and 3, comparisons, few-shot curves, what is missing."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pybmfm.evaluation import Tables, is_variant_set, main_rows, read_metrics
from pybmfm.report.collect import Collection, as_written
from pybmfm.report.content import Section, bullets, picture, reasons, red, table
from pybmfm.report.figures import draw_differences, draw_few_shot, draw_finetuning
from pybmfm.report.model_names import in_order, model_of_role
from pybmfm.report.result_sentences import find_pair, missing_sentences, result_sentences
from pybmfm.report.result_tables import wide_table

GROUP = "pybmfm_finetuning"
COMPARED = ("task", "metric", "model_a", "model_b", "difference", "low", "high", "p", "p_holm")


@dataclass(frozen=True)
class ResultData:
    """Everything that the sections show.

    Attributes
    ----------
    tables
        Table 2, comparisons, external scores, missing cells.
    table3, few_shot
        Made of them and of few-shot results; empty where there are none.
    audited
        Whether a leakage audit of the tasks is among the results.
    controls
        Control experiments and whether they came out as expected; empty where there are none.
    """

    tables: Tables
    table3: pd.DataFrame
    few_shot: pd.DataFrame
    audited: bool
    controls: pd.DataFrame

    @property
    def main(self) -> pd.DataFrame:
        """The main metric of each task and model, models in order."""
        main = main_rows(self.tables.table2)
        order = in_order(main["model"])
        ranked = main.assign(rank=main["model"].map(order.index))
        return ranked.sort_values(["task", "rank"], ignore_index=True)

    @property
    def main_comparisons(self) -> pd.DataFrame:
        """Comparisons of each task's main metric."""
        mains = self.main.drop_duplicates("task")[["task", "metric"]]
        return self.tables.comparisons.merge(mains, on=["task", "metric"])


def result_sections(found: Collection, data: ResultData, figures: Path) -> Iterator[Section]:
    """All sections of results in order; figures are drawn into ``figures``."""
    if data.tables.table2.empty:
        yield Section(
            GROUP, "Results", "Missing: no fine-tuned model or baseline is among the results."
        )
        return
    yield from _table_2(data)
    yield from _missing(data.tables.missing)
    yield from _picture(data, figures)
    yield from _comparisons(data, figures)
    yield from _table_3(data.table3)
    yield from _few_shot(data.few_shot, figures)
    yield from _without_repeated(data)
    yield from _external(data.tables.external)
    yield from _all_metrics(data.tables.table2)
    yield Section(
        GROUP,
        "Budgets",
        "Rows trained on, parameters and time; differing budgets are no fair comparison.",
        table(
            ("task", "model", "seed", "training rows", "parameters", "seconds", "counts"),
            list(_budget_rows(found)),
        ),
    )


def _table_2(data: ResultData) -> Iterator[Section]:
    table2 = data.tables.table2
    plain = table2[~table2["task"].map(is_variant_set)]
    yield Section(
        GROUP,
        "Table 2: task x model",
        "The main metric of each task on its test rows, F1 and MCC beside it: mean over seeds "
        "(the best in bold), 95 % interval of a bootstrap over groups and seeds, and the number "
        "of seeds. Published figures are the paper's, on other data, splits and budgets.",
        wide_table(plain if len(plain) else table2)
        + bullets(list(result_sentences(data.main, data.main_comparisons))),
    )


def _missing(missing: pd.DataFrame) -> Iterator[Section]:
    if len(missing):
        yield Section(
            GROUP,
            "Missing cells",
            "These cells were asked for and have no result: they failed, and the run's log says "
            "why. The others are not affected.",
            bullets([red(sentence) for sentence in missing_sentences(missing)]),
        )


def _picture(data: ResultData, figures: Path) -> Iterator[Section]:
    draw_finetuning(figures, data.main[data.main["seeds"] > 0])
    yield Section(
        GROUP,
        "Picture",
        "The main metrics as bars with 95 % intervals.",
        picture(figures / "finetuning.png", "main metric of every model on every task"),
    )


def _comparisons(data: ResultData, figures: Path) -> Iterator[Section]:
    compared = data.main_comparisons
    if compared.empty:
        return
    subject = model_of_role(data.main["model"], "snp") or in_order(data.main["model"])[-1]
    differences = differences_of(subject, compared)
    if differences.empty:
        return
    draw_differences(figures, subject, differences)
    yield Section(
        GROUP,
        f"Is {subject} better?",
        f"Difference of the main metric, {subject} minus each other model, on the same test rows: "
        "95 % interval of the paired bootstrap; filled where it stands after Holm's correction "
        "over all pairs of models of the task. comparisons.tsv has every pair and metric.",
        picture(figures / "differences.png", f"differences between {subject} and other models"),
    )
    rows = [_compared_cells(row) for row in compared.to_dict("records")]
    yield Section(
        GROUP,
        "All pairs of models",
        "Model A minus model B in the task's main metric, with p-values as they are and corrected.",
        table(COMPARED, rows),
    )


def _compared_cells(row: Mapping[Hashable, Any]) -> tuple[object, ...]:
    """Cells of a row; without a p-value its cell says why."""
    cells = {**row, "p": row["note"], "p_holm": ""} if row["note"] else row
    return tuple(cells[name] for name in COMPARED)


def differences_of(subject: str, comparisons: pd.DataFrame) -> pd.DataFrame:
    """Comparisons of one model with each other one, as the subject minus the other."""
    rows = []
    for task, pairs in comparisons.groupby("task", sort=True):
        others = in_order([*pairs["model_a"], *pairs["model_b"]])
        for other in others:
            row = find_pair(pairs, subject, other) if other != subject else None
            if row is not None and not math.isnan(row["low"]):
                rows.append({**row, "task": str(task), "other": other})
    return pd.DataFrame(rows)


def _table_3(table3: pd.DataFrame) -> Iterator[Section]:
    for base, rows in table3.groupby("base", sort=True):
        yield Section(
            GROUP,
            f"Table 3: {base} with variants",
            "The sequences as they are, and with variants in both classes in four ways. In class 2 "
            "the symbols give the classes away; class 4 can only be told by where variants stand. "
            "Published: the paper's F1 on promoters, other data and budget.",
            wide_table(rows, "sequences"),
        )


def _few_shot(few_shot: pd.DataFrame, figures: Path) -> Iterator[Section]:
    if few_shot.empty:
        return
    draw_few_shot(figures, few_shot)
    rows = [tuple(row) for row in few_shot.itertuples(index=False)]
    yield Section(
        GROUP,
        "Few-shot curves",
        "Main metric on the same test rows against the number of training rows, mean over seeds "
        "with 95 % intervals; these results are not part of Table 2, whose point ends each curve.",
        picture(figures / "few_shot.png", "main metric against training rows")
        + table([str(column) for column in few_shot.columns], rows),
    )


def _without_repeated(data: ResultData) -> Iterator[Section]:
    name = "Without test rows that training has"
    if not data.audited:
        yield Section(GROUP, name, "Missing: no leakage audit of the tasks is among the results.")
        return
    main = data.main[data.main["seeds"] > 0]
    counted = main[main["repeated_rows"].fillna(0) > 0]
    columns = (
        "task", "model", "metric", "repeated_rows", "rows", "mean",
        "mean_without", "low_without", "high_without",
    )  # fmt: skip
    rows = list(counted[list(columns)].itertuples(index=False, name=None))
    yield Section(
        GROUP,
        name,
        "Test rows whose sequence is in training too, on either strand, or at least 80 % of whose "
        "32-mers are, and the main metric with and without them.",
        table(
            [name.replace("_", " ") for name in columns],
            rows,
            "No test row of an audited task is repeated in training.",
        ),
    )


def _external(external: pd.DataFrame) -> Iterator[Section]:
    if external.empty:
        return
    for (task, scores), rows in external.groupby(["task", "scores"], sort=True):
        covered, whole = int(rows["rows"].iloc[0]), int(rows["of_rows"].iloc[0])
        columns = ("model", "metric", "seeds", "mean", "low", "high")
        yield Section(
            GROUP,
            f"{scores} on {task}",
            f"{scores} covers {covered:,} of {whole:,} test rows; every model on these rows only.",
            table(columns, list(rows[list(columns)].itertuples(index=False, name=None))),
        )


def _all_metrics(table2: pd.DataFrame) -> Iterator[Section]:
    shown = table2.drop(columns=["mean_without", "low_without", "high_without"])
    columns = [str(column) for column in shown.columns]
    rows = [[_or_empty(value) for value in row] for row in shown.itertuples(index=False)]
    yield Section(
        GROUP,
        "All metrics",
        "Every metric, as in table2.tsv; published figures are the paper's and not like for like "
        "in data and budget.",
        table(columns, rows),
    )


def _budget_rows(found: Collection) -> Iterator[tuple[object, ...]]:
    rows = []
    for one in found.of("result"):
        metrics = read_metrics(one.folder)
        with as_written(one):
            shortened = _shortened(one.manifest.get("counts") or {})
        rows.append(
            (
                metrics.get("task"),
                metrics.get("model"),
                metrics.get("seed"),
                metrics.get("train_rows"),
                metrics.get("parameters"),
                metrics.get("seconds"),
                shortened,
            )
        )
    yield from sorted(rows, key=str)


def _shortened(counts: Mapping[str, Any]) -> str:
    """Say how many sequences were cut or dropped, where a manifest counts them."""
    parts = []
    for split, one in counts.items():
        if not isinstance(one, dict):
            continue
        for key, value in one.items():
            if any(word in key for word in ("truncated", "cut", "shortened")) and value:
                parts.append(f"{split}: {value:,} {key.replace('_', ' ')}")
            if key == "dropped" and value:
                parts.append(f"{split}: dropped {reasons(value)}")
    return "; ".join(parts) or "nothing cut or dropped"


def _or_empty(value: Any) -> object:
    return "" if pd.isna(value) else value
