"""Settings of pretraining that belong together: what wins here, and what was published."""

from __future__ import annotations

from dataclasses import dataclass

from pybmfm.model.configurations import LOCAL_LAYERS, PRESETS, PUBLISHED_LAYERS

PIECE_TOKENS = 64
MAX_LENGTH = 2048  # context of the published models
LAYERS = {"published": PUBLISHED_LAYERS, "local": LOCAL_LAYERS}

# Peak learning rates of the tiny preset, by what a model begins with. Counts are half forgotten at
# this one before they are surpassed: budgets below some 1,000 steps would do better with 1.5e-3.
RATES = {"counts": 3e-3, "letters": 4e-3, "random": 3e-3}
RATE_WIDTH = 128
# Budgets are spent in this many steps if batches do not become smaller than the smallest one.
MOST_STEPS = 40_000
SMALLEST_BATCH, LARGEST_BATCH = 2048, 1 << 20
DEFAULT_TOKENS = 8_192_000


@dataclass(frozen=True)
class Recipe:
    """What a recipe says where the user does not; None follows from the budget and the model.

    Attributes
    ----------
    start
        ``random``, ``letters`` or ``counts``, see `pybmfm.training.starting`.
    layers
        What the layers of a ModernBERT see, a key of ``LAYERS``.
    piece_tokens
        Windows are cut into training pieces of so many tokens; 0 trains on whole ones.
    mask_share, keep_share
        Share of tokens predicted in training, and of these the share left visible: to predict
        what can be seen teaches nothing of the neighbours.
    optimizer
        ``adamw`` or ``muon``.
    learning_rate, steps, tokens_per_batch
        None: worked out from the budget.
    warmup_share
        Share of the steps.
    whole_share
        Share of the steps, the last ones, on windows as long as the model's context, if any of
        its layers sees beyond a training piece.
    """

    start: str
    layers: str
    piece_tokens: int
    mask_share: float
    keep_share: float
    optimizer: str
    warmup_share: float
    whole_share: float = 0.0
    learning_rate: float | None = None
    steps: int | None = None
    tokens_per_batch: int | None = None


RECIPES = {
    "default": Recipe(
        start="counts",
        layers="local",
        piece_tokens=PIECE_TOKENS,
        mask_share=0.3,
        keep_share=0.0,
        optimizer="adamw",
        warmup_share=0.1,
        whole_share=0.2,
    ),
    # The paper: learning rate 5e-4, 30,000 of 150,000 steps of warm-up, 15 % masked.
    "published": Recipe(
        start="random",
        layers="published",
        piece_tokens=0,
        mask_share=0.15,
        keep_share=0.1,
        optimizer="adamw",
        warmup_share=0.2,
        learning_rate=5e-4,
        steps=1000,
        tokens_per_batch=32_768,
    ),
}


def start_for(start: str, architecture: str) -> str:
    """Return what an architecture begins with where a recipe says ``start``.

    Heads can be turned to neighbours by rotary phases and exact attention alone: BERT and
    Performer begin with letters where ModernBERT begins with counts.
    """
    return "letters" if start == "counts" and architecture != "modernbert" else start


def batch_for(tokens: int | None) -> int:
    """Return the tokens of a step for a budget of so many tokens, None: not known before.

    The smallest batch, as long as that takes no more than ``MOST_STEPS`` steps, since many small
    steps teach more than few large ones; then larger ones, which big GPUs need anyway.
    """
    batch = SMALLEST_BATCH
    while tokens and tokens > batch * MOST_STEPS and batch < LARGEST_BATCH:
        batch *= 2
    return batch


def rate_for(start: str, preset: str) -> float:
    """Return a peak learning rate, which falls with the width.

    At the ``paper`` preset that of counts is the published 5e-4.
    """
    return RATES[start] * RATE_WIDTH / PRESETS[preset].hidden
