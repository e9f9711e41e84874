"""What every optimizer step computes on: a function of the settings and the sampler's position."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedConfig

from pybmfm.training.batches import (
    MaskedBatch,
    Pieces,
    Position,
    masked_batch,
    next_batch,
    pack,
    share_of_process,
)
from pybmfm.training.masking import MaskPlan
from pybmfm.training.processes import Processes
from pybmfm.training.settings import PretrainSettings
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
class StepSource:
    """Builds the batches of steps.

    Parameters
    ----------
    pieces, plan
        The training data and the masks on them.
    span_lengths
        Nucleotides under each token, int[vocabulary].
    config
        The model's, to count its work.
    micro_batch_tokens
        Most tokens computed at once.
    """

    settings: PretrainSettings
    world: Processes
    pieces: Pieces
    plan: MaskPlan
    span_lengths: np.ndarray
    config: PreTrainedConfig
    micro_batch_tokens: int

    def steps(self, position: Position, count: int) -> Iterator[StepBatches]:
        """Yield the batches of ``count`` steps, the first one at ``position``."""
        for _ in range(count):
            batches = self.at(position)
            position = batches.position
            yield batches

    def at(self, position: Position) -> StepBatches:
        """Build this process's micro-batches of the step at ``position``."""
        members, after = next_batch(
            self.pieces, position, self.settings.tokens_per_batch, self.settings.seed
        )
        sizes = self.pieces.lengths[[member.piece for member in members]]
        share = share_of_process(sizes, self.world.rank, self.world.count)
        groups = pack(members[share], self._size, self.micro_batch_tokens)
        batches = [masked_batch(self.pieces, group, self.plan) for group in groups]
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
    def _size(self) -> Callable[..., int]:
        lengths = self.pieces.lengths
        return lambda member: int(lengths[member.piece])

    @property
    def _on_gpu(self) -> bool:
        return self.world.device.type == "cuda"
