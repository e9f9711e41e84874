"""Checkpoint folders are plain Hugging Face folders."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from pybmfm.core import UserError, read_manifest
from pybmfm.model import (
    FlatBatch,
    architecture_of,
    build_config,
    build_model,
    hidden_states,
    load_checkpoint,
    masked_lm_logits,
    save_checkpoint,
)
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer") / "ref"
    lines = ["ACGTTGCAAGGCT" * 20] * 3
    train_tokenizer(
        TokenizerSettings(out=folder, encoding="ref", vocab_size=150),
        lines,
        origin={},
        inputs=(),
        counts={},
    )
    return DnaTokenizer.load(folder)


@pytest.fixture(params=["modernbert", "bert", "performer"])
def saved(request, tmp_path, tokenizer):
    config = build_config(
        request.param,
        "tiny",
        vocab_size=tokenizer.vocab_size,
        pad_id=tokenizer.pad,
        cls_id=tokenizer.cls,
        sep_id=tokenizer.sep,
    )
    model = build_model(config, 5).eval()
    save_checkpoint(tmp_path, model, tokenizer, {"settings": {"seed": 5}, "notes": ["A test."]})
    return tmp_path, model


def test_plain_transformers_loads_model_and_tokenizer(saved, tokenizer):
    folder, model = saved
    plain = AutoModelForMaskedLM.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)("acgttgca", return_tensors="pt")
    ids = np.r_[tokenizer.cls, tokenizer.encode("ACGTTGCA"), tokenizer.sep]
    assert inputs["input_ids"][0].tolist() == ids.tolist()
    with torch.no_grad():
        ours = masked_lm_logits(model, hidden_states(model, FlatBatch.from_sequences([ids])))
        logits = plain(**inputs).logits[0]
    # A Performer's estimate is near the softmax of its body, and the card says that it differs.
    estimated = architecture_of(model.config) == "performer"
    torch.testing.assert_close(logits, ours, atol=1e-2 if estimated else 1e-5, rtol=0)
    assert estimated == ("FAVOR+" in (folder / "README.md").read_text())


def test_configuration_names_no_attention_of_ours(saved):
    assert "pybmfm" not in (saved[0] / "config.json").read_text()


def test_round_trip_is_exact(saved):
    folder, model = saved
    loaded, tokenizer = load_checkpoint(folder)
    assert tokenizer.encoding == "ref"
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name]), name


def test_manifest_and_card_say_what_it_is(saved):
    manifest = read_manifest(saved[0], "checkpoint")
    assert (manifest["encoding"], manifest["settings"]) == ("ref", {"seed": 5})
    assert "A test." in (saved[0] / "README.md").read_text()


def test_saving_leaves_no_temporary_files(saved):
    assert not [p for p in saved[0].iterdir() if p.name.startswith(".")]


def test_others_may_read_the_weights_as_they_may_the_rest(saved):
    modes = {path.stat().st_mode & 0o777 for path in saved[0].iterdir() if path.is_file()}
    assert len(modes) == 1


def test_damage_is_one_sentence(saved):
    folder = saved[0]
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(UserError, match="cannot be loaded"):
        load_checkpoint(folder)
    weights.write_bytes(whole)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(UserError, match="'gpt2'"):
        load_checkpoint(folder)
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"has no config\.json"):
        load_checkpoint(folder)
