"""Low-rank adapters, put into an encoder by peft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from pybmfm.core import UserError

NOT_ADAPTED = ("pooler", "cls", "lm_head", "head", "decoder", "predictions")


def add_adapters(body: Any, rank: int, alpha: float, targets: Sequence[str] = ()) -> Any:
    """Put adapters beside linear layers of a body, in place; all other weights are frozen.

    Parameters
    ----------
    targets
        Last parts of the layers' names; those of all linear layers if empty.

    Returns
    -------
    peft.PeftModel
        To save the adapters with, and to merge them.

    Raises
    ------
    UserError
        If a target is no linear layer of the body.
    """
    from peft import LoraConfig, get_peft_model

    linear = [name for name, part in body.named_modules() if isinstance(part, nn.Linear)]
    spared = [name for name in linear if set(name.split(".")) & set(NOT_ADAPTED)]
    known = sorted({name.rpartition(".")[2] for name in set(linear) - set(spared)})
    for target in targets:
        if target not in known:
            raise UserError(
                f"the model has no linear layers named '{target}'",
                remedy=f"choose --lora-targets among {', '.join(known)}",
            )
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]
        target_modules=list(targets or known),
        exclude_modules=spared or None,
    )
    return get_peft_model(body, config)


def save_adapters(adapted: Any, folder: Path, base: str) -> None:
    """Write the adapters in peft's layout; ``base`` names the model that they belong to."""
    adapted.peft_config["default"].base_model_name_or_path = base
    # "auto" would look for the base model on the hub.
    adapted.save_pretrained(folder, save_embedding_layers=False)
