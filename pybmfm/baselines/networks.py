"""Convolutional networks over one-hot sequences."""

from __future__ import annotations

import torch
from torch import nn

FIRST_WIDTH = 11  # about the length of a binding site
BINS = 16  # where along the sequence a pattern lies is kept at this resolution
PLACED = 8  # patterns whose place is kept
CNN_CHANNELS = 96
RESIDUAL_CHANNELS = 64
DILATIONS = (1, 2, 4, 8)
HIDDEN = 64
DROPOUT = 0.3


class Cnn(nn.Module):
    """Two convolutions, the best match of each pattern, and two dense layers."""

    def __init__(self, letters: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(letters, CNN_CHANNELS, FIRST_WIDTH, padding="same")
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.MaxPool1d(4, ceil_mode=True),
            nn.Conv1d(CNN_CHANNELS, CNN_CHANNELS, 5, padding="same"),
            nn.ReLU(),
        )
        self.head = _Head(CNN_CHANNELS, outputs)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        """One-hot float32[n, letters, length] to float32[n, outputs]."""
        outputs: torch.Tensor = self.head(self.body(self.first(sequences)))
        return outputs


class ResidualCnn(nn.Module):
    """A stem and four dilated residual blocks (He et al. 2016), then as :class:`Cnn`."""

    def __init__(self, letters: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(letters, RESIDUAL_CHANNELS, FIRST_WIDTH, padding="same")
        self.body = nn.Sequential(*map(_Residual, DILATIONS), nn.ReLU())
        self.head = _Head(RESIDUAL_CHANNELS, outputs)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        """One-hot float32[n, letters, length] to float32[n, outputs]."""
        outputs: torch.Tensor = self.head(self.body(self.first(sequences)))
        return outputs


class _Residual(nn.Module):
    """Two normalised convolutions whose result is added; group norm knows no other rows."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [
                nn.GroupNorm(8, RESIDUAL_CHANNELS),
                nn.ReLU(),
                nn.Conv1d(
                    RESIDUAL_CHANNELS, RESIDUAL_CHANNELS, 5, padding="same", dilation=dilation
                ),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = values + self.layers(values)
        return added


class _Head(nn.Module):
    """Best match of every pattern anywhere, and of a few in each of 16 bins; two dense layers."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.placed = nn.Conv1d(channels, PLACED, 1)
        self.anywhere = nn.AdaptiveMaxPool1d(1)
        self.bins = nn.AdaptiveMaxPool1d(BINS)
        self.dense = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(channels + PLACED * BINS, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, outputs),
        )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        parts = [self.anywhere(values), self.bins(self.placed(values))]
        outputs: torch.Tensor = self.dense(torch.cat([part.flatten(1) for part in parts], dim=1))
        return outputs


NETWORKS: dict[str, type[nn.Module]] = {"cnn": Cnn, "resnet": ResidualCnn}
