"""One writer per checkpoint folder, also on shared disks where file locks do not work.

A lease is a file or object that names its owner and is touched again and again by a thread of that
owner. Who finds one waits until it is given back or has gone stale, takes it over, and the old
owner, if it is still alive, sees that before it commits its next checkpoint. An owner that was
frozen, so that its heart stood still too, looks before it writes anything.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pybmfm.core import Interrupted, UserError
from pybmfm.training.lease_record import Found, Record

log = logging.getLogger("pybmfm")
DEFAULT_STALE_AFTER = 60.0
STALE_AFTER_VARIABLE = "PYBMFM_LEASE_SECONDS"


class Lease:
    """Hold the lease of a folder while the block runs.

    Parameters
    ----------
    record
        Where it is written down.
    stale_after
        Seconds without a heartbeat after which the owner counts as gone; by default 60, or the
        environment's ``PYBMFM_LEASE_SECONDS``.
    should_stop
        Asked while waiting; True ends the wait with `Interrupted`.

    Raises
    ------
    UserError
        If the folder cannot be written.
    Interrupted
        If asked to stop while waiting.
    """

    def __init__(
        self,
        record: Record,
        *,
        stale_after: float | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.record = record
        self.stale_after = stale_after or float(
            os.environ.get(STALE_AFTER_VARIABLE, DEFAULT_STALE_AFTER)
        )
        self.owner = {"id": uuid.uuid4().hex, **_this_process()}
        self._should_stop = should_stop
        self._renewed = time.monotonic()
        self._done = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True, name="lease")

    @property
    def interval(self) -> float:
        """Seconds between heartbeats."""
        return self.stale_after / 4

    def __enter__(self) -> Lease:
        try:
            self._acquire()
        except OSError as error:
            raise UserError(
                f"cannot be written ({error.strerror or error})",
                file=self.record.folder,
                remedy="choose a folder you may write to",
            ) from error
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._heart.join()
        try:
            if self.is_held():
                self.record.remove()
        except OSError as failure:  # it goes stale by itself
            log.warning("the lease could not be given back (%s)", failure)

    def is_held(self) -> bool:
        """Whether the record still names this process."""
        return self._is_ours(self._read()[1])

    def check(self) -> None:
        """Refuse to go on when another process has taken the folder over.

        Raises
        ------
        UserError
            If the lease is lost.
        """
        if not self.is_held():
            raise UserError(
                "another process has taken this checkpoint folder over",
                file=self.record.folder,
                remedy="let that one finish, or use another --out",
            )

    def check_if_overdue(self) -> None:
        """Do as `check`, but look only when so long has passed that others may have taken over.

        A clock is read, and the record only when the heartbeat is late: cheap enough for every
        step.

        Raises
        ------
        UserError
            If the lease is lost.
        """
        if time.monotonic() - self._renewed > 2 * self.interval:
            self.check()

    def _acquire(self) -> None:
        seen: dict[str, Any] | None = None
        since = time.monotonic()
        told = False
        while True:
            self._renewed = time.monotonic()
            if self.record.create(self._content()):
                return
            found, owner = self._read()
            if self._is_ours(owner):  # created after all, the answer was lost
                return
            if owner != seen:
                seen, since = owner, time.monotonic()
            if self._is_gone(owner, time.monotonic() - since):
                if self.record.replace(self._content(), found) and self._is_last():
                    log.info("took over a lease whose owner is gone: %s", self.record.place)
                    return
                continue
            if not told:
                log.info("waiting for another process to leave %s", self.record.folder)
                told = True
            if self._should_stop():
                raise Interrupted(f"asked to stop while waiting for {self.record.place}")
            time.sleep(min(0.2, self.interval))

    def _is_last(self) -> bool:
        """Two may have seen the same stale lease: the last to write it owns it."""
        time.sleep(min(0.2, self.interval))
        return self.is_held()

    def _is_gone(self, found: dict[str, Any] | None, silent_for: float) -> bool:
        """Judge by the owner's process where it can be seen, else by silence.

        The time in the file alone is not trusted, as clocks of two machines may differ.
        """
        if found is None:
            return silent_for > self.interval
        if _same_place(found, self.owner) and not _is_alive(int(found.get("pid", -1))):
            return True
        age = time.time() - float(found.get("heartbeat", 0.0))
        return silent_for > self.stale_after or (
            age > self.stale_after and silent_for > 2 * self.interval
        )

    def _content(self) -> str:
        return json.dumps({**self.owner, "heartbeat": time.time()})

    def _read(self) -> tuple[Found | None, dict[str, Any] | None]:
        """Return what the record holds and the owner that it names, None where it cannot tell."""
        try:
            found = self.record.read()
            content = json.loads(found.content) if found is not None else None
        except (OSError, ValueError):
            return None, None
        return found, content if isinstance(content, dict) else None

    def _is_ours(self, owner: dict[str, Any] | None) -> bool:
        return owner is not None and owner.get("id") == self.owner["id"]

    def _beat(self) -> None:
        while not self._done.wait(self.interval):
            try:
                found = self.record.read()
                if found is None or self._names_another(found):
                    return
                began = time.monotonic()
                self.record.replace(self._content(), found)
                self._renewed = began
            except OSError as error:  # a full or hanging disk: the check before a commit decides
                log.warning("the lease could not be renewed (%s)", error)

    def _names_another(self, found: Found) -> bool:
        """Whether a record is another's; a torn one proves nothing."""
        try:
            owner = json.loads(found.content)
        except ValueError:
            return False
        return isinstance(owner, dict) and not self._is_ours(owner)


def _this_process() -> dict[str, Any]:
    return {"host": platform.node(), "place": _place(), "pid": os.getpid()}


def _place() -> str:
    """Name the kernel's boot and the process namespace, within which process ids mean something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _same_place(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one.get("place")) and one.get("place") == other["place"]


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
