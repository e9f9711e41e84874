"""A fine-tuned model on disk: the encoder's folder, and the head beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pybmfm.core import UserError, write_json
from pybmfm.model.encoder import SequenceModel
from pybmfm.model.foreign import Encoder, load_encoder

HEAD, HEAD_WEIGHTS = "head.json", "head.safetensors"


@dataclass(frozen=True)
class HeadFacts:
    """What the head's outputs are, and how sequences reach it.

    Attributes
    ----------
    task, kind, classes
        As in the task's tables; no classes for regression.
    pooling
        ``mean``, ``cls`` or ``max``.
    max_length
        Tokens of a window, specials counted.
    long
        What is done with longer sequences: ``truncate`` or ``window-mean``.
    mean, deviation
        A value is ``output * deviation + mean``.
    """

    task: str
    kind: str
    classes: list[str] = field(default_factory=list)
    pooling: str = "mean"
    max_length: int = 0
    long: str = "truncate"
    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class FinetunedModel:
    """What `load_finetuned` read."""

    network: SequenceModel
    encoder: Encoder
    facts: HeadFacts


def save_finetuned(
    folder: Path,
    encoder: Encoder,
    network: SequenceModel,
    facts: HeadFacts,
    card: Mapping[str, Any],
) -> None:
    """Write a fine-tuned model; ``card`` as for `save_checkpoint`."""
    encoder.save(folder, card)
    head = {name: weight.detach().cpu() for name, weight in network.head.state_dict().items()}
    save_file(head, folder / HEAD_WEIGHTS)
    write_json(folder / HEAD, asdict(facts))


def load_finetuned(folder: str | Path) -> FinetunedModel:
    """Read a fine-tuned model: its folder, or the result folder that holds it as ``model``.

    Raises
    ------
    UserError
        If it was not saved by fine-tuning, or is damaged.
    """
    folder = Path(folder)
    if not (folder / HEAD).is_file() and (folder / "model" / HEAD).is_file():
        folder = folder / "model"
    if not (folder / HEAD).is_file():
        raise UserError(
            f"has no {HEAD}",
            file=folder,
            remedy="give a folder that 'finetune --save-model' wrote",
        )
    try:
        facts = HeadFacts(**json.loads((folder / HEAD).read_text()))
        weights = load_file(folder / HEAD_WEIGHTS)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise UserError(
            f"has no head that can be read ({error})", file=folder, remedy="fine-tune again"
        ) from error
    encoder = load_encoder(folder)
    network = SequenceModel(
        encoder.model,
        len(weights["bias"]),
        pooling=facts.pooling,
        special_ids=encoder.tokenizer.special_ids,
    )
    network.head.load_state_dict(weights)
    return FinetunedModel(network.eval(), encoder, facts)
