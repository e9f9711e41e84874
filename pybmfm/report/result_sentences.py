"""What the results say, in sentences: who wins, whether SNP beats REF, what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pybmfm.evaluation.comparisons import SIGNIFICANT
from pybmfm.report.model_names import is_baseline, model_of_role
from pybmfm.tasks.kinds import LOWER_IS_BETTER

if TYPE_CHECKING:
    import pandas as pd

FEW_SEEDS = 3


def result_sentences(main: pd.DataFrame, comparisons: pd.DataFrame) -> Iterator[str]:
    """Say who wins on each task, whether SNP beats REF and the baselines, then the caveats.

    Parameters
    ----------
    main
        The main metric of each task and model.
    comparisons
        Of the main metrics.
    """
    snp, ref = (model_of_role(main["model"], word) for word in ("snp", "ref"))
    if snp is None or ref is None:
        lacking = " and ".join(w for w, m in (("SNP", snp), ("REF", ref)) if m is None)
        yield f"SNP and REF cannot be compared: no result of {lacking}."
    else:
        yield from _snp_against_ref(main, comparisons, snp, ref)
    yield from _baselines_unbeaten(main, comparisons)
    seeds = main.loc[main["seeds"] > 0, "seeds"]
    if len(seeds) and seeds.min() <= FEW_SEEDS:
        number = int(seeds.min())
        yield (
            f"Only {number} seed{'s' if number > 1 else ''} for some cells: few, so that small "
            "differences mean nothing."
        )
    yield (
        "Differences are tested by a paired bootstrap on the same rows, corrected for all pairs "
        "of models of a task (Holm); tasks are not corrected for. No difference found is no proof "
        "of equality."
    )


def missing_sentences(missing: pd.DataFrame) -> Iterator[str]:
    """Name every cell that should be there and is not."""
    for (task, model), cells in missing.groupby(["task", "model"], sort=True):
        seeds = ", ".join(map(str, sorted(cells["seed"])))
        yield f"{task}: no result of {model} with seed {seeds}."


def difference_sentence(
    task: str, comparisons: pd.DataFrame, one: str, other: str, names: tuple[str, str]
) -> tuple[str, str]:
    """Compare two models on a task.

    Returns
    -------
    verdict, sentence
        The verdict is ``first``, ``second``, ``apart`` (neither) or ``missing``.
    """
    row = find_pair(comparisons[comparisons["task"] == task], one, other)
    first, second = names
    if row is None:
        return "missing", f"{task}: one of {first} and {second} is missing."
    if row.get("note"):
        shown = f"{row['metric']} {row['difference']:+.3f}"
        return "missing", f"{task}: {first} and {second} are not tested ({shown}; {row['note']})."
    if math.isnan(row["difference"]) or math.isnan(row["p_holm"]):
        return "missing", f"{task}: the metric of {first} or {second} is not defined."
    shown = (
        f"{row['metric']} {row['difference']:+.3f}, 95 % interval {row['low']:+.3f} to "
        f"{row['high']:+.3f}, p {row['p']:.3g}, corrected {row['p_holm']:.3g}"
    )
    if row["p_holm"] >= SIGNIFICANT:
        return "apart", f"{task}: {first} and {second} cannot be told apart ({shown})."
    better = (row["difference"] > 0) != (row["metric"] in LOWER_IS_BETTER)
    verdict = "first" if better else "second"
    winner, loser = names if better else (second, first)
    return verdict, f"{task}: {winner} beats {loser} ({shown})."


def find_pair(comparisons: pd.DataFrame, one: str, other: str) -> dict[str, Any] | None:
    """Return the comparison of two models as ``one`` minus ``other``, whichever way it was made."""
    for row in comparisons.to_dict("records"):
        if (row["model_a"], row["model_b"]) == (one, other):
            return {str(key): value for key, value in row.items()}
        if (row["model_a"], row["model_b"]) == (other, one):
            turned = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
            return {**{str(key): value for key, value in row.items()}, **turned}
    return None


def best_model(cells: pd.DataFrame) -> str | None:
    """Name the model with the best mean among the rows of one task; None if none is defined."""
    defined = cells[cells["mean"].notna()]
    if defined.empty:
        return None
    lower = defined["metric"].iloc[0] in LOWER_IS_BETTER
    place = defined["mean"].argmin() if lower else defined["mean"].argmax()
    return str(defined["model"].iloc[place])


def _snp_against_ref(
    main: pd.DataFrame, comparisons: pd.DataFrame, snp: str, ref: str
) -> Iterator[str]:
    verdicts = []
    sentences = []
    for task, cells in main.groupby("task", sort=True):
        verdict, sentence = difference_sentence(str(task), comparisons, snp, ref, ("SNP", "REF"))
        verdicts.append(verdict)
        sentences.append(f"{sentence} Highest mean: {best_model(cells) or 'not defined'}.")
    compared = len(verdicts) - verdicts.count("missing")
    wins, losses = verdicts.count("first"), verdicts.count("second")
    yield (
        f"SNP beats REF on {wins} of {compared} tasks, loses on {losses}, and cannot be told apart "
        f"from it on {verdicts.count('apart')}."
    )
    yield from sentences


def _baselines_unbeaten(main: pd.DataFrame, comparisons: pd.DataFrame) -> Iterator[str]:
    """Name the tasks on which no language model beats the best baseline."""
    unbeaten = []
    tasks = 0
    for task, cells in main.groupby("task", sort=True):
        plain = cells[cells["model"].map(is_baseline)]
        models = cells[~cells["model"].map(is_baseline) & cells["mean"].notna()]
        baseline = best_model(plain)
        if baseline is None or models.empty:
            continue
        verdicts = {
            difference_sentence(str(task), comparisons, model, baseline, ("", ""))[0]
            for model in models["model"]
        }
        if verdicts == {"missing"}:
            continue
        tasks += 1
        if "first" not in verdicts:
            unbeaten.append(f"{task} ({baseline})")
    if unbeaten:
        yield (
            f"On {len(unbeaten)} of {tasks} tasks no language model beats the best baseline: "
            f"{', '.join(unbeaten)}."
        )
    elif tasks:
        yield f"On each of {tasks} tasks some language model beats the best baseline."
