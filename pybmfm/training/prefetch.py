"""Items made ahead of their use, in a thread, so that training does not wait for its data."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Go through an iterator in a thread, up to ``ahead`` items ahead of their use.

    Items come in the iterator's order, and an error of the iterator is raised where its item
    would have come. Leaving the block ends the thread.

    Parameters
    ----------
    items
        What to go through; only the thread touches it.
    ahead
        Items that may lie ready.
    """

    def __init__(self, items: Iterator[T], ahead: int = 3) -> None:
        self._items = items
        self._ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(ahead)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._fill, daemon=True, name="prefetch")

    def __enter__(self) -> Prefetch[T]:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._ready.get_nowait()  # the thread may be waiting for room
            self._thread.join(0.01)

    def take(self) -> tuple[T, float]:
        """Return the next item, and the seconds that were spent waiting for it.

        Raises
        ------
        StopIteration
            After the last item.
        """
        began = time.monotonic()
        item, error = self._ready.get()
        if error is not None:
            self._ready.put((None, error))  # the thread is over: the next call ends alike
            raise error
        return item, time.monotonic() - began  # type: ignore[return-value]

    def _fill(self) -> None:
        while not self._done.is_set():
            try:
                entry: tuple[T | None, BaseException | None] = (next(self._items), None)
            except BaseException as error:
                entry = (None, error)
            self._ready.put(entry)
            if entry[1] is not None:
                return
