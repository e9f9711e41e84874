"""Encoders from any model folder: ours, those that transformers knows itself, and DNABERT-2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from transformers import MODEL_MAPPING, AutoConfig, PreTrainedConfig, PreTrainedModel

from pybmfm.core import UserError, derive_seed, is_out_of_memory
from pybmfm.core.artifacts import MANIFEST
from pybmfm.core.ownership import read_json_object
from pybmfm.model.attention import FLAT_ATTENTION
from pybmfm.model.checkpoints import WEIGHTS, load_checkpoint, quiet, save_checkpoint
from pybmfm.model.configurations import build_model
from pybmfm.model.dnabert2 import Dnabert2Config, Dnabert2ForMaskedLM, is_dnabert2
from pybmfm.model.encoder import FLAT_TYPES
from pybmfm.model.lightning import read_torch_weights
from pybmfm.model.model_folder import read_model_config

if TYPE_CHECKING:
    from pybmfm.tokenizer import DnaTokenizer, ForeignTokenizer

PICKLED = "pytorch_model.bin"
# Heads and buffers that a body does without.
NOT_OF_A_BODY = (
    "cls.",
    "lm_head.",
    "head.",
    "decoder.",
    "classifier.",
    "score.",
    "mlm.",
    "predictions.",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "generator_",
    "discriminator_",
)
INSIDE_A_BODY = ("pooler.", "contact_head.", "position_ids", "token_type_ids", "inv_freq")
# Their learned positions begin behind the padding id.
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "esm")
LONGEST_UNKNOWN = 512
WITHOUT_POOLER = ("bert", "roberta", "xlm-roberta", "camembert", "esm")


@dataclass(frozen=True)
class Encoder:
    """A model to be fine-tuned, with its tokenizer.

    Attributes
    ----------
    model
        With or without a head for masked tokens.
    tokenizer
        The model's own.
    name
        ``ref``, ``snp`` or ``mixed`` for our checkpoints, otherwise the folder's name.
    max_length
        Tokens that it takes unless told otherwise, specials counted.
    longest
        Tokens that it can take at most; None is no limit.
    """

    model: PreTrainedModel
    tokenizer: DnaTokenizer | ForeignTokenizer
    name: str
    max_length: int
    longest: int | None

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write model and tokenizer as a folder that `load_encoder` reads; ``card`` for ours."""
        from pybmfm.tokenizer import DnaTokenizer

        if isinstance(self.tokenizer, DnaTokenizer):
            save_checkpoint(folder, self.model, self.tokenizer, card)
            return
        quiet()
        self.model.save_pretrained(folder)
        self.tokenizer.save_into(folder)


def load_encoder(folder: str | Path, *, from_scratch: bool = False, seed: int = 0) -> Encoder:
    """Load an encoder of any kind we can compute, on the CPU, in float32.

    A folder with our manifest is one of our checkpoints. Otherwise its ``config.json`` says what
    it is: DNABERT-2, or a type that transformers has a class for. Code that a folder brings is
    never run, and weights either fit the whole body or are refused.

    Parameters
    ----------
    from_scratch
        Fresh weights of the same configuration, drawn from ``seed``.

    Raises
    ------
    UserError
        If the folder is no model, is damaged, needs code of its own, or its weights do not fit.
    """
    folder = Path(folder)
    config = read_model_config(folder)
    manifest = folder / MANIFEST
    if manifest.is_file() and "artefact" in read_json_object(manifest, numbers_only=True):
        model, tokenizer = load_checkpoint(folder)
        fresh = build_model(model.config, seed) if from_scratch else model
        limit = int(model.config.max_position_embeddings)
        return Encoder(fresh, tokenizer, tokenizer.encoding, limit, limit)
    from pybmfm.tokenizer import ForeignTokenizer

    foreign = ForeignTokenizer(folder)
    model = _foreign_model(folder, config, from_scratch, seed)
    limit = _limit(model.config)
    longest = None if isinstance(model, Dnabert2ForMaskedLM) else limit
    return Encoder(model, foreign, folder.resolve().name, limit, longest)


def _foreign_model(
    folder: Path, content: dict[str, Any], from_scratch: bool, seed: int
) -> PreTrainedModel:
    quiet()
    if is_dnabert2(content):
        if content.get("hidden_act", "gelu") != "gelu":
            raise _unknown(folder, f"a DNABERT-2 with {content['hidden_act']}")
        kind: Any = Dnabert2ForMaskedLM
        known = {k: v for k, v in content.items() if k not in ("model_type", "auto_map")}
        config: PreTrainedConfig = Dnabert2Config(**known)
    else:
        _refuse_remote_code(folder, content)
        config = _known_config(folder)
        kind = _body_class(config, folder)
    if from_scratch:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "weights"))
            model = kind(config)
    else:
        model = _with_weights(kind, config, folder)
    if config.model_type in WITHOUT_POOLER:
        model.pooler = None  # not used here, and often not among the weights
    if config.model_type in FLAT_TYPES:
        model.set_attn_implementation(FLAT_ATTENTION)
    fresh: PreTrainedModel = model.float().eval()
    return fresh


def _with_weights(kind: Any, config: PreTrainedConfig, folder: Path) -> PreTrainedModel:
    """Load the weights, all of the body's and nothing that has no place in it."""
    try:
        model, info = kind.from_pretrained(
            None,
            config=config,
            state_dict=_read_weights(folder),
            output_loading_info=True,
            dtype=torch.float32,
        )
    except UserError:
        raise
    except Exception as error:  # of many kinds, for a configuration of wrong types
        if is_out_of_memory(error):
            raise
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise _unknown(folder, reason) from error
    prefix = model.base_model_prefix + "."
    lacking = [name for name in info["missing_keys"] if not _is_spare(name, prefix)]
    surplus = [name for name in info["unexpected_keys"] if not _is_spare(name, prefix)]
    for names, what in ((lacking, "it lacks the tensor"), (surplus, "there is no place for")):
        if names:
            raise _unknown(folder, f"{what} {min(names)} (and {len(names) - 1} more)")
    return model  # type: ignore[no-any-return]


def _is_spare(name: str, prefix: str) -> bool:
    inside = name.removeprefix(prefix)
    if inside.startswith(INSIDE_A_BODY) or name.endswith(INSIDE_A_BODY[2:]):
        return True
    return inside == name and name.startswith(NOT_OF_A_BODY)


def _read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Read all tensors; shards too. A pickle is read without running anything in it."""
    shards = sorted(folder.glob("model*.safetensors"))
    if (folder / WEIGHTS).is_file():
        shards = [folder / WEIGHTS]
    if shards:
        return {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
    if (folder / PICKLED).is_file():
        return read_torch_weights(folder / PICKLED)
    raise UserError(
        f"has neither {WEIGHTS} nor {PICKLED}", file=folder, remedy="copy the model again"
    )


def _known_config(folder: Path) -> PreTrainedConfig:
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # of many kinds
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise _unknown(folder, reason) from error
    if getattr(config, "is_encoder_decoder", False):
        raise _unknown(folder, "it is no encoder")
    return config  # type: ignore[no-any-return]


def _body_class(config: PreTrainedConfig, folder: Path) -> Any:
    try:
        found = MODEL_MAPPING[type(config)]
    except KeyError:
        raise _unknown(folder, f"transformers has no body of type {config.model_type}") from None
    return found[0] if isinstance(found, tuple) else found


def _refuse_remote_code(folder: Path, config: Mapping[str, Any]) -> None:
    named: object = config.get("auto_map") or ()
    if not isinstance(named, Iterable) or any(name != "AutoTokenizer" for name in named):
        raise _unknown(folder, "its config.json asks for code of its own (auto_map)")


def _limit(config: PreTrainedConfig) -> int:
    limit = int(getattr(config, "max_position_embeddings", None) or LONGEST_UNKNOWN)
    if config.model_type in POSITIONS_AFTER_PADDING:
        limit -= (config.pad_token_id or 0) + 1
    return limit


def _unknown(folder: Path, reason: str) -> UserError:
    return UserError(
        f"is not a model that can be computed here ({reason})",
        file=folder,
        remedy="give one of our checkpoints, DNABERT-2, or an encoder that transformers has a "
        "class for; code from a folder is never run and weights are never loaded in part",
    )
