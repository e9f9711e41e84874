"""What a pretraining run is told to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pybmfm.core import UserError
from pybmfm.model.configurations import PRESETS
from pybmfm.training.recipes import (
    DEFAULT_TOKENS,
    LAYERS,
    MAX_LENGTH,
    RECIPES,
    batch_for,
    rate_for,
    start_for,
)


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of a pretraining run; what is None follows from recipe, budget and model.

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
    recipe
        Settings that belong together, a key of `pybmfm.training.recipes.RECIPES`: ``default`` is
        what wins here, ``published`` the paper's. Each of them can be given by itself.
    steps, tokens, minutes
        The budget, at most one of them: optimizer steps, tokens seen, or the time that training
        may take on this machine, whose speed is measured first. The learning rate falls to 0 at
        its end.
    tokens_per_batch
        Real tokens of one step, over all processes and micro-batches.
    start
        What a model begins with: ``random`` weights, the ``letters`` of its tokens, or the
        ``counts`` of neighbouring tokens in the training split.
    layers
        What the layers of a ModernBERT see: ``published`` or ``local``, see
        `pybmfm.model.configurations.Layers`.
    piece_tokens
        Training windows are cut into pieces of so many tokens; 0 leaves them as long as
        ``max_length``. Evaluation never cuts them so.
    optimizer
        ``adamw``, or ``muon`` for the hidden matrices and AdamW for all else.
    micro_batch_tokens
        Most tokens computed at once; None is the whole of a process's share.
    mask_share, mask_variants, keep_share, random_share
        Share of tokens predicted in training, and of those that hold a variant (None: the same);
        of the predicted ones, the share left visible and the share replaced by a random token.
        The rest of them becomes [MASK]. Evaluation masks 0.15 of all, whatever training does.
    max_length
        Longest sequence in tokens; None is 2048, or ``tokens_per_batch`` where that is less and
        training is not on pieces.
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
    recipe: str = "default"
    architecture: str = "modernbert"
    preset: str = "tiny"
    steps: int | None = None
    tokens: int | None = None
    minutes: float | None = None
    tokens_per_batch: int | None = None
    micro_batch_tokens: int | None = None
    start: str | None = None
    layers: str | None = None
    piece_tokens: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    warmup_steps: int | None = None
    mask_share: float | None = None
    mask_variants: float | None = None
    keep_share: float | None = None
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

    def plan(self) -> PretrainPlan:
        """Work out what is left open.

        Raises
        ------
        UserError
            If settings do not fit together, naming the options and what to do.
        """
        _refuse(_open_faults(self))
        recipe = RECIPES[self.recipe]
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        own |= {name: said for name, said in vars(recipe).items() if own.get(name, said) is None}
        if self.start is None:
            own["start"] = start_for(recipe.start, self.architecture)
        own |= self._batches()
        rate, steps = own["learning_rate"], own["steps"]
        if rate is None:
            own["learning_rate"] = rate_for(own["start"], self.preset)
        if self.max_length is None:
            own["max_length"] = (
                MAX_LENGTH if own["piece_tokens"] else min(MAX_LENGTH, own["tokens_per_batch"])
            )
        if self.warmup_steps is None:
            own["warmup_steps"] = int(recipe.warmup_share * steps)
        if self.mask_variants is None:
            own["mask_variants"] = own["mask_share"]
        plan = PretrainPlan(**own)
        _refuse(_faults(plan))
        return plan

    def _batches(self) -> dict[str, int]:
        """Return steps and their tokens; steps are 0 where a budget in minutes decides later."""
        recipe, tokens = RECIPES[self.recipe], self.tokens
        steps = self.steps
        if steps is None and tokens is None and self.minutes is None:
            steps = recipe.steps
            tokens = DEFAULT_TOKENS if steps is None else None
        batch = self.tokens_per_batch or recipe.tokens_per_batch or batch_for(tokens)
        if steps is None:
            steps = 0 if tokens is None else max(1, tokens // batch)
        return {"steps": steps, "tokens_per_batch": batch}

    def shown(self) -> dict[str, Any]:
        """Return what a manifest and a model card say: no paths."""
        paths = ("corpora", "tokenizer", "out", "checkpoints", "resume")
        return {name: value for name, value in asdict(self).items() if name not in paths}


@dataclass(frozen=True)
class PretrainPlan(PretrainSettings):
    """Settings with nothing left open; ``steps`` is 0 until minutes were turned into steps."""

    steps: int = 0
    tokens_per_batch: int = 0
    start: str = "random"
    layers: str = "published"
    piece_tokens: int = 0
    optimizer: str = "adamw"
    learning_rate: float = 0.0
    warmup_steps: int = 0
    mask_share: float = 0.0
    mask_variants: float = 0.0
    keep_share: float = 0.0
    max_length: int = MAX_LENGTH

    @property
    def corpus_weights(self) -> list[float]:
        """Weight of each corpus."""
        return [float(weight) for weight in self.weights] or [1.0] * len(self.corpora)

    @property
    def training_length(self) -> int:
        """Longest training piece in tokens."""
        return min(self.piece_tokens or self.max_length, self.max_length)

    def lengths(self) -> list[tuple[int, int]]:
        """Return (tokens, steps) of training pieces, in their order, after the curriculum."""
        kinds = LAYERS[self.layers].types(PRESETS[self.preset].layers)
        sees_all = self.architecture != "modernbert" or "full_attention" in kinds
        whole = int(RECIPES[self.recipe].whole_share * self.steps) if sees_all else 0
        longest = min(self.max_length, self.tokens_per_batch)
        if not whole or longest <= self.training_length:
            return [(self.training_length, 0)]
        done = sum(steps for _, steps in self.curriculum)
        return [(self.training_length, max(0, self.steps - whole - done)), (longest, 0)]

    @property
    def validation_interval(self) -> int:
        """Steps between evaluations of the dev split; 0 is only at the end."""
        return -(-self.steps // 10) if self.validate_every is None else self.validate_every

    def with_steps(self, steps: int) -> PretrainPlan:
        """Return the plan of a budget in minutes that is enough for so many steps."""
        warmup = int(RECIPES[self.recipe].warmup_share * steps)
        return replace(self, steps=steps, warmup_steps=warmup)


def _refuse(faults: Iterator[tuple[str, str]]) -> None:
    for problem, remedy in faults:
        raise UserError(problem, remedy=remedy)


def _open_faults(settings: PretrainSettings) -> Iterator[tuple[str, str]]:
    budgets = ("steps", "tokens", "minutes")
    given = [f"--{name}" for name in budgets if getattr(settings, name) is not None]
    if len(given) > 1:
        yield f"{' and '.join(given)} are two budgets", "give one of them"
    if settings.start == "counts" and settings.architecture != "modernbert":
        yield (
            f"a {settings.architecture} cannot start from counts, as its heads cannot be turned to "
            "a neighbour",
            "use --start letters",
        )
    if settings.minutes is not None and settings.curriculum:
        yield "--curriculum counts steps, --minutes does not", "give --steps"
    if settings.minutes is not None and settings.warmup_steps is not None:
        yield "--warmup-steps counts steps, --minutes does not", "give --steps"


def _faults(settings: PretrainPlan) -> Iterator[tuple[str, str]]:
    if settings.out.exists() and not settings.out.is_dir():
        yield f"{settings.out} is a file, not a folder", "use another --out"
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
    if settings.training_length > settings.tokens_per_batch:
        yield (
            f"--tokens-per-batch {settings.tokens_per_batch:,} is smaller than "
            f"--{'piece-tokens' if settings.piece_tokens else 'max-length'} "
            f"{settings.training_length:,}",
            "raise the one or lower the other",
        )
    if min(settings.training_length, settings.tokens_per_batch) < 3:
        yield (
            "--max-length, --piece-tokens and --tokens-per-batch must be at least 3 tokens",
            "raise them (--piece-tokens may be 0)",
        )
    yield from _curriculum_faults(settings)
    if settings.warmup_steps > settings.steps > 0:
        yield (
            f"--warmup-steps {settings.warmup_steps:,} is more than --steps {settings.steps:,}",
            "lower it",
        )


def _curriculum_faults(settings: PretrainPlan) -> Iterator[tuple[str, str]]:
    lengths = [tokens for tokens, _ in settings.curriculum]
    if lengths != sorted({*lengths}):
        yield "the lengths of --curriculum do not grow", "give the shortest first, each once"
    if any(not 3 <= tokens < settings.training_length for tokens in lengths):
        yield (
            f"a length of --curriculum is not from 3 to {settings.training_length - 1:,} tokens",
            "the pieces must be shorter than --piece-tokens and --max-length",
        )
    if settings.curriculum and sum(count for _, count in settings.curriculum) >= settings.steps:
        yield (
            f"--curriculum takes all of the {settings.steps:,} --steps",
            "leave steps for the full length",
        )
