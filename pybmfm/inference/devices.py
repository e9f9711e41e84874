"""Where the model runs."""

from __future__ import annotations

from pybmfm.core import UserError

CPU_BATCH_TOKENS, GPU_BATCH_TOKENS = 2048, 65536


def choose_device(name: str) -> str:
    """Turn ``auto`` into ``cuda`` or ``cpu``, and refuse a GPU that is not there.

    Raises
    ------
    UserError
        If a GPU is asked for and none can be used.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"no GPU can be used for '{name}'", remedy="use --device cpu")
    return name


def choose_batch_tokens(given: int | None, device: str) -> int:
    """Return the tokens per flat batch: what fits a CPU's cache, or fills a GPU, if not given."""
    if given is not None:
        return given
    return CPU_BATCH_TOKENS if device == "cpu" else GPU_BATCH_TOKENS


def use_threads(threads: int) -> None:
    """Give torch's CPU kernels so many threads."""
    import torch

    torch.set_num_threads(threads)
