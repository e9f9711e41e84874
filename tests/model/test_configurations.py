from __future__ import annotations

import pytest
import torch
from transformers import ModernBertForMaskedLM

from pybmfm.core import UserError
from pybmfm.model import build_config, build_model

IDS = {"vocab_size": 4096, "pad_id": 2, "cls_id": 3, "sep_id": 1}


def test_paper_preset_is_the_published_encoder():
    config = build_config("modernbert", "paper", **IDS)
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (
        22,
        768,
        12,
    )
    assert config.intermediate_size == 1152
    assert config.layer_types[:4] == [
        "full_attention",
        "sliding_attention",
        "sliding_attention",
        "full_attention",
    ]
    assert config.local_attention == 128
    assert config.rope_parameters["full_attention"]["rope_theta"] == 160_000
    assert config.rope_parameters["sliding_attention"]["rope_theta"] == 10_000
    with torch.device("meta"):
        assert round(ModernBertForMaskedLM(config).num_parameters() / 1e6) == 114


@pytest.mark.parametrize(
    ("preset", "sizes"), [("tiny", (2, 128, 4, 192)), ("small", (4, 256, 4, 384))]
)
@pytest.mark.parametrize("architecture", ["modernbert", "bert", "performer"])
def test_presets(architecture, preset, sizes):
    config = build_config(architecture, preset, **IDS)
    found = (
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
    )
    assert found == sizes
    assert config.max_position_embeddings == 2048


def test_weights_come_from_the_seed_and_leave_the_global_state():
    config = build_config("modernbert", "tiny", **IDS)
    before = torch.get_rng_state()
    one, same, other = (build_model(config, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    weights = [m.model.layers[0].attn.Wqkv.weight for m in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(("architecture", "preset"), [("gru", "tiny"), ("bert", "huge")])
def test_unknown_names_are_one_sentence(architecture, preset):
    with pytest.raises(UserError, match="use one of"):
        build_config(architecture, preset, **IDS)


def test_the_global_rotary_base_grows_beyond_what_it_was_made_for():
    def thetas(max_length):
        rope = build_config("modernbert", "tiny", **IDS, max_length=max_length).rope_parameters
        return rope["full_attention"]["rope_theta"], rope["sliding_attention"]["rope_theta"]

    assert thetas(2048) == thetas(8192) == (160_000, 10_000)
    assert thetas(16_384) == (320_000, 10_000)
