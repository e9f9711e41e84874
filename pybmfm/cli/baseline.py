"""``pybmfm baseline``: an honest baseline on a task."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import seed_option, task_options, threads_option


@click.command("baseline")
@click.option(
    "--model",
    type=click.Choice(("kmer-logistic", "majority")),
    required=True,
    help="k-mer logistic (ridge for values), or the training class shares or mean.",
)
@task_options
@click.option(
    "--k",
    type=click.IntRange(1, 8),
    multiple=True,
    default=(3, 4, 5, 6),
    show_default=True,
    help="k-mer length; given repeatedly, dev chooses.",
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
