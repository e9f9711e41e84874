"""AdamW as the published models were trained with."""

from __future__ import annotations

import torch

BETAS = (0.9, 0.98)
EPSILON = 1e-6  # this and the weight decay are lost in the paper: DNABERT-2's, which it follows
WEIGHT_DECAY = 1e-5
CLIP = 1.0


def adamw(parameters: list[torch.nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
    """Return AdamW with weight decay on matrices only; the learning rate is set at every step."""
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=device.type == "cuda")
