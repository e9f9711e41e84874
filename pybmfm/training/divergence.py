"""When a run has diverged: its loss stays far above what it was."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

RECENT = 100  # calm steps that a loss is compared with
FACTOR = 3.0
PATIENCE = 50  # steps in a row


@dataclass(frozen=True)
class LossHistory:
    """The last calm losses, and for how many steps in a row the loss has been high since.

    A loss above three times the median of the last calm ones is high, and high losses are not
    counted among the calm ones, so that a lasting rise does not become the new measure. Single
    spikes recover on their own; fifty high steps in a row do not.
    """

    calm: tuple[float, ...] = ()
    high: int = 0

    def after(self, loss: float) -> LossHistory:
        """Return the history with one more step's loss."""
        if len(self.calm) == RECENT and loss > FACTOR * self.median:
            return LossHistory(self.calm, self.high + 1)
        return LossHistory((*self.calm, loss)[-RECENT:])

    @property
    def median(self) -> float:
        """Median of the calm losses."""
        return statistics.median(self.calm)

    @property
    def has_diverged(self) -> bool:
        """Whether the loss has been high for too long."""
        return self.high >= PATIENCE
