"""Keep htslib's own messages off the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_htslib() -> Iterator[None]:
    """Silence the library's own messages: ours name the file and the remedy."""
    import pysam

    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
