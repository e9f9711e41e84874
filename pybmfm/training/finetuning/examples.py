"""The tables of a task as the model takes them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pybmfm.core import UserError
from pybmfm.model import Encoder
from pybmfm.tasks import TaskTable
from pybmfm.training.token_windows import TokenWindows, token_windows

log = logging.getLogger("pybmfm")
MOST_UNKNOWN = 0.5  # a tokenizer that knows less of the training table is made for other text


@dataclass(frozen=True)
class Scale:
    """How values of a regression are brought to mean 0 and deviation 1, and back."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, table: TaskTable) -> Scale:
        """Take it from the training values."""
        if table.kind != "regression":
            return cls()
        values = table.targets.astype(np.float64)
        return cls(float(values.mean()), float(values.std()) or 1.0)


@dataclass(frozen=True)
class Examples:
    """A table with its tokens, and targets on the scale of the loss."""

    table: TaskTable
    tokens: TokenWindows
    targets: torch.Tensor

    @property
    def counts(self) -> dict[str, Any]:
        """What was read, and what became of long sequences."""
        return {
            **self.table.counts,
            "truncated_sequences": self.tokens.truncated,
            "sequences_in_windows": self.tokens.in_windows,
            "longest_sequence_tokens": self.tokens.longest,
            "unknown_tokens": self.tokens.unknown,
        }


def make_examples(
    tables: dict[str, TaskTable], encoder: Encoder, max_length: int, long: str, scale: Scale
) -> dict[str, Examples]:
    """Tokenize the tables of a task.

    Raises
    ------
    UserError
        If the tokenizer knows little of the training table.
    """
    examples = {}
    for name, table in tables.items():
        targets = torch.from_numpy(table.targets)
        if table.kind == "regression":
            targets = (targets - scale.mean) / scale.deviation
        tokens = token_windows(encoder.tokenizer, table.sequences, max_length, long)
        examples[name] = Examples(table, tokens, targets)
    _refuse_unknown(examples["train"].tokens, encoder.tokenizer.folder)
    cut = sum(one.tokens.truncated for one in examples.values())
    if cut:
        log.warning(
            "%s sequences are longer than %s tokens and were cut (--long window-mean reads all)",
            f"{cut:,}",
            f"{max_length:,}",
        )
    return examples


def token_limit(max_length: int | None, encoder: Encoder, folder: Path) -> int:
    """Return the longest window, specials counted.

    Raises
    ------
    UserError
        If ``max_length`` is more than the model can take, or leaves no room.
    """
    specials = len(encoder.tokenizer.prefix) + len(encoder.tokenizer.suffix)
    if max_length is None:
        return encoder.max_length
    longest = max_length if encoder.longest is None else encoder.longest
    if not specials < max_length <= longest:
        raise UserError(
            f"--max-length {max_length:,} does not fit the model",
            file=folder,
            remedy=f"use {specials + 1} to {longest:,}",
        )
    return max_length


def _refuse_unknown(tokens: TokenWindows, folder: Path) -> None:
    if tokens.unknown > MOST_UNKNOWN * tokens.tokens.sum():
        raise UserError(
            f"its tokenizer knows few of the training table's tokens ({tokens.unknown:,} unknown)",
            file=folder,
            remedy="give sequences in the letters and pieces that it was made for",
        )
