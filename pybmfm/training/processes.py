"""The processes of one run: what each of them is, and sums over all of them.

`accelerate launch` and `torchrun` both set RANK, WORLD_SIZE, LOCAL_RANK and the meeting place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from pybmfm.core import UserError


@dataclass(frozen=True)
class Processes:
    """This process among the run's processes."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Add numbers up over all processes, in float64."""
        totals = torch.tensor(values, dtype=torch.float64, device=self.device)
        if self.count > 1:
            dist.all_reduce(totals)
        return totals.tolist()  # type: ignore[no-any-return]

    def sum_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        """Add the gradients up over all processes, in one message."""
        if self.count == 1:
            return
        # A process whose share of the step is empty has no gradients yet.
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        joined = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(joined)
        parts = joined.split([p.numel() for p in parameters])  # type: ignore[no-untyped-call]
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def share(self, model: torch.nn.Module) -> None:
        """Give the main process's weights to the models of all, tensor by tensor."""
        if self.count > 1:
            for tensor in model.state_dict().values():
                dist.broadcast(tensor, src=0)

    def from_main(self, value: Any) -> Any:
        """Return the main process's ``value`` (JSON types) in every process."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            dist.barrier()


def choose_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu`` or ``cuda`` into this process's device.

    Raises
    ------
    UserError
        If a GPU was asked for and there is none.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UserError("no GPU is usable here", remedy="use --device cpu, or auto")
    if name == "cpu" or not there:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def launched_processes(device_name: str) -> Iterator[Processes]:
    """Join the processes that a launcher started, if one did."""
    device = choose_device(device_name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or dist.is_initialized():
        yield Processes(0, 1, device) if count == 1 else Processes(dist.get_rank(), count, device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
