"""``pybmfm finetune``: fine-tune a checkpoint on a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pybmfm.cli.options import (
    PATH,
    device_option,
    label_option,
    precision_option,
    seed_option,
    task_options,
    threads_option,
)

F = TypeVar("F", bound=Callable[..., Any])
POOLINGS = ("mean", "cls", "max", "parts")


class RateList(click.ParamType):  # type: ignore[type-arg]
    """``1e-5,3e-5`` as numbers."""

    name = "rates"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Split at commas."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"'{value}' is not a list of numbers such as 1e-5,3e-5", param, ctx)


def training_options(command: F) -> F:
    """What of the model is trained."""
    options: list[Callable[[F], F]] = [
        click.option(
            "--from-scratch", is_flag=True, help="Fresh weights, same configuration and budget."
        ),
        click.option(
            "--frozen", is_flag=True, help="Train the head alone; the encoder stays as it is."
        ),
        click.option("--lora", is_flag=True, help="Train low-rank adapters and the head."),
        click.option(
            "--lora-rank",
            type=click.IntRange(min=1),
            default=8,
            show_default=True,
            help="Rank of the adapters.",
        ),
        click.option(
            "--lora-alpha",
            type=click.FloatRange(min=0, min_open=True),
            default=16.0,
            show_default=True,
            help="Adapters are scaled by alpha / rank.",
        ),
        click.option(
            "--lora-targets",
            help="Linear layers that get an adapter, comma-separated; all of the body by default.",
        ),
        click.option(
            "--pooling",
            type=click.Choice(POOLINGS),
            default="parts",
            show_default=True,
            help="What the head sees: mean, first token or maximum of all tokens, or the mean and "
            "those of 8 parts of the sequence.",
        ),
        click.option(
            "--dropout",
            type=click.FloatRange(0, 1, max_open=True),
            default=0.0,
            show_default=True,
            help="Share of the pooled embedding dropped while training.",
        ),
        click.option(
            "--class-weights",
            type=click.Choice(("none", "balanced")),
            default="none",
            show_default=True,
            help="balanced weighs rare classes more.",
        ),
        click.option("--max-length", type=int, help="Tokens per window; by default the model's."),
        click.option(
            "--long",
            type=click.Choice(("truncate", "window-mean")),
            default="truncate",
            show_default=True,
            help="Longer sequences are cut and counted, or averaged over overlapping windows.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def resume_options(command: F) -> F:
    """How a run saves itself and goes on."""
    options: list[Callable[[F], F]] = [
        click.option(
            "--checkpoints",
            help="Durable folder or address for checkpoints; by default hidden beside --out.",
        ),
        click.option(
            "--checkpoint-every",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Steps between checkpoints; 0 goes by minutes alone.",
        ),
        click.option(
            "--checkpoint-minutes",
            type=click.FloatRange(min=0),
            default=10.0,
            show_default=True,
            help="Minutes between checkpoints.",
        ),
        click.option(
            "--max-minutes",
            type=click.FloatRange(min=0, min_open=True),
            help="Save and exit with 143 after so long.",
        ),
        click.option("--resume", is_flag=True, help="Go on from the newest checkpoint, if any."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("finetune")
@click.option(
    "--checkpoint",
    type=PATH,
    required=True,
    help="Folder of a pretrained model: ours, DNABERT-2, or an encoder transformers knows.",
)
@task_options
@label_option(
    "--model-name",
    what="model",
    help="Model name in results; by default ref, snp or scratch-...",
)
@training_options
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
@click.option(
    "--learning-rates",
    type=RateList(),
    default=(),
    help="Several peaks, such as 1e-5,3e-5,1e-4: the lowest dev loss chooses.",
)
@click.option(
    "--schedule",
    type=click.Choice(("linear", "constant")),
    default="linear",
    show_default=True,
    help="After the warm-up the rate falls to 0 at the last step, or stays at its peak.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    help="Stop after so many validations without a lower dev loss.",
)
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
@resume_options
@device_option()
@precision_option()
@seed_option()
@threads_option()
def command(
    lora: bool,
    lora_rank: int,
    lora_alpha: float,
    lora_targets: str | None,
    **options: Any,
) -> None:
    """Fine-tune a checkpoint on a task and write its predictions and metrics.

    \b
    Example:
      pybmfm finetune --checkpoint pretrained/snp --kind binary --train tasks/tf_0/train.csv \\
        --dev tasks/tf_0/dev.csv --test tasks/tf_0/test.csv --out results/tf_0.snp.0
      pybmfm finetune --checkpoint DNABERT-2-117M --lora --learning-rates 1e-4,3e-4 --resume ...
    """
    from pybmfm.training import FinetuneSettings, LoraSettings, finetune

    targets = tuple(lora_targets.split(",")) if lora_targets else ()
    adapters = LoraSettings(lora_rank, lora_alpha, targets) if lora else None
    finetune(FinetuneSettings(**options, lora=adapters))
