"""AdamW as the published models were trained with, and Muon for hidden matrices."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

BETAS = (0.9, 0.98)
EPSILON = 1e-6  # this and the weight decay are lost in the paper: DNABERT-2's, which it follows
WEIGHT_DECAY = 1e-5
CLIP = 1.0
MUON_RATE = 6.5  # Muon's learning rate is so many times AdamW's: .02 beside 3e-3
MOMENTUM = 0.95
LAYER = re.compile(r"\.layers?\.")  # ModernBERT's and BERT's names


class Optimizers:
    """One or two optimizers that step together, of parameters by name.

    Parameters
    ----------
    named
        Parameters by name.
    kind
        ``adamw``; or ``muon``: Muon (Jordan 2024) for the matrices of the layers, AdamW for
        embeddings, norms, biases and the prediction head.
    device
        Where they lie.
    """

    def __init__(
        self, named: Mapping[str, torch.nn.Parameter], kind: str, device: torch.device
    ) -> None:
        hidden = [p for name, p in named.items() if p.ndim == 2 and LAYER.search(name)]
        others = list(named.values())
        self.parts: list[torch.optim.Optimizer] = []
        if kind == "muon":
            chosen = {id(p) for p in hidden}
            others = [p for p in others if id(p) not in chosen]
            muon = torch.optim.Muon(hidden, lr=0.0, weight_decay=0.0, momentum=MOMENTUM)
            muon.param_groups[0]["scale"] = MUON_RATE
            self.parts.append(muon)
        self.parts.append(adamw(others, device))

    def set_rate(self, rate: float) -> None:
        """Set the learning rate, AdamW's; Muon's follows."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * group.get("scale", 1.0)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Do one step."""
        for part in self.parts:
            part.step()


def adamw(parameters: list[torch.nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
    """Return AdamW with weight decay on matrices only; the learning rate is set at every step."""
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=device.type == "cuda")
