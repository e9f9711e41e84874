"""The small file or object by which processes agree on who writes to a checkpoint folder."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Found:
    """What a record holds, and which version of it that is, where the store tells."""

    content: str
    version: str | None = None


class Record(Protocol):
    """Created by one, read by all, replaced by its owner or by who takes it over."""

    @property
    def place(self) -> str:
        """Where it is, for messages."""

    @property
    def folder(self) -> str:
        """What it guards, for messages."""

    def create(self, content: str) -> bool:
        """Write it if there is none; False if there is one."""

    def read(self) -> Found | None:
        """Return what it holds now, None if there is none; raises OSError if it cannot tell."""

    def replace(self, content: str, found: Found | None) -> bool:
        """Write it in the place of what was ``found``.

        False if it is another by now, where the store can tell.
        """

    def remove(self) -> None:
        """Delete it."""


class FileRecord:
    """A record on a disk: created by one process only, replaced by the last that does it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def folder(self) -> str:
        """Its folder."""
        return str(self.path.parent)

    def create(self, content: str) -> bool:
        """See `Record`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        try:
            with os.fdopen(handle, "w") as file:
                file.write(content)
        except OSError:  # a full disk: an empty record would be waited for
            self.remove()
            raise
        return True

    def read(self) -> Found | None:
        """See `Record`."""
        try:
            return Found(self.path.read_text())
        except FileNotFoundError:
            return None

    def replace(self, content: str, found: Found | None) -> bool:  # noqa: ARG002
        """See `Record`."""
        aside = self.path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            aside.write_text(content)
            os.replace(aside, self.path)
        finally:
            aside.unlink(missing_ok=True)
        return True

    def remove(self) -> None:
        """See `Record`."""
        self.path.unlink(missing_ok=True)
