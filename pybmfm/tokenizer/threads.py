"""How many CPU threads the tokenizers library uses."""

from __future__ import annotations

import os


def use_threads(threads: int) -> None:
    """Set the number of threads for training and encoding; never changes a result.

    The library sizes its thread pool when it first works in parallel, so call this before;
    later calls in the same process can only switch between one thread and that pool.

    Parameters
    ----------
    threads
        At least 1.
    """
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
