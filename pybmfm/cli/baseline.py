"""``pybmfm baseline``: an honest baseline on a task."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, device_option, seed_option, task_options, threads_option

MODELS = ("majority", "kmer-logistic", "kmer-forest", "kmer-svm", "cnn", "resnet")


@click.command("baseline")
@click.option(
    "--model",
    type=click.Choice(MODELS),
    required=True,
    help="majority: training shares or mean; kmer-logistic: logistic or ridge regression; "
    "kmer-forest, kmer-svm: with GC content and motif scores; cnn, resnet: one-hot sequences.",
)
@task_options
@click.option(
    "--k",
    type=click.IntRange(1, 8),
    multiple=True,
    help="k-mer length; given repeatedly, dev chooses.  [default: 3 to 6; forest 3, 4; svm 4 to 6]",
)
@click.option(
    "--motifs",
    type=PATH,
    help="MEME or JASPAR file for kmer-forest and kmer-svm, instead of learned motifs.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Passes of cnn and resnet over the training rows.",
)
@device_option()
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
    motifs: Path | None,
    epochs: int,
    max_train_rows: int | None,
    alphabet: str,
    device: str,
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
            motifs=motifs,
            epochs=epochs,
            max_train_rows=max_train_rows,
            alphabet=alphabet,
            seed=seed,
            threads=threads,
            device=device,
        )
    )
