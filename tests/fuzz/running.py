"""Run a command in this process and see what a user would: exit code, stderr, what is there."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pybmfm.cli import main

SECONDS = 60  # of the machine's time for one command on one small input


class Hang(BaseException):
    """The command did not end."""


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``crash`` is a traceback, empty if there was none."""

    code: int
    stderr: str
    crash: str = ""

    @property
    def fault(self) -> str:
        """What is wrong with the way it ended; empty if nothing."""
        if self.crash:
            return self.crash
        if "Traceback" in self.stderr or re.search(r"^\S*:\d+: \w+Warning", self.stderr, re.M):
            return f"noise on stderr: {self.stderr[-2000:]}"
        if self.code == 0:
            return ""
        said = [line for line in self.stderr.splitlines() if line.startswith("Error: ")]
        if self.code != 2 or len(said) != 1 or not self.stderr.rstrip().endswith(said[-1]):
            return f"exit {self.code} without one sentence: {self.stderr[-2000:]!r}"
        if not 10 < len(said[0]) < 1000:
            return f"a sentence of {len(said[0])} characters: {said[0][:300]}"
        return ""


def run(arguments: Sequence[str], capture: Path) -> Ended:
    """Run ``pybmfm ARGUMENTS`` with a limit on its time; ``capture`` gets its stderr."""
    code, crash = 0, ""
    with _captured(capture), _time_limit():
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except Hang:
            code, crash = -1, f"no end after {SECONDS} s\n{traceback.format_exc()[-1500:]}"
        except BaseException:
            code, crash = 1, traceback.format_exc()[-1500:]
    return Ended(code, capture.read_text(errors="replace"), crash)


@contextmanager
def _captured(path: Path) -> Iterator[None]:
    """Send what Python, logging and C libraries write to the terminal into a file."""
    handlers, logging.root.handlers = logging.root.handlers, []
    level, streams = logging.root.level, (sys.stdout, sys.stderr)
    kept = os.dup(1), os.dup(2)
    for stream in streams:
        stream.flush()
    with path.open("w", buffering=1) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = file
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            for number, descriptor in enumerate(kept, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            logging.root.handlers = handlers
            logging.root.setLevel(level)


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raise `Hang` in the block after so many seconds of this process, whatever it waits for."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Hang

    # Of this process's time: another that keeps the machine busy makes no command hang. One that
    # waits for nothing uses none, so the clock on the wall counts too, more generously.
    before = [signal.signal(number, stop) for number in (signal.SIGVTALRM, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 5 * SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip((signal.SIGVTALRM, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)
