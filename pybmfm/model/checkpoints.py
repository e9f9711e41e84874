"""Checkpoint folders that plain transformers loads: `AutoModelForMaskedLM.from_pretrained`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from pybmfm.core import UserError, is_out_of_memory, let_others_read, write_manifest
from pybmfm.core.artifacts import record_files
from pybmfm.core.ownership import keep_foreign
from pybmfm.model.attention import FLAT_ATTENTION
from pybmfm.model.card import model_card
from pybmfm.model.configurations import ARCHITECTURES, architecture_of
from pybmfm.model.model_folder import read_model_config

if TYPE_CHECKING:
    from pybmfm.tokenizer import DnaTokenizer

WEIGHTS = "model.safetensors"


def load_model(folder: str | Path, device: str | torch.device = "cpu") -> PreTrainedModel:
    """Load the masked language model of a checkpoint folder, float32, in evaluation mode.

    Only ``model.safetensors`` is read: no pickle and no code from the folder is ever run.

    Raises
    ------
    UserError
        If the folder is no checkpoint, is damaged, holds an adapter, or an architecture that we
        do not know.
    """
    folder = Path(folder)
    config = read_model_config(folder)
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"has no {WEIGHTS}", file=folder, remedy="give a checkpoint folder")
    architecture = _architecture(folder, config)
    quiet()
    try:
        model, info = ARCHITECTURES[architecture].from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except Exception as error:  # of many kinds, for a configuration of wrong types
        if is_out_of_memory(error):
            raise
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error) else "unreadable"
        raise UserError(
            f"cannot be loaded ({reason})", file=folder, remedy="make or copy the checkpoint again"
        ) from error
    if lacking := sorted(info["missing_keys"]):
        # transformers would fill them with random numbers.
        raise UserError(
            f"cannot be loaded (it lacks the tensor {lacking[0]} and {len(lacking) - 1} more)",
            file=folder / WEIGHTS,
            remedy="make or copy the checkpoint again",
        )
    model.set_attn_implementation(FLAT_ATTENTION)
    return model.to(device).eval()  # type: ignore[no-any-return, arg-type]


def load_checkpoint(
    folder: str | Path, device: str | torch.device = "cpu"
) -> tuple[PreTrainedModel, DnaTokenizer]:
    """Load a checkpoint's model and tokenizer.

    Returns
    -------
    tuple
        The model (evaluation mode, flat attention set) and its tokenizer.

    Raises
    ------
    UserError
        As `load_model`, or if the tokenizer is missing.
    """
    from pybmfm.tokenizer import DnaTokenizer

    return load_model(folder, device), DnaTokenizer.load(folder)


def save_checkpoint(
    folder: str | Path, model: PreTrainedModel, tokenizer: DnaTokenizer, card: Mapping[str, Any]
) -> None:
    """Write a model, its tokenizer, a model card and ``manifest.json`` into ``folder``.

    Files are written aside and then renamed, the weights and the manifest last; other files in
    the folder stay, and a user's file that has the name of one of ours is kept under another. The
    configuration does not mention our attention, so that plain transformers loads the folder
    without trust_remote_code.

    Parameters
    ----------
    folder
        Made when absent.
    model
        Masked language model.
    tokenizer
        The tokenizer that it was trained with.
    card
        What to say about it, all optional: ``settings`` (JSON types), ``inputs`` (paths read),
        ``metrics`` (name -> number), ``counts``, ``encoding`` (the
        tokenizer's by default), ``notes`` (sentences).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    encoding = str(card.get("encoding", tokenizer.encoding))
    staging = Path(tempfile.mkdtemp(prefix=".checkpoint.", suffix=".part", dir=folder))
    try:
        quiet()
        model.save_pretrained(staging)
        tokenizer.save_into(staging)
        (staging / "README.md").write_text(model_card(model, encoding, card))
        write_manifest(
            staging,
            artefact="checkpoint",
            settings=dict(card.get("settings", {})),
            inputs=card.get("inputs", ()),
            encoding=encoding,
            architecture=architecture_of(model.config),
            parameters=model.num_parameters(),
            metrics=dict(card.get("metrics", {})),
            counts=dict(card.get("counts", {})),
        )
        record_files(staging)
        let_others_read(staging)
        _move_into(folder, staging.iterdir())
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def quiet() -> None:
    """Show no progress bars of transformers."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _move_into(folder: Path, files: Iterable[Path]) -> None:
    last = [WEIGHTS, "manifest.json"]
    ordered = sorted(files, key=lambda p: (last.index(p.name) if p.name in last else -1, p.name))
    for path in ordered:
        keep_foreign(folder / path.name)
    for path in ordered:
        os.replace(path, folder / path.name)


def _architecture(folder: Path, config: Mapping[str, Any]) -> str:
    architecture = config.get("model_type")
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise UserError(
            f"holds a model of type '{architecture}'",
            file=folder,
            remedy=f"give one of {', '.join(ARCHITECTURES)}",
        )
    return architecture
