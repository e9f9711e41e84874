"""A fine-tuned model on disk: the encoder's folder, and the head beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pybmfm.core import UserError, check_label, write_json
from pybmfm.core.names import shortened
from pybmfm.core.ownership import read_json_object
from pybmfm.model.encoder import SequenceModel
from pybmfm.model.foreign import Encoder, load_encoder
from pybmfm.model.pooling import POOLINGS

HEAD, HEAD_WEIGHTS = "head.json", "head.safetensors"
KINDS = ("binary", "multiclass", "multilabel", "regression")
LONG = ("truncate", "window-mean")
LONGEST = 1 << 31  # tokens of a window


@dataclass(frozen=True)
class HeadFacts:
    """What the head's outputs are, and how sequences reach it.

    Attributes
    ----------
    task, kind, classes
        As in the task's tables; no classes for regression.
    pooling
        One of `POOLINGS`.
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
    facts = _read_facts(folder / HEAD)
    encoder = load_encoder(folder)
    if encoder.longest is not None and facts.max_length > encoder.longest:
        raise _wrong(folder / HEAD, "max_length", facts.max_length)
    network = SequenceModel(
        encoder.model,
        max(1, len(facts.classes)),
        pooling=facts.pooling,
        special_ids=encoder.tokenizer.special_ids,
    )
    try:
        network.head.load_state_dict(load_file(folder / HEAD_WEIGHTS))
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
        raise UserError(
            f"has no head that can be read ({reason})", file=folder, remedy="fine-tune again"
        ) from error
    return FinetunedModel(network.eval(), encoder, facts)


def _read_facts(path: Path) -> HeadFacts:
    """Read ``head.json``, and check every fact, as the file may come from anywhere."""
    content = read_json_object(path, numbers_only=True)
    try:
        facts = HeadFacts(**content)
    except TypeError as error:
        raise UserError(f"is no head ({error})", file=path, remedy="fine-tune again") from error
    check_label(facts.task, "task", file=path)
    right = {
        "kind": facts.kind in KINDS,
        "classes": isinstance(facts.classes, list)
        and all(isinstance(name, str) for name in facts.classes),
        "pooling": facts.pooling in POOLINGS,
        "max_length": _is_number(facts.max_length, int) and 0 < facts.max_length < LONGEST,
        "long": facts.long in LONG,
        "mean": _is_number(facts.mean, int, float),
        "deviation": _is_number(facts.deviation, int, float) and facts.deviation > 0,
    }
    for name, is_right in right.items():
        if not is_right:
            raise _wrong(path, name, content.get(name))
    return facts


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _wrong(path: Path, name: str, value: object) -> UserError:
    return UserError(
        f"gives {name} as {shortened(json.dumps(value))}, which no head has",
        file=path,
        remedy="fine-tune again",
    )
