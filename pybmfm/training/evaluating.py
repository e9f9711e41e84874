"""Masked-token figures of a split: loss, accuracy and bits per nucleotide."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pybmfm.model import hidden_states, masked_lm_logits
from pybmfm.training.batches import MaskedBatch, Pieces, Visit, by_length, masked_batch, pack
from pybmfm.training.masking import MaskPlan
from pybmfm.training.processes import Processes

LN2 = math.log(2)


class TokenFigures:
    """Nucleotides under each token and whether it holds a variant, as tensors on a device."""

    def __init__(
        self, span_lengths: np.ndarray, holds_variant: np.ndarray, device: torch.device
    ) -> None:
        self.spans = torch.as_tensor(span_lengths, dtype=torch.float64).to(device)
        self.variant = torch.as_tensor(holds_variant, dtype=torch.bool).to(device)


def logits_at_masks(model: Any, masked: MaskedBatch) -> torch.Tensor:
    """Return the logits, float32[n, vocab], at the masked places only."""
    states = hidden_states(model, masked.batch).index_select(0, masked.places)
    return masked_lm_logits(model, states).float()


def evaluation_members(pieces: Pieces, max_tokens: int, seed: int) -> list[Visit]:
    """Choose pieces up to ``max_tokens``, by seed, the same at every call, all of pass 0."""
    order = pieces.order(seed, -1)
    count = int(np.searchsorted(np.cumsum(pieces.lengths[order]), max_tokens, side="right"))
    return [Visit(int(piece), 0) for piece in sorted(order[: max(1, count)])] if len(pieces) else []


@torch.no_grad()
def evaluate(
    model: torch.nn.Module,
    pieces: Pieces,
    plan: MaskPlan,
    figures: TokenFigures,
    processes: Processes,
    *,
    budget: int,
    max_tokens: int,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> dict[str, float | int | None]:
    """Predict the masked tokens of a split.

    Parameters
    ----------
    budget
        Tokens per forward pass.
    max_tokens
        At most so many tokens of the split are read, chosen by the seed.

    Returns
    -------
    dict
        ``loss`` (nats per masked token), ``perplexity``, ``accuracy``, ``bits_per_nucleotide``
        and the latter two for tokens with (``_variant``) and without (``_variant_free``)
        variants; None where there is no such token. ``tokens`` and ``masked_tokens`` count.
    """
    members = evaluation_members(pieces, max_tokens, plan.seed)[processes.rank :: processes.count]
    was_training = model.training
    model.eval()
    sums = torch.zeros(2, 4, dtype=torch.float64, device=processes.device)
    tokens = 0
    for group in pack(members, lambda member: int(pieces.lengths[member.piece]), budget):
        masked = masked_batch(pieces, by_length(group, pieces), plan).to(processes.device)
        tokens += len(masked.batch.tokens)
        if len(masked.places):
            with autocast():
                logits = logits_at_masks(model, masked)
            sums += _sums(logits, masked.targets, figures)
    model.train(was_training)
    *values, total = processes.sum(*sums.flatten().tolist(), tokens)
    return _named(np.array(values).reshape(2, 4), int(total))


def _sums(logits: torch.Tensor, targets: torch.Tensor, figures: TokenFigures) -> torch.Tensor:
    """Sum loss, hits, nucleotides and tokens, for tokens without (row 0) and with variants."""
    loss = cross_entropy(logits, targets, reduction="none").double()
    hits = (logits.argmax(1) == targets).double()
    columns = torch.stack([loss, hits, figures.spans[targets], torch.ones_like(loss)], 1)
    variant = figures.variant[targets]
    return torch.stack([columns[~variant].sum(0), columns[variant].sum(0)])


def _named(sums: np.ndarray, tokens: int) -> dict[str, float | int | None]:
    loss, _, _, count = sums.sum(0)
    named: dict[str, float | int | None] = {
        "loss": _ratio(loss, count),
        "perplexity": math.exp(min(loss / count, 700)) if count else None,
    }
    for suffix, row in (("", sums.sum(0)), ("_variant_free", sums[0]), ("_variant", sums[1])):
        named[f"accuracy{suffix}"] = _ratio(row[1], row[3])
        named[f"bits_per_nucleotide{suffix}"] = _ratio(row[0] / LN2, row[2])
    return {**named, "tokens": tokens, "masked_tokens": int(count)}


def _ratio(top: float, bottom: float) -> float | None:
    return float(top / bottom) if bottom else None
