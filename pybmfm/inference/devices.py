"""Where the model runs."""

from __future__ import annotations

from pybmfm.core import UserError


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


def use_threads(threads: int) -> None:
    """Give torch's CPU kernels so many threads."""
    import torch

    torch.set_num_threads(threads)
