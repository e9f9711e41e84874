"""FAVOR+ attention over flat batches: linear in the length, an unbiased estimate of the softmax.

Choromanski et al., "Rethinking Attention with Performers" (2021), section 2 and appendix B:
softmax(q k') is estimated with positive random features whose directions are orthogonal.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch

from pybmfm.core import derive_seed

FAVOR = "favor+"
# What is added to every feature, so that no row of the estimate is divided by nothing.
STABILIZER = 1e-6


def favor_features(head_size: int) -> int:
    """Return the number of random features that the paper's experiments use, ``d log d``."""
    return int(head_size * math.log(head_size))


@lru_cache(maxsize=64)
def random_directions(
    seed: int, layer: int, features: int, head_size: int, device: torch.device
) -> torch.Tensor:
    """Draw directions, float32[features, head size]: orthogonal in blocks, with Gaussian lengths.

    They depend on the arguments alone, so a checkpoint needs to hold the seed only.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "favor", layer))
    blocks = []
    for _ in range(-(-features // head_size)):
        gaussian = torch.randn(head_size, head_size, generator=generator, dtype=torch.float64)
        blocks.append(torch.linalg.qr(gaussian)[0].T)
    lengths = torch.randn(features, head_size, generator=generator, dtype=torch.float64).norm(dim=1)
    directions = torch.cat(blocks)[:features] * lengths[:, None]
    placed: torch.Tensor = directions.float().to(device)
    return placed


def favor_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    directions: torch.Tensor,
    scaling: float,
    bounds: list[int],
) -> torch.Tensor:
    """Attention of each sequence to itself alone, estimated.

    Parameters
    ----------
    query, key, value
        [1, heads, T, head size].
    directions
        float32[features, head size], from `random_directions`.
    scaling
        Of the softmax's argument, ``1 / sqrt(head size)``.
    bounds
        Where each sequence starts, and T.

    Returns
    -------
    torch.Tensor
        [1, heads, T, head size].
    """
    mixed = []
    for start, end in pairwise(bounds):
        q, k, v = (part[0, :, start:end].float() for part in (query, key, value))
        # Subtracting a maximum cancels in the division below: one per query for the queries, and
        # one per head for the keys of this sequence, whose terms stand in numerator and divisor.
        left = _exponents(q, directions, scaling)
        left = torch.exp(left - left.amax(-1, keepdim=True)) + STABILIZER
        right = _exponents(k, directions, scaling)
        right = torch.exp(right - right.amax((-2, -1), keepdim=True)) + STABILIZER
        numerator = left @ (right.transpose(1, 2) @ v)
        divisor = left @ right.sum(1).unsqueeze(-1)
        mixed.append(numerator / divisor)
    return torch.cat(mixed, dim=1)[None].to(value.dtype)


def layer_directions(module: Any, query: torch.Tensor) -> torch.Tensor:
    """Return the directions of an attention layer, from its configuration."""
    config, head_size = module.config, query.shape[-1]
    return random_directions(
        config.favor_seed, module.layer_idx, config.favor_features, head_size, query.device
    )


def _exponents(vectors: torch.Tensor, directions: torch.Tensor, scaling: float) -> torch.Tensor:
    scaled = vectors * math.sqrt(scaling)
    return scaled @ directions.T - scaled.square().sum(-1, keepdim=True) / 2
