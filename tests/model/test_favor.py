"""FAVOR+ estimates the softmax without bias, and better with more features."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from pybmfm.model import FlatBatch, build_config, build_model, hidden_states
from pybmfm.model.favor import favor_attention, random_directions

HEAD = 16
CPU = torch.device("cpu")


def vectors(length: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(1, 2, length, HEAD, generator=generator) for _ in range(3))


def estimate_error(features: int) -> float:
    """Mean absolute difference to exact attention, over several draws of directions."""
    q, k, v = vectors(50)
    q, k = q / 2, k / 2  # the variance grows with the exponential of their lengths
    exact = scaled_dot_product_attention(q, k, v)
    errors = [
        (
            favor_attention(
                q, k, v, random_directions(seed, 0, features, HEAD, CPU), HEAD**-0.5, [0, 50]
            )
            - exact
        )
        .abs()
        .mean()
        for seed in range(5)
    ]
    return float(torch.stack(errors).mean())


def test_more_features_come_closer_to_exact_attention():
    errors = [estimate_error(features) for features in (16, 256, 4096)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


def test_directions_are_orthogonal_in_blocks_and_as_long_as_gaussian_vectors():
    directions = random_directions(0, 3, 4096, HEAD, CPU).double()
    for block in directions.split(HEAD):
        products = block @ block.T
        off = products - torch.diag(products.diagonal())
        assert float(off.abs().max()) < 1e-4
    # The squared length of a Gaussian vector is chi-square distributed, its mean is the size.
    assert abs(float(directions.square().sum(1).mean()) - HEAD) < 0.5


def test_directions_depend_on_seed_and_layer_alone():
    one = random_directions(0, 0, 32, HEAD, CPU).clone()
    random_directions.cache_clear()
    torch.manual_seed(5)
    assert torch.equal(one, random_directions(0, 0, 32, HEAD, CPU))
    assert not torch.equal(one, random_directions(0, 1, 32, HEAD, CPU))
    assert not torch.equal(one, random_directions(1, 0, 32, HEAD, CPU))


def test_large_inputs_stay_finite():
    q, k, v = (part * 100 for part in vectors(20))
    directions = random_directions(0, 0, 64, HEAD, CPU)
    assert torch.isfinite(favor_attention(q, k, v, directions, HEAD**-0.5, [0, 20])).all()


def test_a_performer_learns_through_its_attention():
    config = build_config("performer", "tiny", vocab_size=60, pad_id=2, cls_id=3, sep_id=1)
    model = build_model(config)
    batch = FlatBatch.from_sequences([np.array([3, 7, 8, 9, 1])])
    hidden_states(model, batch).square().sum().backward()
    assert all(float(layer.attn.Wqkv.weight.grad.abs().sum()) > 0 for layer in model.model.layers)
