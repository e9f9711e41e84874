"""The model card: what a checkpoint is, how it was made, what it must not be used for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedModel

from pybmfm.core import describe_inputs
from pybmfm.model.configurations import architecture_of

ENCODINGS = {
    "ref": "the reference genome",
    "snp": "the reference genome with its variants encoded as symbols",
    "mixed": "the reference genome, plain and with its variants encoded as symbols",
}
HEADER = """---
license: apache-2.0
library_name: transformers
pipeline_tag: fill-mask
tags: [biology, genomics, dna]
---
"""
PERFORMER = """This is a Performer: it was trained with FAVOR+ attention, an estimate of the
softmax with random features. Plain transformers loads its weights as a ModernBERT body with exact
softmax attention, which gives close but not the same figures; pybmfm computes FAVOR+.
"""
NONE = "None are recorded.\n"
# What every card says; publishing asks for all of them.
SECTIONS = ("Data digests", "Metrics", "Settings", "Limits")
LIMITS = """## Limits

The model knows the genome and the variants it was trained on and nothing of the individual
reader. Its scores are not evidence of disease and must not be used for clinical decisions.
"""


def model_card(model: PreTrainedModel, encoding: str, card: Mapping[str, Any]) -> str:
    """Return a Hugging Face model card (README.md) in Markdown."""
    config = model.config
    architecture = architecture_of(config)
    seen = ENCODINGS.get(encoding, encoding)
    parts = [
        HEADER,
        f"# DNA language model ({architecture}, {encoding})\n",
        f"A masked language model of {model.num_parameters():,} parameters "
        f"({config.num_hidden_layers} layers of width {config.hidden_size}), trained on {seen}. "
        "Load it with `AutoModelForMaskedLM.from_pretrained` and "
        "`AutoTokenizer.from_pretrained`; no remote code is needed.\n",
        PERFORMER if architecture == "performer" else "",
        *(f"{note}\n" for note in card.get("notes", ())),
        _data(describe_inputs(card.get("inputs", ()))),
        _table("Metrics", card.get("metrics", {})),
        _table("Settings", card.get("settings", {})),
        LIMITS,
    ]
    return "\n".join(part for part in parts if part)


def _data(inputs: Sequence[Mapping[str, Any]]) -> str:
    """Say what was read, so that anybody can tell whether it is the data they have."""
    rows = "\n".join(f"| {one['name']} | {one['bytes']} | {one['sha256']} |" for one in inputs)
    table = f"| input | bytes | SHA-256 |\n|---|---|---|\n{rows}\n" if rows else NONE
    return f"## Data digests\n\n{table}"


def _table(title: str, values: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {_text(value)} |" for name, value in values.items())
    table = f"| name | value |\n|---|---|\n{rows}\n" if rows else NONE
    return f"## {title}\n\n{table}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)
