"""What fine-tuning minimises, by kind of task."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from pybmfm.tasks import TaskTable
from pybmfm.tasks.labels import UNKNOWN


class Loss:
    """Cross-entropy, its binary form for each label, or squared error.

    Parameters
    ----------
    kind
        Of the task.
    weights
        float32[classes]: of rows by their class, or of positives by their label; None is 1.
    """

    def __init__(self, kind: str, weights: torch.Tensor | None = None) -> None:
        self.kind = kind
        self.weights = weights

    def total(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Add the loss of the rows up; multilabel rows count their mean over the known labels.

        Parameters
        ----------
        outputs
            float32[n, classes], or [n, 1] for regression.
        targets
            int64[n], multi-hot int8[n, classes] with -1 where a label is not known, or
            float32[n].
        """
        weights = None if self.weights is None else self.weights.to(outputs.device)
        if self.kind == "regression":
            return functional.mse_loss(outputs[:, 0], targets, reduction="sum")
        if self.kind == "multilabel":
            known = targets != UNKNOWN
            each = functional.binary_cross_entropy_with_logits(
                outputs, (targets > 0).to(outputs.dtype), known.to(outputs.dtype),
                reduction="none", pos_weight=weights,
            )  # fmt: skip
            return (each.sum(dim=1) / known.sum(dim=1).clamp(min=1)).sum()
        return functional.cross_entropy(outputs, targets, weight=weights, reduction="sum")


def balanced_weights(table: TaskTable) -> torch.Tensor:
    """Weigh each class alike: rows / (classes x rows of the class), mean 1 over the rows.

    For multilabel tasks a label's positives weigh negatives / positives, where it is known.
    Classes and labels without rows weigh 1.
    """
    if table.kind == "multilabel":
        positives = (table.targets == 1).sum(axis=0)
        negatives = (table.targets == 0).sum(axis=0)
        weights = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
    else:
        counts = np.bincount(table.targets, minlength=len(table.classes))
        weights = np.where(counts > 0, len(table) / (len(counts) * np.maximum(counts, 1)), 1.0)
    return torch.from_numpy(weights.astype(np.float32))
