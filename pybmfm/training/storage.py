"""Where a run's checkpoints, notes, logs and lease lie: a folder, or an address of an object store.

Both promise the same: a committed folder is whole, and the one before it stays until it is.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from pybmfm.core.addresses import check_address
from pybmfm.core.artifacts import let_others_read, output_file
from pybmfm.training.lease_record import FileRecord, Record

LEASE = "lease.json"
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://.+")


class Storage(Protocol):
    """Committed folders, small notes, logs that are appended to, and a lease."""

    @property
    def place(self) -> str:
        """The folder or address, for messages."""

    @property
    def logs(self) -> Path:
        """A folder on this machine; its files are made durable with the next commit."""

    def folders(self) -> list[str]:
        """Names of the committed folders, in their order."""

    def path(self, name: str) -> Path:
        """Return a committed folder on this machine, to be read before the next commit.

        Raises
        ------
        OSError
            If it is not whole.
        """

    def replacing(self, name: str, check: Callable[[], None]) -> AbstractContextManager[Path]:
        """Yield a folder that, made durable and if ``check`` lets it, takes the name."""

    def remove(self, name: str) -> None:
        """Forget a committed folder."""

    def sweep(self) -> None:
        """Remove what killed processes left half-written."""

    def read(self, name: str) -> bytes | None:
        """Return a note, or a file of a committed folder (``folder/file``); None if not there."""

    def write(self, name: str, content: bytes) -> None:
        """Write a note, whole or not at all."""

    def save_logs(self) -> None:
        """Make the logs durable now."""

    def lease(self) -> Record:
        """Return the record by which processes agree on who writes here."""


def open_storage(root: str | Path, *names: str) -> Storage:
    """Return the storage of a folder or address, or of a folder below it.

    Raises
    ------
    UserError
        If it is an address that holds credentials, or cannot be used or reached.
    """
    check_address(str(root), "--checkpoints")
    if ADDRESS.fullmatch(str(root)):
        from pybmfm.training.object_storage import open_object_storage

        return open_object_storage(str(root), *names)
    return LocalStorage(Path(root, *names))


class LocalStorage:
    """A folder on a disk, also a shared one.

    Parameters
    ----------
    folder
        Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def logs(self) -> Path:
        """The folder itself: a line appended is a line kept."""
        return self.folder

    def folders(self) -> list[str]:
        """See `Storage`."""
        if not self.folder.is_dir():
            return []
        return sorted(
            p.name for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")
        )

    def path(self, name: str) -> Path:
        """See `Storage`."""
        return self.folder / name

    @contextmanager
    def replacing(self, name: str, check: Callable[[], None]) -> Iterator[Path]:
        """See `Storage`."""
        with replaced_folder(self.folder / name, check) as staging:
            yield staging

    def remove(self, name: str) -> None:
        """See `Storage`."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def sweep(self) -> None:
        """See `Storage`."""
        for orphan in self.folder.glob(".*.part"):
            shutil.rmtree(orphan, ignore_errors=True)

    def read(self, name: str) -> bytes | None:
        """See `Storage`."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        with output_file(self.folder / name) as staging:
            staging.write_bytes(content)

    def save_logs(self) -> None:
        """See `Storage`."""

    def lease(self) -> Record:
        """See `Storage`."""
        return FileRecord(self.folder / LEASE)


@contextmanager
def replaced_folder(target: Path, check: Callable[[], None]) -> Iterator[Path]:
    """Yield a folder that, made durable and if ``check`` lets it, takes the name ``target``.

    What had the name before goes: a damaged checkpoint that the run fell back from, or a model
    that was not as good. What a killed process left half-written under other names goes too.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        staging.mkdir()
        yield staging
        let_others_read(staging)
        _make_durable(staging)
        check()
        if target.exists():
            shutil.rmtree(target)
        os.replace(staging, target)
        _sync(target.parent)
        # Only who may write here sweeps: one that was taken over would sweep what another writes.
        for orphan in target.parent.glob(f".{target.name}.*.part"):
            shutil.rmtree(orphan, ignore_errors=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _make_durable(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
