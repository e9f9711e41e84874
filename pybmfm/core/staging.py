"""Hidden folders beside an output, in which it is made until it is whole.

They are called ``.NAME.MACHINE-RANDOM.part`` and locked while their command lives. What a killed
command left is removed by the next one that writes the same output.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pybmfm.core.errors import UserError

OLD = "replaced"  # in a hidden folder: what had the output's name before
BOOT = Path("/proc/sys/kernel/random/boot_id")
# Locks do not always reach other machines of a shared disk: what one of these left untouched is
# removed only when no command runs that long without writing.
ABANDONED_AFTER = 7 * 24 * 3600.0


@contextmanager
def writable(path: str | Path) -> Iterator[None]:
    """Turn the disk's refusals in the block into a sentence about ``path``."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror or error})",
            file=path,
            remedy="choose a folder you may write to, with space left",
        ) from error


@contextmanager
def staging_folder(target: Path, path: str | Path) -> Iterator[Path]:
    """Yield an empty hidden folder beside ``target``, on its disk, so that a rename is atomic.

    It is locked while the block runs, and removed with all that is still in it at the end.

    Parameters
    ----------
    target
        Where the output will be.
    path
        What the user calls it.

    Raises
    ------
    UserError
        If the place cannot be written.
    """
    with writable(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        folder, lock = _make_locked(target)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def keep_beside(made: Path, target: Path, ending: str) -> Path:
    """Give what was made the first free name of ``TARGET.ENDING``, ``TARGET.ENDING-2``, ...

    Returns
    -------
    Path
        The name; nothing that has one already is overwritten.
    """
    for number in range(1, 10_000):
        name = f"{target.name}.{ending}" if number == 1 else f"{target.name}.{ending}-{number}"
        path = target.with_name(name)
        try:
            if made.is_dir() and not made.is_symlink():
                path.mkdir()  # only a folder that is empty gives way to a renamed one
            else:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        os.replace(made, path)
        return path
    raise FileExistsError(f"no free name beside {target}")


def _make_locked(target: Path) -> tuple[Path, int]:
    prefix = f".{target.name}.{_machine()}-"
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=target.parent))
        # Until it is locked, another command may take it for a killed one's and sweep it.
        with suppress(FileNotFoundError, BlockingIOError):
            lock = _lock(folder)
            if folder.is_dir():
                return folder, lock
            os.close(lock)


def _lock(folder: Path, *, must: bool = False) -> int:
    """Lock a folder until what is returned is closed; on disks without locks only if not a must.

    Raises
    ------
    OSError
        If it is gone or another process holds it (BlockingIOError).
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if must or isinstance(error, BlockingIOError):
            os.close(handle)
            raise
    return handle


def _sweep(target: Path) -> None:
    """Remove what killed commands left of this output, and give back what they were replacing."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.(?:([0-9a-f]+)-)?[^.]+\.(?:part|old)")
    for path in list(target.parent.iterdir()):
        match = ours.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            _remove_if_dead(path, match[1] or _machine(), target)


def _remove_if_dead(folder: Path, machine: str, target: Path) -> None:
    try:
        lock = _lock(folder, must=True)
    except OSError:  # a command that lives holds it, or nobody can know
        return
    try:
        if machine != _machine() and time.time() - _last_written(folder) < ABANDONED_AFTER:
            return
        # Killed between two renames: what it was about to replace is all there is.
        old = folder if folder.suffix == ".old" else folder / OLD
        if old.exists() and not os.path.lexists(target):
            os.replace(old, target)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _last_written(folder: Path) -> float:
    times = [folder.lstat().st_mtime]
    for path in folder.rglob("*"):
        with suppress(OSError):
            times.append(path.lstat().st_mtime)
    return max(times)


@cache
def _machine() -> str:
    """Tell machines that share a disk apart; containers on one machine are that machine."""
    try:
        text = BOOT.read_text()
    except OSError:
        text = platform.node()
    return hashlib.sha256(text.encode()).hexdigest()[:8]
