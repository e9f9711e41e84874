"""Which names may come from data: the one place where they are checked, before they go anywhere.

A contig's name becomes an option, a region and a file's name; those of tasks, models and genomes
become folders. `subworkflows/local/utils_params` holds the same rules for Nextflow.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from pybmfm.core.errors import UserError

# The SAM specification, section 1.2.1: no blanks, quotes, backslashes, commas or brackets.
CONTIG = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHOWN = 60
_STEM = 100


def check_contigs(names: Iterable[str], file: str | Path) -> None:
    """Refuse contig names that the SAM specification does not allow.

    Raises
    ------
    UserError
        If one of them is empty, or has a character that SAM has no room for.
    """
    for name in names:
        if not CONTIG.fullmatch(name):
            raise UserError(
                f"contig name '{shortened(name)}' is not allowed in SAM",
                file=file,
                remedy="rename it with letters, digits, '.', '_', '-' or ':'",
            )


def check_label(
    name: str,
    what: str,
    *,
    file: str | Path | None = None,
    place: str | None = None,
    remedy: str = "use letters, digits, '.', '_' and '-', a letter or digit first",
) -> str:
    """Return the name of a task, model or genome, if it can name a folder.

    Parameters
    ----------
    what
        What it names, for the message: ``"task"``.
    file, place, remedy
        For the message, as of `UserError`.

    Raises
    ------
    UserError
        If it is anything but letters, digits, ``.``, ``_`` and ``-`` after a letter or digit.
    """
    if not isinstance(name, str) or not LABEL.fullmatch(name):
        raise UserError(
            f"{what} name '{shortened(str(name))}' cannot name a folder",
            file=file,
            place=place,
            remedy=remedy,
        )
    return name


def contig_file_name(contig: str) -> str:
    """Make a contig's name safe as a file name; changed names get a digest, so none collide."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", contig).lstrip(".-")[:_STEM]
    if safe == contig:
        return contig
    return f"{safe}-{hashlib.sha256(contig.encode()).hexdigest()[:8]}"


def shortened(text: str) -> str:
    """Return the beginning of a text that may be a whole file, for a message."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
