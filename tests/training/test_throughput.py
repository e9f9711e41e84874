"""Work is counted as torch itself counts it, where torch computes nothing in vain."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pybmfm.model import FlatBatch, build_config, build_model, hidden_states, masked_lm_logits
from pybmfm.training import throughput
from pybmfm.training.throughput import peak_flops, peak_memory_bytes, training_flops


def config(architecture: str, preset: str = "tiny"):
    return build_config(architecture, preset, vocab_size=300, pad_id=0, cls_id=1, sep_id=2)


@pytest.mark.parametrize("architecture", ["modernbert", "bert"])
def test_flops_are_those_that_torch_counts(architecture):
    model = build_model(config(architecture))
    # Sequences within the window: local layers then compute no more than their window.
    lengths, masked = [60, 17, 33], 12
    batch = FlatBatch.from_sequences([torch.arange(3, 3 + n).numpy() for n in lengths])
    # Torch counts attention only where it is made of plain matrix products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        masked_lm_logits(model, hidden_states(model, batch)[:masked]).sum().backward()
    counted = counter.get_total_flops()
    # Rotary angles are a product, too, and nothing beside the rest.
    assert training_flops(model.config, lengths, masked) == pytest.approx(counted, rel=1e-4)


def test_local_layers_attend_to_their_window_alone():
    small = config("modernbert", "small")
    kinds = small.layer_types
    assert set(kinds) == {"full_attention", "sliding_attention"}
    reach, n = small.local_attention // 2, 400
    near = sum(abs(i - j) <= reach for i in range(n) for j in range(n))
    pairs = sum(near if kind == "sliding_attention" else n * n for kind in kinds)
    linear = training_flops(small, [1], 0) - 12 * len(kinds) * small.hidden_size
    assert training_flops(small, [n], 0) == linear * n + 12 * small.hidden_size * pairs


def test_a_performer_costs_the_same_per_token_at_any_length():
    performer = config("performer")
    assert training_flops(performer, [800], 0) == training_flops(performer, [100] * 8, 0)
    assert training_flops(config("modernbert"), [800], 0) > training_flops(
        config("modernbert"), [100] * 8, 0
    )


def test_the_paper_preset_costs_684_mflop_per_token():
    # 684 MFLOP per token without attention, logits at every place, vocabulary of 4,096.
    paper = build_config("modernbert", "paper", vocab_size=4096, pad_id=0, cls_id=1, sep_id=2)
    per_token = training_flops(paper, [1] * 100, 100) / 100 / 1e6
    assert per_token == pytest.approx(684, rel=0.001)


def test_peak_is_the_users_word_or_the_gpus_name(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    assert peak_flops(cpu, "fp32", None) is None
    assert peak_flops(cpu, "fp32", 0.5) == 5e11
    for name, tflops in [
        ("NVIDIA H200", 989.0),
        ("NVIDIA H100 80GB HBM3", 989.0),
        ("NVIDIA H100 PCIe", 756.0),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA A10G", 70.0),
        ("NVIDIA L40S", 362.0),
    ]:
        monkeypatch.setattr(throughput.torch.cuda, "get_device_name", lambda _, name=name: name)
        assert peak_flops(gpu, "bf16", None) == tflops * 1e12
        assert peak_flops(gpu, "fp32", None) is None
        assert peak_flops(gpu, "bf16", 790.0) == 790e12
    monkeypatch.setattr(throughput.torch.cuda, "get_device_name", lambda _: "Unheard of")
    assert peak_flops(gpu, "bf16", None) is None


def test_memory_of_this_process_is_more_than_python_alone():
    assert 20e6 < peak_memory_bytes(torch.device("cpu")) < 1e12
