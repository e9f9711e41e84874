"""``pybmfm pretrain``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from pybmfm.cli.options import (
    PATH,
    device_option,
    out_option,
    precision_option,
    seed_option,
    threads_option,
)

POSITIVE = click.IntRange(min=1)
SHARE = click.FloatRange(0, 1)


class Curriculum(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """``TOKENS:STEPS,...`` as pairs of whole numbers."""

    name = "curriculum"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[int, int], ...]:
        """Split at commas and colons."""
        if isinstance(value, tuple):
            return value
        found = [re.fullmatch(r"\s*(\d+):([1-9]\d*)\s*", part) for part in value.split(",")]
        if not all(found):
            self.fail(f"'{value}' is not like 8:300,32:300 (tokens:steps)", param, ctx)
        return tuple((int(one[1]), int(one[2])) for one in found if one)


CURRICULUM = Curriculum()


@click.command("pretrain")
@click.option(
    "--corpus", "corpora", type=PATH, required=True, multiple=True, help="Corpus folder; repeat."
)
@click.option(
    "--weight",
    "weights",
    type=click.FloatRange(min=0, min_open=True),
    multiple=True,
    help="How often a corpus is gone through per pass, one per --corpus in their order: 0.5 takes "
    "half of its windows, drawn anew in every pass; 2 takes them twice.  [default: 1 each]",
)
@click.option("--tokenizer", type=PATH, required=True, help="The corpora's tokenizer folder.")
@out_option("Folder for the model and its log.", sentence=False)
@click.option(
    "--architecture",
    type=click.Choice(["modernbert", "bert", "performer"]),
    default="modernbert",
    show_default=True,
    help="performer: the ModernBERT body with FAVOR+ attention, linear in the length.",
)
@click.option(
    "--preset",
    type=click.Choice(["tiny", "small", "paper"]),
    default="tiny",
    show_default=True,
    help="Size: 2 layers of 128, 4 of 256, or 22 of 768 as published.",
)
@click.option(
    "--recipe",
    type=click.Choice(["default", "published"]),
    default="default",
    show_default=True,
    help="Settings that belong together: what learns most here (a start from counts, short "
    "pieces, 30 % masked, local attention), or the paper's. The options below change single ones.",
)
@click.option("--steps", type=POSITIVE, help="Budget: optimizer steps.")
@click.option(
    "--tokens", type=POSITIVE, help="Budget: tokens seen.  [default: 8,192,000; published: steps]"
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Budget: time for training on this machine, turned into steps by its measured speed.",
)
@click.option(
    "--tokens-per-batch",
    type=POSITIVE,
    help="Real tokens per step, over all processes.  [default: 2048, more for large budgets; "
    "published: 32,768]",
)
@click.option(
    "--start",
    type=click.Choice(["random", "letters", "counts"]),
    help="What a model begins with: random weights, embeddings that know the tokens' letters, or "
    "counts of neighbouring training tokens.  [default: counts; BERT, Performer: letters; "
    "published: random]",
)
@click.option(
    "--layers",
    type=click.Choice(["published", "local"]),
    help="What ModernBERT's layers see: as published, or 8 tokens to either side and all in every "
    "third layer from the third on.  [default: local; published: published]",
)
@click.option(
    "--piece-tokens",
    type=click.IntRange(min=0),
    help="Train on pieces of windows; 0 on windows up to --max-length.  [default: 64; "
    "published: 0]",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "muon"]),
    help="muon: Muon for hidden matrices, AdamW for the rest.  [default: adamw]",
)
@click.option(
    "--micro-batch-tokens", type=POSITIVE, help="Most tokens computed at once [default: all]."
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0),
    help="Peak.  [default: by start, width and batch; published: 5e-4]",
)
@click.option(
    "--warmup-steps",
    type=click.IntRange(min=0),
    help="[default: a tenth of the steps; published: a fifth]; not with --minutes.",
)
@click.option(
    "--mask-share",
    type=SHARE,
    help="Tokens predicted in training; evaluation always masks 0.15.  [default: 0.3; "
    "published: 0.15]",
)
@click.option(
    "--mask-variants",
    type=SHARE,
    help="The same for tokens that hold a variant.  [default: --mask-share]",
)
@click.option(
    "--keep-share",
    type=SHARE,
    help="Of those, left visible.  [default: 0, as it teaches little; published: 0.1]",
)
@click.option(
    "--random-share",
    type=SHARE,
    default=0.0,
    show_default=True,
    help="Of those, replaced by a random token; the rest becomes [MASK].",
)
@click.option(
    "--max-length",
    type=POSITIVE,
    help="Longest sequence in tokens; longer windows are cut into pieces [default: 2048]",
)
@click.option(
    "--curriculum",
    type=CURRICULUM,
    default=(),
    metavar="TOKENS:STEPS,...",
    help="Begin with windows cut into short pieces, such as 8:300,32:300: learning starts sooner.",
)
@precision_option()
@click.option(
    "--compile",
    is_flag=True,
    help="Compile the encoder's layers with torch.compile; needs a C++ compiler.",
)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Steps between checkpoints.",
)
@click.option(
    "--checkpoint-minutes", type=float, default=30.0, show_default=True, help="Or so many minutes."
)
@click.option(
    "--checkpoints",
    help="Durable root for checkpoints, in a folder per run: a folder, or an address such as "
    "s3://bucket/checkpoints  [default: OUT/checkpoints]",
)
@click.option("--keep", type=POSITIVE, default=2, show_default=True, help="Checkpoints kept.")
@click.option(
    "--keep-best/--no-keep-best",
    default=True,
    show_default=True,
    help="Keep the weights of the best evaluation of dev in OUT/best.",
)
@click.option(
    "--validate-every",
    type=click.IntRange(min=0),
    help="Steps between evaluations of dev, 0: at the end only [default: a tenth of the steps]",
)
@click.option(
    "--max-validation-tokens",
    type=POSITIVE,
    default=500_000,
    show_default=True,
    help="Tokens of dev and test read, drawn by seed.",
)
@click.option(
    "--divergence-check/--no-divergence-check",
    default=True,
    show_default=True,
    help="Stop when the loss is above three times its recent median for 50 steps.",
)
@click.option("--log-every", type=POSITIVE, default=1, show_default=True, help="Steps per line.")
@click.option(
    "--peak-tflops",
    type=click.FloatRange(min=0, min_open=True),
    help="Peak of one device in TFLOP/s, for the MFU  [default: bf16 by the GPU's name; CPU none]",
)
@click.option("--tensorboard", is_flag=True, help="Write event files under OUT/tensorboard.")
@click.option(
    "--max-minutes", type=click.FloatRange(min=0), help="Save and exit 143 after so long."
)
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint, if any.")
@seed_option()
@threads_option()
@device_option()
def command(corpora: tuple[Path, ...], **options: Any) -> None:
    """Pretrain a masked language model on one or several corpora.

    Writes OUT/model.safetensors and what else a Hugging Face model folder holds (the weights of
    the last step), OUT/metrics.json with their dev and test figures, OUT/best with the weights
    of the lowest dev bits per nucleotide and, while running, OUT/progress.jsonl. Exits 143 after
    saving when asked to stop and 137 when memory ran out; the same command with --resume
    continues. Several processes: accelerate launch bin/pretrain ...

    Corpora of different encodings built with one tokenizer give a model of encoding 'mixed'.
    Shards are compared with their digests before the first step, not again by --resume.

    \b
    Example:
      pybmfm pretrain --corpus corpus/ref --tokenizer tokenizer/ref --out model/ref \\
        --preset small --steps 2000 --tokens-per-batch 16384 --threads 4 --resume
      pybmfm pretrain --corpus corpus/human --weight 1 --corpus corpus/mouse --weight 0.5 \\
        --tokenizer tokenizer --out model/species
    """
    from pybmfm.training import PretrainSettings, pretrain

    pretrain(PretrainSettings(corpora=corpora, **options))
