"""Write the results page from the tables of a run; no figure in it is typed by hand.

    python benchmarks/render_results.py --summary results/summary \
        --parameters results/pipeline_info/parameters.json --wall wall_seconds.tsv \
        --command 'benchmarks/real_results.sh DATA OUT' --out docs/results.md
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pybmfm.evaluation import is_variant_set, main_rows
from pybmfm.report.model_names import in_order
from pybmfm.report.result_sentences import best_model, missing_sentences, result_sentences
from pybmfm.report.result_tables import shown_metrics
from pybmfm.tasks.kinds import LOWER_IS_BETTER

SHOWN = (
    "preset", "vocab_size", "steps", "learning_rate", "passes", "max_train_rows", "epochs",
    "finetune_options", "finetune_learning_rate", "seeds", "baselines",
)  # fmt: skip

LANGUAGE = ("ref", "snp")

WINDOWS = (
    "The windows are no promoters: a positive has more CpG than the median window, so that counts "
    "of k-mers answer the task that is not encoded without a mistake, by construction. In class 4 "
    "all rows are positives, half of them with their variants moved: nothing but the places of the "
    "variants tells them apart."
)


def main() -> None:
    """Render the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--summary", type=Path, required=True)
    parser.add_argument("--parameters", type=Path)
    parser.add_argument("--wall", type=Path, help="date and seconds of each run, one a line")
    parser.add_argument("--command", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.write_text("\n".join(page(given)) + "\n")


def page(given: argparse.Namespace) -> Iterator[str]:
    """Lines of the page."""
    table2 = read(given.summary / "table2.tsv")
    comparisons = read(given.summary / "comparisons.tsv")
    yield from ("# Results on real data", "", "Made by", "", "```sh", given.command, "```", "")
    yield from about_the_run(given)
    yield (
        "Mean over seeds on the test rows and 95 % interval (bootstrap of groups, seeds resampled "
        "inside); the best mean of a row is bold. Published figures (x100) are of other data, "
        "splits and budgets."
    )
    yield from ("", "## Table 2", "")
    plain = table2[~table2["task"].map(is_variant_set)]
    yield from wide(plain, "task")
    yield ""
    yield from sentences(plain, comparisons)
    yield from ("", "## What pretraining is worth, and whether it beats counts", "")
    yield from worth(plain, comparisons)
    missing = given.summary / "missing.tsv"
    if missing.is_file():
        yield from ("", "## Missing", "")
        yield from (f"- {sentence}" for sentence in missing_sentences(read(missing)))
    if (given.summary / "table3.tsv").is_file():
        yield from ("", "## Table 3: windows of chr20 with variants in four ways", "", WINDOWS, "")
        yield from wide(read(given.summary / "table3.tsv"), "sequences")
        yield ""
        yield from sentences(table2[table2["task"].map(is_variant_set)], comparisons)
    yield from ("", "## Test rows that training has as well", "")
    yield from repeated(table2)
    yield from ("", "## Parameters and seconds of training (mean over tasks and seeds)", "")
    yield from budgets(table2)


def about_the_run(given: argparse.Namespace) -> Iterator[str]:
    """Settings and wall time."""
    if given.parameters and given.parameters.is_file():
        options = json.loads(given.parameters.read_text())
        shown = [f"{name} {listed(options[name])}" for name in SHOWN if options.get(name)]
        yield from (f"Settings: {'; '.join(shown)}.", "")
    if given.wall and given.wall.is_file():
        runs = [line.split("\t") for line in given.wall.read_text().splitlines()]
        minutes = [f"{int(seconds) / 60:.1f} min ({day})" for day, seconds in runs]
        yield from (f"Wall time of each (resumed) run: {', '.join(minutes)}.", "")


def wide(table: pd.DataFrame, key: str) -> Iterator[str]:
    """Rows are tasks and metrics (main, F1, MCC), columns models."""
    models = in_order(table["model"])
    yield from header([key, "metric", *models, "published"])
    for name, cells in table.groupby(key, sort=True):
        for metric in shown_metrics(cells):
            of_metric = cells[cells["metric"] == metric]
            rows, best = of_metric.set_index("model"), best_model(of_metric)
            shown = [
                cell(rows.loc[model], model == best) if model in rows.index else "missing"
                for model in models
            ]
            published = "<br>".join(dict.fromkeys(text for text in rows["published"] if text))
            yield row([str(name), metric, *shown, published])


def cell(values: Any, bold: bool) -> str:
    """Mean and interval of one model."""
    if values["seeds"] == 0:
        return "missing"
    if math.isnan(values["mean"]):
        return "not defined"
    mean = f"**{values['mean']:.3f}**" if bold else f"{values['mean']:.3f}"
    return f"{mean} [{values['low']:.3f}, {values['high']:.3f}]"


def sentences(table: pd.DataFrame, comparisons: pd.DataFrame) -> Iterator[str]:
    """Who wins, as the report says it."""
    if table.empty:
        return
    main = main_rows(table)
    mains = main.drop_duplicates("task")[["task", "metric"]]
    for sentence in result_sentences(main, comparisons.merge(mains, on=["task", "metric"])):
        yield f"- {sentence}"


def worth(table: pd.DataFrame, comparisons: pd.DataFrame) -> Iterator[str]:
    """Pretrained models beside scratch, and the best of them beside the best k-mer model.

    Above 0 is better, also where a lower metric is.
    """
    main = main_rows(table)
    won = {"ref": 0, "snp": 0, "best": 0}
    yield from header(
        ["task", "metric", "REF - scratch", "SNP - scratch", "best language model - best of k-mers"]
    )
    for task, cells in main.groupby("task", sort=True):
        metric = str(cells["metric"].iloc[0])
        pairs = comparisons[(comparisons["task"] == task) & (comparisons["metric"] == metric)]
        language = best_model(cells[cells["model"].isin([*LANGUAGE, "scratch"])])
        counts = best_model(cells[cells["model"].str.startswith("kmer-")])
        shown = []
        for name, a, b in (
            *((name, name, "scratch") for name in LANGUAGE),
            ("best", language, counts),
        ):
            difference, low, high = paired(pairs, a, b)
            if metric in LOWER_IS_BETTER:
                difference, low, high = -difference, -high, -low
            won[name] += difference >= 0 if name == "best" else low > 0
            which = f" ({a} - {b})" if name == "best" else ""
            measured = f"{difference:+.3f} [{low:+.3f}, {high:+.3f}]{which}"
            shown.append("missing" if math.isnan(difference) else measured)
        yield row([str(task), metric, *shown])
    tasks = main["task"].nunique()
    yield ""
    yield (
        f"Interval above 0 beside scratch: REF on {won['ref']}, SNP on {won['snp']} of {tasks} "
        "tasks. "
        f"The best language model is not below the best k-mer model on {won['best']} of {tasks}."
    )


def paired(pairs: pd.DataFrame, a: str | None, b: str | None) -> tuple[float, float, float]:
    """Difference and interval of model a minus model b, in whatever order the table has them."""
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        found = pairs[(pairs["model_a"] == first) & (pairs["model_b"] == second)]
        if len(found):
            one = found.iloc[0]
            low, high = sorted((sign * one["low"], sign * one["high"]))
            return sign * float(one["difference"]), float(low), float(high)
    return math.nan, math.nan, math.nan


def repeated(table: pd.DataFrame) -> Iterator[str]:
    """Main metric with and without repeated rows, for tasks that have some."""
    rows = main_rows(table)
    rows = rows[rows["repeated_rows"].fillna(0) > 0]
    if rows.empty:
        yield "No test row of an audited task is in training, exactly or nearly."
        return
    yield from header(["task", "model", "metric", "repeated", "of", "all rows", "without them"])
    for one in rows.to_dict("records"):
        low_high = f"[{one['low_without']:.3f}, {one['high_without']:.3f}]"
        yield row(
            [
                *(one[name] for name in ("task", "model", "metric")),
                *(f"{one[name]:.0f}" for name in ("repeated_rows", "rows")),
                f"{one['mean']:.3f}",
                f"{one['mean_without']:.3f} {low_high}",
            ]
        )


def budgets(table: pd.DataFrame) -> Iterator[str]:
    """Parameters and seconds of each model."""
    means = main_rows(table).groupby("model")[["parameters", "seconds"]].mean()
    yield from header(["model", "parameters", "seconds"])
    for model in in_order(means.index):
        parameters, seconds = means.loc[model, ["parameters", "seconds"]]
        yield row([model, f"{parameters:,.0f}", f"{seconds:.1f}"])


def read(path: Path) -> pd.DataFrame:
    """Read a table; text cells that are empty stay text."""
    frame = pd.read_csv(path, sep="\t")
    texts = [name for name in ("published", "note") if name in frame]
    return frame.assign(**{name: frame[name].astype(object).fillna("") for name in texts})


def header(names: list[str]) -> Iterator[str]:
    """Head of a table."""
    yield row(names)
    yield row(["---"] * len(names))


def row(cells: list[str]) -> str:
    """Write one row of a table."""
    return f"| {' | '.join(cells)} |"


def listed(value: object) -> str:
    """Write a list with commas."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()
