"""The learning rate of each step, and the steps of a budget in minutes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from pybmfm.training.storage import Storage

NOTE = "steps.json"


def learning_rate(step: int, *, peak: float, warmup_steps: int, steps: int) -> float:
    """Rise linearly to ``peak`` over ``warmup_steps``, then fall linearly to 0 at ``steps``.

    Parameters
    ----------
    step
        Number of steps done before this one, 0 at the start.

    Examples
    --------
    >>> [learning_rate(s, peak=1.0, warmup_steps=2, steps=6) for s in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * max(0, steps - step) / max(1, steps - warmup_steps)


def note_steps(storage: Storage, steps: int, identity: Mapping[str, Any]) -> None:
    """Keep for a retry how many steps a run's budget in minutes was found to be."""
    storage.write(NOTE, json.dumps({"steps": steps, "identity": identity}).encode())


def noted_steps(storage: Storage, identity: Mapping[str, Any] | None) -> int | None:
    """Return what `note_steps` kept, if anything.

    Parameters
    ----------
    identity
        What another run noted counts for nothing; None: whose checkpoints lie there is known.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(storage.read(NOTE) or b"")
        if identity is None or note["identity"] == identity:
            return int(note["steps"])
    return None
