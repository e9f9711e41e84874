"""The size of what is computed at once, halved by every attempt that ran out of memory."""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Iterator

from pybmfm.core import OutOfMemory, is_out_of_memory
from pybmfm.training.storage import Storage

NAME = "micro-batch.json"


def micro_batch_tokens(storage: Storage, wanted: int) -> int:
    """Return ``wanted``, or what an earlier attempt that ran out of memory left in ``storage``."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        content = json.loads(storage.read(NAME) or b"")
        return min(wanted, int(content["micro_batch_tokens"]))
    return wanted


@contextlib.contextmanager
def memory_guard(storage: Storage, tokens: int, largest: int, step: int) -> Iterator[None]:
    """Turn running out of memory into a halved micro-batch for the retry.

    Parameters
    ----------
    storage
        Where the retry looks for it.
    tokens
        Most tokens computed at once now.
    largest
        Most tokens that a process can ever have at once.
    step
        Where this happened, for the message.

    Raises
    ------
    OutOfMemory
        When memory ran out within the block.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        # What the step held is let go first: the note needs memory, too.
        traceback.clear_frames(error.__traceback__)
        halved = max(1, min(tokens, largest) // 2)
        storage.write(NAME, json.dumps({"micro_batch_tokens": halved}).encode())
        raise OutOfMemory(
            f"with {tokens:,} tokens at once at step {step:,}; "
            f"run again with --resume to continue with {halved:,}"
        ) from error
