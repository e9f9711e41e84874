"""``pybmfm finetune``: fine-tune a checkpoint on a task."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, device_option, seed_option, task_options, threads_option


@click.command("finetune")
@click.option("--checkpoint", type=PATH, required=True, help="Folder of a pretrained model.")
@task_options
@click.option("--model-name", help="Model name in results; by default ref, snp or scratch-...")
@click.option("--from-scratch", is_flag=True, help="Fresh weights, same configuration and budget.")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Passes over the training rows.",
)
@click.option("--max-steps", type=click.IntRange(min=1), help="Stop after so many steps.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Sequences per step.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-4,
    show_default=True,
    help="Peak rate, after a linear warm-up.",
)
@click.option("--max-length", type=int, help="Tokens per sequence; the model's limit by default.")
@click.option(
    "--validate-every",
    type=click.IntRange(min=1),
    help="Steps between validations; by default 200, at most one epoch.",
)
@click.option(
    "--batch-tokens",
    type=click.IntRange(min=1),
    default=16384,
    show_default=True,
    help="Tokens computed at once; less memory with fewer.",
)
@click.option("--save-model", is_flag=True, help="Also write the fine-tuned model to OUT/model.")
@device_option()
@click.option(
    "--precision",
    type=click.Choice(("auto", "fp32", "bf16")),
    default="auto",
    show_default=True,
    help="auto is bf16 on a GPU, fp32 elsewhere.",
)
@seed_option()
@threads_option()
def command(
    checkpoint: Path,
    train: Path,
    dev: Path,
    test: Path,
    kind: str,
    out: Path,
    task: str | None,
    model_name: str | None,
    from_scratch: bool,
    epochs: int,
    max_steps: int | None,
    batch_size: int,
    learning_rate: float,
    max_length: int | None,
    max_train_rows: int | None,
    metric: str | None,
    alphabet: str,
    validate_every: int | None,
    batch_tokens: int,
    save_model: bool,
    device: str,
    precision: str,
    seed: int,
    threads: int,
) -> None:
    """Fine-tune a checkpoint on a task and write its predictions and metrics.

    \b
    Example:
      pybmfm finetune --checkpoint pretrained/snp --kind binary --train tasks/tf_0/train.csv \\
        --dev tasks/tf_0/dev.csv --test tasks/tf_0/test.csv --out results/tf_0.snp.0
    """
    from pybmfm.training.finetuning import FinetuneSettings, finetune

    finetune(
        FinetuneSettings(
            checkpoint=checkpoint,
            train=train,
            dev=dev,
            test=test,
            kind=kind,
            out=out,
            task=task,
            model_name=model_name,
            from_scratch=from_scratch,
            epochs=epochs,
            max_steps=max_steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            max_length=max_length,
            max_train_rows=max_train_rows,
            metric=metric,
            alphabet=alphabet,
            validate_every=validate_every,
            batch_tokens=batch_tokens,
            save_model=save_model,
            device=device,
            precision=precision,
            seed=seed,
            threads=threads,
        )
    )
