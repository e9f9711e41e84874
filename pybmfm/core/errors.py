"""The exceptions that have an exit code; everything else is a bug and shows its traceback."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

# What the machine refuses, not a bug: no space, quota, file too large, read-only place, no
# permission, a failing disk.
REFUSALS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
}
LONGEST = 500  # letters of what is wrong


class UserError(Exception):
    """Input that the user can mend; the command line prints it as one sentence and exits 2.

    Parameters
    ----------
    problem
        What is wrong, without a final full stop; shortened where it is very long.
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
        # What is quoted from a broken file may be a whole file.
        problem = problem if len(problem) <= LONGEST else f"{problem[:LONGEST]}..."
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


def nothing_used(
    what: str,
    dropped: Mapping[str, int],
    *,
    file: str | Path | None = None,
    remedies: Mapping[str, str] | None = None,
) -> UserError:
    """Return the error for input of which nothing is used: an empty result is no result.

    Parameters
    ----------
    what
        What it holds, in the plural: ``"records"``.
    dropped
        Numbers of them by reason; the message names the reason that took most.
    file
        The input.
    remedies
        What to do about a reason, by what its name begins with.
    """
    total = sum(dropped.values())
    if not total:
        return UserError(f"holds no {what}", file=file, remedy=f"give a file with {what}")
    most = max(dropped, key=lambda reason: dropped[reason])
    found = [remedy for start, remedy in (remedies or {}).items() if most.startswith(start)]
    return UserError(
        f"none of {total:,} {what} can be used, {dropped[most]:,} are dropped for {most}",
        file=file,
        remedy=(found or [f"give {what} that can be used"])[0],
    )


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


def machine_refusal(error: BaseException) -> str | None:
    """What the machine refused, such as "No space left on device"; None if it is something else.

    Judged by class name and message where a library gives no error number, so that it need not be
    imported for it.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.strerror if error.errno in REFUSALS else None
    text = str(error)
    if type(error).__name__ == "SafetensorError" or isinstance(error, shutil.Error):
        found = re.search(r"(?:os error|\[Errno) (\d+)", text)
        return os.strerror(int(found[1])) if found and int(found[1]) in REFUSALS else None
    # numpy and pysam say that a write fell short, not why.
    short = isinstance(error, OSError) and re.search(r"requested and \d+ written|BGZFile", text)
    return "a file could not be written to its end" if short else None
