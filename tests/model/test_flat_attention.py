"""A flat batch computes what each sequence computes alone."""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.model import (
    FlatBatch,
    SequenceModel,
    build_config,
    build_model,
    hidden_states,
    masked_lm_logits,
    pooled_embeddings,
)
from pybmfm.model.pooling import PARTS, pool

PAD, CLS, SEP, VOCAB = 2, 3, 1, 60
EXACT = ["modernbert", "bert"]
ARCHITECTURES = [*EXACT, "performer"]


def small_model(architecture: str, seed: int = 0):
    config = build_config(
        architecture, "tiny", vocab_size=VOCAB, pad_id=PAD, cls_id=CLS, sep_id=SEP, max_length=512
    )
    return build_model(config, seed).eval()


MODELS = {name: small_model(name) for name in ARCHITECTURES}


def sequences(*lengths: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.r_[CLS, rng.integers(5, VOCAB, n), SEP] for n in lengths]


@pytest.mark.parametrize("architecture", EXACT)
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_flat_logits_equal_plain_transformers_on_single_sequences(architecture, implementation):
    model = MODELS[architecture]
    plain = copy.deepcopy(model)
    plain.set_attn_implementation(implementation)
    members = sequences(300, 5, 129, 64, 1)
    with torch.no_grad():
        flat = masked_lm_logits(model, hidden_states(model, FlatBatch.from_sequences(members)))
        single = [plain(input_ids=torch.tensor(s)[None]).logits[0] for s in members]
    torch.testing.assert_close(flat, torch.cat(single), atol=1e-5, rtol=0)


def test_a_sequence_of_8192_tokens_equals_plain_transformers():
    config = build_config(
        "modernbert", "tiny", vocab_size=VOCAB, pad_id=PAD, cls_id=CLS, sep_id=SEP, max_length=8192
    )
    model = build_model(config).eval()
    plain = copy.deepcopy(model)
    plain.set_attn_implementation("sdpa")
    long, short = sequences(8190, 20)
    with torch.no_grad():
        flat = hidden_states(model, FlatBatch.from_sequences([short, long]))
        single = plain.model(input_ids=torch.tensor(long)[None]).last_hidden_state[0]
    torch.testing.assert_close(flat[22:], single, atol=1e-5, rtol=0)


@settings(max_examples=12, deadline=None)
@given(
    architecture=st.sampled_from(ARCHITECTURES),
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=5),
)
def test_flat_states_equal_single_states(architecture, lengths):
    model, members = MODELS[architecture], sequences(*lengths)
    with torch.no_grad():
        flat = hidden_states(model, FlatBatch.from_sequences(members))
        single = [hidden_states(model, FlatBatch.from_sequences([s])) for s in members]
    torch.testing.assert_close(flat, torch.cat(single), atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equally_long_neighbours_equal_single_ones_too(architecture):
    model, members = MODELS[architecture], sequences(30, 30, 90, 90, 90, 7, 30)
    with torch.no_grad():
        flat = hidden_states(model, FlatBatch.from_sequences(members))
        single = [hidden_states(model, FlatBatch.from_sequences([s])) for s in members]
    torch.testing.assert_close(flat, torch.cat(single), atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_leak_when_a_neighbour_changes(architecture):
    model, members = MODELS[architecture], sequences(150, 90, 40)
    batch = FlatBatch.from_sequences(members)
    changed = [members[0].copy(), members[1], members[2].copy()]
    changed[0][1:-1], changed[2][1:-1] = 7, 9
    with torch.no_grad():
        before = hidden_states(model, batch)
        after = hidden_states(model, FlatBatch.from_sequences(changed))
    middle = batch.sequence_of_token == 1
    assert torch.equal(before[middle], after[middle])
    assert not torch.equal(before[~middle], after[~middle])


def test_local_layers_see_64_tokens_to_either_side():
    model = build_model(
        build_config("modernbert", "tiny", vocab_size=VOCAB, pad_id=PAD, cls_id=CLS, sep_id=SEP)
    ).eval()
    model.config.layer_types = ["sliding_attention", "sliding_attention"]
    for layer in model.model.layers:
        layer.attn.sliding_window = 65
        layer.attention_type = "sliding_attention"
    (sequence,) = sequences(398)
    changed = sequence.copy()
    changed[200] = 5 + (sequence[200] - 4) % (VOCAB - 5)
    with torch.no_grad():
        one, other = (
            hidden_states(model, FlatBatch.from_sequences([s])) for s in (sequence, changed)
        )
    moved = torch.nonzero((one != other).any(1)).flatten()
    assert (int(moved.min()), int(moved.max())) == (200 - 128, 200 + 128)  # two layers of 64


def test_gradients_equal_those_of_single_sequences():
    members = sequences(140, 30)
    gradients = []
    for groups in ([members], [[s] for s in members]):
        model = small_model("modernbert")
        for group in groups:
            hidden_states(model, FlatBatch.from_sequences(group)).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.model.parameters()]))
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_pooling_averages_the_real_tokens_only():
    model, members = MODELS["modernbert"], sequences(3, 7)
    batch = FlatBatch.from_sequences(members)
    with torch.no_grad():
        states, pooled = (
            hidden_states(model, batch),
            pooled_embeddings(model, batch, (PAD, CLS, SEP)),
        )
    torch.testing.assert_close(pooled, torch.stack([states[1:4].mean(0), states[6:13].mean(0)]))


def test_parts_are_means_of_stretches_of_as_many_real_tokens():
    model, members = MODELS["modernbert"], sequences(3, 43)
    batch = FlatBatch.from_sequences(members)
    with torch.no_grad():
        states = hidden_states(model, batch)
    pooled = pool(states, batch, "parts", (PAD, CLS, SEP)).reshape(2, 1 + PARTS, -1)
    borders = [6 + math.ceil(part * 43 / PARTS) for part in range(PARTS + 1)]
    means = [states[first:last].mean(0) for first, last in pairwise(borders)]
    mean = states[6:49].mean(0)
    torch.testing.assert_close(pooled[1], torch.stack([mean, *((m - mean) / PARTS for m in means)]))
    # Three tokens leave five of eight parts empty.
    few = torch.zeros_like(pooled[0])
    few[0] = states[1:4].mean(0)
    few[[1, 3, 6]] = (states[1:4] - few[0]) / PARTS
    torch.testing.assert_close(pooled[0], few)
    model = SequenceModel(small_model("modernbert"), 3, pooling="parts", special_ids=())
    assert model(batch).shape == (2, 3)


def test_sequence_model_trains_its_encoder():
    model = SequenceModel(small_model("bert"), 3, special_ids=())
    outputs = model(FlatBatch.from_sequences(sequences(3, 7)))
    assert outputs.shape == (2, 3)
    outputs.square().sum().backward()
    assert model.encoder.embeddings.word_embeddings.weight.grad.abs().sum() > 0


def test_bert_refuses_sequences_beyond_its_positions():
    with pytest.raises(UserError, match="512 learned positions"):
        hidden_states(MODELS["bert"], FlatBatch.from_sequences(sequences(600)))


def test_padded_calls_are_refused_instead_of_ignoring_the_padding():
    with pytest.raises(RuntimeError, match="flat batches"):
        MODELS["modernbert"](input_ids=torch.ones(2, 4, dtype=torch.long))


def test_empty_batches_are_refused():
    for members in ([], [np.array([], int)]):
        with pytest.raises(ValueError, match="empty"):
            FlatBatch.from_sequences(members)
