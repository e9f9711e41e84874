"""How many steps there are, which rows each takes, and what happens when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pybmfm.core import derive_seed
from pybmfm.training.finetuning.settings import FinetuneSettings
from pybmfm.training.schedule import learning_rate

LONGEST_WARMUP = 1000
VALIDATE_EVERY = 200


@dataclass(frozen=True)
class Plan:
    """The steps of one learning rate; all rates have the same plan.

    Attributes
    ----------
    rows, batch_size
        Of training.
    steps, validate_every, warmup
        In steps.
    schedule
        ``linear`` or ``constant``, see `FinetuneSettings`.
    """

    rows: int
    batch_size: int
    steps: int
    validate_every: int
    warmup: int
    schedule: str
    seed: int

    @classmethod
    def of(cls, settings: FinetuneSettings, rows: int) -> Plan:
        """Work it out for a number of training rows."""
        per_epoch = math.ceil(rows / settings.batch_size)
        steps = settings.epochs * per_epoch
        if settings.max_steps is not None:
            steps = min(steps, settings.max_steps)
        return cls(
            rows=rows,
            batch_size=settings.batch_size,
            steps=steps,
            validate_every=settings.validate_every or min(VALIDATE_EVERY, per_epoch),
            warmup=min(LONGEST_WARMUP, steps // 10),
            schedule=settings.schedule,
            seed=settings.seed,
        )

    def batch(self, step: int) -> np.ndarray:
        """Rows of a step: every epoch is a new order, its last batch may be smaller."""
        epoch, place = divmod(step, math.ceil(self.rows / self.batch_size))
        first = place * self.batch_size
        return _order(self.rows, self.seed, epoch)[first : first + self.batch_size]

    def rate(self, step: int, peak: float) -> float:
        """Learning rate of a step: a linear warm-up, then as the schedule says."""
        if self.schedule == "constant":
            return peak * min(1.0, (step + 1) / max(1, self.warmup))
        return learning_rate(step, peak=peak, warmup_steps=self.warmup, steps=self.steps)

    def validates(self, step: int) -> bool:
        """Whether to validate after this step."""
        return (step + 1) % self.validate_every == 0 or step + 1 == self.steps


@lru_cache(maxsize=2)
def _order(rows: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng(derive_seed(seed, "finetune", epoch)).permutation(rows)
