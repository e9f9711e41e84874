"""``progress.jsonl``: one JSON object per line, appended to and safe to read at any time."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pybmfm.core import UserError
from pybmfm.core.staging import keep_beside

log = logging.getLogger("pybmfm")
NAME = "progress.jsonl"
LONGEST_LINE = 1 << 16  # bytes; ours are far shorter


class ProgressLog:
    """Append records to one or several copies of the log.

    What a full disk does not take is kept and appended as soon as there is room.

    Parameters
    ----------
    folders
        Where copies are kept, the most durable one first: a copy that is missing elsewhere (a
        retry starts in an empty folder) begins with what the first one holds.
    anew
        Drop what an earlier run left.

    Raises
    ------
    UserError
        If a folder cannot be written.
    """

    def __init__(self, folders: Sequence[Path], *, anew: bool = False) -> None:
        self.paths = list(dict.fromkeys((folder / NAME).absolute() for folder in folders))
        for path in self.paths:
            try:
                self._prepare(path, anew)
            except OSError as error:
                raise UserError(
                    f"cannot be written ({error.strerror or error})",
                    file=path,
                    remedy="choose a folder you may write to",
                ) from error
        self._late = dict.fromkeys(self.paths, "")

    def _prepare(self, path: Path, anew: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not _is_log(path):
            kept = keep_beside(path, path, "kept")
            log.warning("%s is no log of pretraining: kept as %s", path, kept.name)
        if anew:
            path.unlink(missing_ok=True)
        elif not path.exists() and self.paths[0].exists():
            shutil.copyfile(self.paths[0], path)
        path.touch()
        _drop_torn_line(path)

    def write(self, **record: Any) -> None:
        """Append one record; numbers that are not finite become null."""
        clean = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in record.items()
        }
        for path in self.paths:
            self._append(path, json.dumps(clean) + "\n")

    def complete(self) -> None:
        """Append what is still kept back.

        Raises
        ------
        UserError
            If the last of the folders does not take it; the others are copies.
        """
        for path in self.paths:
            self._append(path, "")
        if self._late[self.paths[-1]]:
            raise UserError(
                "cannot be written to the end",
                file=self.paths[-1],
                remedy="make space and run again with --resume",
            )

    def _append(self, path: Path, line: str) -> None:
        told = bool(self._late[path])
        self._late[path] += line
        try:
            if self._late[path]:
                _append_whole(path, self._late[path])
            self._late[path] = ""
        except OSError as error:
            if not told:
                log.warning("%s cannot be written for now (%s)", path, error)


def _append_whole(path: Path, text: str) -> None:
    """Append a text, or leave the file as it was and raise OSError."""
    size = path.stat().st_size
    try:
        with path.open("a") as file:
            file.write(text)
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, size)
        raise


def _is_log(path: Path) -> bool:
    """Whether a file is empty or its first line is one of ours, whole or torn."""
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE)
    if not first.endswith(b"\n"):
        return b'{"step"'.startswith(first[:7])
    try:
        return "step" in json.loads(first)
    except (ValueError, TypeError, RecursionError):
        return False


def _drop_torn_line(path: Path) -> None:
    """Cut what a killed process left of its last line."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("rb+") as file:
            file.truncate(whole)
