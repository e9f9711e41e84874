"""When to stop before the end: signals and the time budget."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# USR2 is what queues send before their time limit; USR1 by hand and from other launchers.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class StopRequest:
    """Remembers that the run was asked to stop, and why.

    Parameters
    ----------
    max_minutes
        Time budget from now on; None is unlimited.
    """

    def __init__(self, max_minutes: float | None = None) -> None:
        self._deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self._signal: str | None = None

    def receive(self, number: int, frame: FrameType | None = None) -> None:  # noqa: ARG002
        """Remember a signal (a signal handler must do no more than that)."""
        self._signal = signal.Signals(number).name

    @property
    def reason(self) -> str | None:
        """Why to stop, or None."""
        if self._signal is not None:
            return f"received {self._signal}"
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return "reached --max-minutes"
        return None

    def __bool__(self) -> bool:
        return self.reason is not None


@contextmanager
def stop_request(max_minutes: float | None = None) -> Iterator[StopRequest]:
    """Yield a `StopRequest` that the signals TERM, USR1 and USR2 set while the block runs."""
    request = StopRequest(max_minutes)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.receive) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
