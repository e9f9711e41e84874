"""One progress helper: a bar on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

log = logging.getLogger("pybmfm")
T = TypeVar("T")
SECONDS_BETWEEN_LINES = 15.0


def progress(
    items: Iterable[T],
    description: str,
    *,
    total: int | None = None,
    unit: str = "it",
    note: Callable[[], str] = str,
) -> Iterator[T]:
    """Yield ``items`` unchanged while showing how far it got.

    Parameters
    ----------
    items
        What to go through.
    description
        A few words: ``"encoding windows"``.
    total
        Number of items where ``len(items)`` is not known.
    unit
        Name of one item.
    note
        Gives what is shown behind, which may change from item to item.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        bar = tqdm(items, desc=description, total=total, unit=unit, dynamic_ncols=True)
        for item in bar:
            bar.set_postfix_str(note(), refresh=False)
            yield item
    else:
        yield from _plain_lines(items, description, total, unit, note)


def _plain_lines(
    items: Iterable[T], description: str, total: int | None, unit: str, note: Callable[[], str]
) -> Iterator[T]:
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            of = f" of {total:,}" if total else ""
            more = f", {note()}" if note() else ""
            log.info("%s: %s%s %s%s", description, f"{done:,}", of, unit, more)
        yield item
