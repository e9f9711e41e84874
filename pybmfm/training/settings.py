"""What a pretraining run is told to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pybmfm.core import UserError

MAX_LENGTH = 2048  # context of the published models


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of a pretraining run.

    Parameters
    ----------
    corpora
        Corpus folders; several are mixed window by window.
    weights
        How often each corpus is gone through in a pass over the training data, one per corpus;
        empty is once each. 0.5 takes half of its windows, drawn anew in every pass; 2 takes two
        copies with masks of their own. Evaluation reads every corpus once.
    tokenizer
        The tokenizer that the corpora were made with.
    out
        Where model, log and (without ``checkpoints``) checkpoints go.
    steps
        Optimizer steps; the learning rate falls to 0 there.
    tokens_per_batch
        Real tokens of one step, over all processes and micro-batches.
    micro_batch_tokens
        Most tokens computed at once; None is the whole of a process's share.
    warmup_steps
        None is a fifth of ``steps``, the published share (30,000 of 150,000).
    mask_share, keep_share, random_share
        Share of tokens predicted; of those, the share left visible and the share replaced by a
        random token. The rest of them becomes [MASK].
    max_length
        Longest sequence in tokens; None is 2048, or ``tokens_per_batch`` where that is less.
    curriculum
        (tokens, steps) of stages that come first: so many steps on windows cut into pieces of at
        most so many tokens. A new model attends to all tokens alike, and so finds out sooner what
        its neighbours tell where there are few others.
    precision
        ``fp32``, ``bf16`` or ``auto`` (bf16 on GPUs that have it).
    compile
        Compile the encoder's layers with ``torch.compile``.
    checkpoint_every, checkpoint_minutes
        A checkpoint is due when either is reached; 0 steps is never.
    checkpoints
        A durable root, a folder or an address such as ``s3://bucket/checkpoints``: the run's
        checkpoints lie in a folder there that is named by all that shapes the result, so that a
        retry continues and a changed setting starts anew.
    keep
        Checkpoints kept.
    keep_best
        Keep the weights of the best evaluation of dev in ``best/``.
    validate_every
        Steps between evaluations of the dev split; None is a tenth of ``steps``, 0 only at
        the end.
    max_validation_tokens
        At most so many tokens of dev and test are read.
    divergence_check
        Stop when the loss stays far above what it was; see `pybmfm.training.divergence`.
    peak_tflops
        The device's peak, in 1e12 operations per second, that the model FLOPs utilisation is a
        share of; None looks the GPU's name up.
    tensorboard
        Write event files for TensorBoard too, under ``out/tensorboard``.
    max_minutes
        Time budget, after which the run saves and ends with `Interrupted`.
    resume
        Continue where the folder's newest checkpoint stands, if there is one.
    """

    corpora: tuple[Path, ...]
    tokenizer: Path
    out: Path
    weights: tuple[float, ...] = ()
    architecture: str = "modernbert"
    preset: str = "tiny"
    steps: int = 1000
    tokens_per_batch: int = 32_768
    micro_batch_tokens: int | None = None
    learning_rate: float = 5e-4
    warmup_steps: int | None = None
    mask_share: float = 0.15
    keep_share: float = 0.1
    random_share: float = 0.0
    max_length: int | None = None
    curriculum: tuple[tuple[int, int], ...] = ()
    precision: str = "auto"
    compile: bool = False
    checkpoint_every: int = 500
    checkpoint_minutes: float = 30.0
    checkpoints: Path | str | None = None
    keep: int = 2
    keep_best: bool = True
    validate_every: int | None = None
    max_validation_tokens: int = 500_000
    divergence_check: bool = True
    log_every: int = 1
    peak_tflops: float | None = None
    tensorboard: bool = False
    max_minutes: float | None = None
    resume: bool = False
    seed: int = 0
    threads: int = 1
    device: str = "auto"

    @property
    def corpus_weights(self) -> list[float]:
        """Weight of each corpus."""
        return [float(weight) for weight in self.weights] or [1.0] * len(self.corpora)

    @property
    def longest(self) -> int:
        """Longest sequence in tokens."""
        return (
            min(MAX_LENGTH, self.tokens_per_batch) if self.max_length is None else self.max_length
        )

    @property
    def warmup(self) -> int:
        """Steps of warm-up."""
        return self.steps // 5 if self.warmup_steps is None else self.warmup_steps

    @property
    def validation_interval(self) -> int:
        """Steps between evaluations of the dev split; 0 is only at the end."""
        return -(-self.steps // 10) if self.validate_every is None else self.validate_every

    def shown(self) -> dict[str, Any]:
        """Return what a manifest and a model card say: defaults worked out, no paths."""
        shown = {**asdict(self), "max_length": self.longest, "warmup_steps": self.warmup}
        paths = ("corpora", "tokenizer", "out", "checkpoints", "resume")
        return {name: value for name, value in shown.items() if name not in paths}


def check_settings(settings: PretrainSettings) -> None:
    """Refuse settings that do not fit together.

    Raises
    ------
    UserError
        Naming the options and what to do.
    """
    for problem, remedy in _faults(settings):
        raise UserError(problem, remedy=remedy)
    if settings.out.exists() and not settings.out.is_dir():
        raise UserError("is a file, not a folder", file=settings.out, remedy="use another --out")


def _faults(settings: PretrainSettings) -> Iterator[tuple[str, str]]:
    if not settings.corpora:
        yield "no corpus is given", "give --corpus"
    if settings.weights and len(settings.weights) != len(settings.corpora):
        yield (
            f"--weight is given {len(settings.weights)} times for {len(settings.corpora)} corpora",
            "give one per --corpus, in their order, or none",
        )
    if not all(0 < weight < math.inf for weight in settings.weights):
        yield "a --weight is not above 0", "leave the corpus out instead"
    if settings.keep_share + settings.random_share > 1:
        yield "--keep-share and --random-share are more than 1 together", "lower one of them"
    if settings.longest > settings.tokens_per_batch:
        yield (
            f"--tokens-per-batch {settings.tokens_per_batch:,} is smaller than "
            f"--max-length {settings.longest:,}",
            "raise the one or lower the other",
        )
    if settings.longest < 3:
        yield "--max-length and --tokens-per-batch must be at least 3 tokens", "raise them"
    yield from _curriculum_faults(settings)
    if settings.warmup > settings.steps:
        yield (
            f"--warmup-steps {settings.warmup:,} is more than --steps {settings.steps:,}",
            "lower it",
        )


def _curriculum_faults(settings: PretrainSettings) -> Iterator[tuple[str, str]]:
    lengths = [tokens for tokens, _ in settings.curriculum]
    if lengths != sorted({*lengths}):
        yield "the lengths of --curriculum do not grow", "give the shortest first, each once"
    if any(not 3 <= tokens < settings.longest for tokens in lengths):
        yield (
            f"a length of --curriculum is not from 3 to {settings.longest - 1:,} tokens",
            "the pieces must be shorter than --max-length",
        )
    if settings.curriculum and sum(count for _, count in settings.curriculum) >= settings.steps:
        yield (
            f"--curriculum takes all of the {settings.steps:,} --steps",
            "leave steps for the full length",
        )
