"""How much of the hardware a run uses: model FLOPs, the device's peak, memory."""

from __future__ import annotations

import resource
import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from pybmfm.model import architecture_of

# Dense bf16 peak in TFLOP/s by a part of the GPU's name, from the vendor's data sheets; the first
# that fits counts.
PEAK_TFLOPS = {
    "B200": 2250.0,
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "A100": 312.0,
    "A10G": 70.0,
    "A10": 125.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "RTX 4090": 165.0,
}


def training_flops(config: Any, lengths: ArrayLike, masked: int) -> float:
    """Count the floating-point operations that one forward and backward pass has to do.

    Matrix products only, a multiplication and an addition each counted, backward as twice
    forward; every token attends to its own sequence alone, in local layers to its window alone,
    and the head sees masked tokens alone. Padding, recomputation and masked-out parts of a
    kernel's blocks are no work of the model, so they are not counted.

    Parameters
    ----------
    config
        Of a model of this package.
    lengths
        Tokens of each sequence, int[n].
    masked
        Tokens predicted.
    """
    sizes = np.asarray(lengths, dtype=np.float64)
    hidden, inner = config.hidden_size, config.intermediate_size
    gated = config.model_type == "modernbert"
    per_token = 4 * hidden**2 + (3 if gated else 2) * hidden * inner
    body = config.num_hidden_layers * per_token * float(sizes.sum())
    head = masked * (hidden**2 + hidden * config.vocab_size)
    return float(6.0 * (body + _attention_products(config, sizes) + head))


def _attention_products(config: Any, sizes: np.ndarray) -> float:
    """Multiplications of attention, over all layers."""
    if architecture_of(config) == "performer":
        # Features of queries and of keys, keys by values, queries by their product.
        return float(
            config.num_hidden_layers * sizes.sum() * 4 * config.hidden_size * config.favor_features
        )
    kinds = getattr(config, "layer_types", ["full_attention"] * config.num_hidden_layers)
    local = sum(kind == "sliding_attention" for kind in kinds)
    reach = np.minimum(getattr(config, "local_attention", 0) // 2, sizes - 1)
    in_window = (sizes + 2 * reach * sizes - reach * (reach + 1)).sum()
    pairs = local * in_window + (len(kinds) - local) * (sizes**2).sum()
    return float(2 * config.hidden_size * pairs)


def peak_flops(device: torch.device, precision: str, peak_tflops: float | None) -> float | None:
    """Return a device's peak in operations per second; None where it is not known.

    Parameters
    ----------
    peak_tflops
        The user's word, which counts most. The table holds for bf16 on a GPU.
    """
    if peak_tflops is not None:
        return peak_tflops * 1e12
    if device.type != "cuda" or precision != "bf16":
        return None
    name = torch.cuda.get_device_name(device)
    found = next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)
    return None if found is None else found * 1e12


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory used so far: tensors on a GPU, the process's own on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
