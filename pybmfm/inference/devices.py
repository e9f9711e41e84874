"""Where the model runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CPU_BATCH_TOKENS, GPU_BATCH_TOKENS = 2048, 65536


def choose_batch_tokens(given: int | None, device: torch.device) -> int:
    """Return the tokens per flat batch: what fits a CPU's cache, or fills a GPU, if not given."""
    if given is not None:
        return given
    return CPU_BATCH_TOKENS if device.type == "cpu" else GPU_BATCH_TOKENS


def use_threads(threads: int) -> None:
    """Give torch's CPU kernels so many threads."""
    import torch

    torch.set_num_threads(threads)
