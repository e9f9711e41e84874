"""What every optimizer step computes on: a function of the settings and the sampler's position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedConfig

from pybmfm.training.batches import (
    MaskedBatch,
    Pieces,
    Position,
    by_length,
    masked_batch,
    next_batch,
    pack,
    share_of_process,
)
from pybmfm.training.masking import MaskPlan
from pybmfm.training.processes import Processes
from pybmfm.training.settings import PretrainPlan
from pybmfm.training.throughput import training_flops


@dataclass(frozen=True)
class StepBatches:
    """A process's micro-batches of one step.

    Attributes
    ----------
    position
        Where the sampler stands after this step.
    tokens, masked, nucleotides, flops
        Real tokens, predicted tokens, nucleotides under these, and the work of the step, all of
        this process alone.
    """

    batches: list[MaskedBatch]
    position: Position
    tokens: int
    masked: int
    nucleotides: float
    flops: float


@dataclass(frozen=True)
class Stage:
    """Steps from ``first`` on, until the next stage, are on these pieces."""

    first: int
    pieces: Pieces


@dataclass(frozen=True)
class StepSource:
    """Builds the batches of steps.

    Parameters
    ----------
    stages
        The training data, cut shorter in the first stages of a curriculum; in their order.
    plan
        The masks on them.
    span_lengths
        Nucleotides under each token, int[vocabulary].
    config
        The model's, to count its work.
    micro_batch_tokens
        Most tokens computed at once.
    """

    settings: PretrainPlan
    world: Processes
    stages: Sequence[Stage]
    plan: MaskPlan
    span_lengths: np.ndarray
    config: PreTrainedConfig
    micro_batch_tokens: int

    def steps(self, position: Position, first: int, last: int) -> Iterator[StepBatches]:
        """Yield the batches of the steps from ``first`` up to ``last``, which is not among them.

        Parameters
        ----------
        position
            Where the sampler stands before the first of them.
        """
        for step in range(first, last):
            batches = self.at(position, step)
            position = batches.position
            yield batches

    def at(self, position: Position, step: int) -> StepBatches:
        """Build this process's micro-batches of a step; a new stage begins a new pass."""
        stage = next(stage for stage in reversed(self.stages) if stage.first <= step)
        if step > 0 and step == stage.first:
            position = Position(position.pass_number + 1)
        pieces = stage.pieces
        members, after = next_batch(
            pieces, position, self.settings.tokens_per_batch, self.settings.seed
        )
        sizes = pieces.lengths[[member.piece for member in members]]
        share = share_of_process(sizes, self.world.rank, self.world.count)
        groups = pack(
            members[share], lambda one: int(pieces.lengths[one.piece]), self.micro_batch_tokens
        )
        batches = [masked_batch(pieces, by_length(group, pieces), self.plan) for group in groups]
        masked = sum(len(one.places) for one in batches)
        return StepBatches(
            batches=[one.pinned() for one in batches] if self._on_gpu else batches,
            position=after,
            tokens=int(sizes[share].sum()),
            masked=masked,
            nucleotides=float(sum(self.span_lengths[one.targets.numpy()].sum() for one in batches)),
            flops=training_flops(self.config, sizes[share], masked),
        )

    @property
    def _on_gpu(self) -> bool:
        return self.world.device.type == "cuda"
