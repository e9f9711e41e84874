"""``pybmfm baseline``: an honest baseline on a task."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import KINDS, PATH, out_option, seed_option, threads_option


@click.command("baseline")
@click.option(
    "--model",
    type=click.Choice(("kmer-logistic", "majority")),
    required=True,
    help="k-mer logistic (ridge for values), or the training class shares or mean.",
)
@click.option("--train", type=PATH, required=True, help="Training table (CSV, TSV, Parquet).")
@click.option("--dev", type=PATH, required=True, help="Table that settings are chosen on.")
@click.option("--test", type=PATH, required=True, help="Table that is only predicted.")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Kind of task.")
@out_option("Result folder")
@click.option("--task", help="Task name in results; by default the training table's folder.")
@click.option("--metric", help="Metric that heads the task and chooses on dev.")
@click.option(
    "--k",
    type=click.IntRange(1, 8),
    multiple=True,
    default=(3, 4, 5, 6),
    show_default=True,
    help="k-mer length; given repeatedly, dev chooses.",
)
@click.option("--max-train-rows", type=click.IntRange(min=2), help="Draw so many training rows.")
@click.option(
    "--alphabet",
    type=click.Choice(("auto", "plain", "encoded")),
    default="auto",
    show_default=True,
    help="Whether variant symbols are letters; auto looks for them.",
)
@seed_option()
@threads_option()
def command(
    model: str,
    train: Path,
    dev: Path,
    test: Path,
    kind: str,
    out: Path,
    task: str | None,
    metric: str | None,
    k: tuple[int, ...],
    max_train_rows: int | None,
    alphabet: str,
    seed: int,
    threads: int,
) -> None:
    """Fit a baseline on a task and write its predictions and metrics.

    \b
    Example:
      pybmfm baseline --model kmer-logistic --kind binary --train tasks/tf_0/train.csv \\
        --dev tasks/tf_0/dev.csv --test tasks/tf_0/test.csv --out results/tf_0.kmer-logistic
    """
    from pybmfm.baselines import BaselineSettings, fit_baseline

    fit_baseline(
        BaselineSettings(
            model=model,
            train=train,
            dev=dev,
            test=test,
            kind=kind,
            out=out,
            task=task,
            metric=metric,
            k=k,
            max_train_rows=max_train_rows,
            alphabet=alphabet,
            seed=seed,
            threads=threads,
        )
    )
