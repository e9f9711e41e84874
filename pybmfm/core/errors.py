"""The exceptions that have an exit code; everything else is a bug and shows its traceback."""

from __future__ import annotations

import errno
from pathlib import Path


class UserError(Exception):
    """Input that the user can mend; the command line prints it as one sentence and exits 2.

    Parameters
    ----------
    problem
        What is wrong, without a final full stop.
    file
        The file it was found in.
    place
        Where in the file: ``"line 12"``, ``"contig chr20"``.
    remedy
        What the user can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        place: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.place = place
        self.remedy = remedy
        where = ", ".join(part for part in (self.file, place) if part)
        sentence = f"{where}: {problem}" if where else problem
        sentence = f"{sentence}; {remedy}." if remedy else f"{sentence}."
        # Names quoted from a broken file may hold line breaks or control characters.
        super().__init__("".join(c if c.isprintable() else "?" for c in sentence))


class Interrupted(Exception):
    """The run was asked to stop and has saved its state: exit 143, run again to continue."""


class OutOfMemory(Exception):
    """Host or GPU memory ran out: exit 137, a retry continues with what was saved."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that host or GPU memory ran out.

    Judged by class name and message, so that torch need not be imported for it.
    """
    if isinstance(error, (MemoryError, OutOfMemory)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    # Without a GPU torch raises a bare RuntimeError.
    text = str(error).lower()
    signs = ("defaultcpuallocator", "out of memory", "allocate memory")
    return isinstance(error, RuntimeError) and any(sign in text for sign in signs)
