"""Outputs of a fine-tuned network for many sequences, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from pybmfm.core import progress
from pybmfm.model import FlatBatch, SequenceModel
from pybmfm.training.batches import pack
from pybmfm.training.token_windows import TokenWindows

Autocast = Callable[[], AbstractContextManager[Any]]


def place_batch(
    rows: Sequence[list[np.ndarray]], device: torch.device
) -> tuple[FlatBatch, torch.Tensor]:
    """Lay the windows of rows end to end, and say where each row's windows start."""
    batch = FlatBatch.from_sequences([window for row in rows for window in row])
    bounds = torch.tensor(np.cumsum([0, *map(len, rows)]))
    return batch.to(device), bounds.to(device)


def parts_by_length(rows: np.ndarray, tokens: TokenWindows, budget: int) -> list[np.ndarray]:
    """Divide rows into parts of ``budget`` tokens, rows of like length together."""
    order = rows[np.argsort(tokens.tokens[rows], kind="stable")]
    packed = pack(order.tolist(), lambda row: int(tokens.tokens[row]), budget)
    return [np.array(part, dtype=np.int64) for part in packed]


@torch.inference_mode()
def embed_rows(
    network: SequenceModel, tokens: TokenWindows, budget: int, autocast: Autocast, what: str = ""
) -> torch.Tensor:
    """Embeddings of all rows, float32[n, hidden], in their order, on the CPU."""
    return _in_order(network, tokens, budget, network.embed, autocast, what)


@torch.inference_mode()
def predict_rows(
    network: SequenceModel, tokens: TokenWindows, budget: int, autocast: Autocast, what: str = ""
) -> torch.Tensor:
    """Outputs of all rows, float32[n, outputs], in their order, on the CPU.

    Parameters
    ----------
    budget
        Tokens computed at once.
    autocast
        Makes the context that the network computes in.
    what
        What to call it in the progress; empty shows none.
    """
    return _in_order(network, tokens, budget, network, autocast, what)


def scores_of(kind: str, outputs: torch.Tensor, mean: float, deviation: float) -> np.ndarray:
    """Probabilities float32[n, classes], or values float32[n, 1] on their own scale."""
    if kind == "regression":
        outputs = outputs * deviation + mean
    elif kind == "multilabel":
        outputs = outputs.sigmoid()
    else:
        outputs = outputs.softmax(dim=1)
    return outputs.numpy()


def _in_order(
    network: SequenceModel,
    tokens: TokenWindows,
    budget: int,
    function: Callable[[FlatBatch, torch.Tensor], torch.Tensor],
    autocast: Autocast,
    what: str,
) -> torch.Tensor:
    network.eval()
    device = network.head.weight.device
    parts = parts_by_length(np.arange(len(tokens)), tokens, budget)
    found = []
    for part in progress(parts, what, unit="batches") if what else parts:
        batch, rows = place_batch([tokens.windows[row] for row in part], device)
        with autocast():
            found.append(function(batch, rows).float().cpu())
    joined = torch.cat(found)
    ordered = torch.empty_like(joined)
    ordered[torch.from_numpy(np.concatenate(parts))] = joined
    return ordered
