"""What in a folder is ours: only what a manifest of ours names is ever replaced or deleted."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pybmfm.core.errors import UserError
from pybmfm.core.staging import keep_beside

log = logging.getLogger("pybmfm")

MANIFEST = "manifest.json"
FILES = "files"  # in a manifest: the names of the files beside and below it
# What our folders hold.
KINDS = (
    "checkpoint",
    "corpus",
    "frequency-table",
    "leakage-audit",
    "report",
    "result",
    "simulation",
    "tasks",
    "tokenizer",
    "tokenizer-comparison",
    "windows",
)
SHOWN = 3  # names in a sentence
LARGEST_JSON = 256 << 20  # bytes; ours are far smaller


def read_json_object(
    path: str | Path, remedy: str = "copy it again", *, numbers_only: bool = False
) -> dict[str, Any]:
    """Read a JSON object from a file that may hold anything.

    Parameters
    ----------
    remedy
        What the user does where it is none.
    numbers_only
        Refuse ``NaN`` and ``Infinity``, which are no JSON but which Python reads as numbers.

    Raises
    ------
    UserError
        If it cannot be read, is no JSON object in UTF-8, or is far larger than any of ours.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_JSON + 1)
        if len(content) > LARGEST_JSON:
            raise ValueError(f"larger than {LARGEST_JSON >> 20} MiB")
        found = json.loads(
            content.decode(), parse_constant=_refuse_constant if numbers_only else None
        )
    except OSError as error:
        raise UserError(
            f"cannot be read ({error.strerror or error})", file=path, remedy="check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"is not valid JSON ({error})", file=path, remedy=remedy) from error
    if not isinstance(found, dict):
        raise UserError("is not a JSON object", file=path, remedy=remedy)
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def files_below(folder: Path) -> Iterator[str]:
    """Name all in a folder that is no folder itself, links among it, in no order."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in [*files, *links]:
            yield Path(place, name).relative_to(folder).as_posix()


def unexplained_files(folder: Path) -> Iterator[str]:
    """Name the files in a folder that its manifest does not name as ours; all if it has none."""
    ours = _explained(folder)
    return (name for name in files_below(folder) if name not in ours)


def _explained(folder: Path) -> set[str]:
    if not (folder / MANIFEST).is_file():
        return set()
    try:
        manifest = read_json_object(folder / MANIFEST, "")
    except UserError:
        return set()
    named = manifest.get(FILES)
    if manifest.get("artefact") not in KINDS or not isinstance(named, list):
        return set()
    return {name for name in named if isinstance(name, str)}


def check_replaceable(target: Path, path: str | Path) -> None:
    """Refuse to replace what is not ours: a user's folder given as --out must survive.

    Parameters
    ----------
    target
        Where it is.
    path
        What the user calls it.

    Raises
    ------
    UserError
        Naming some of the files that pybmfm did not make.
    """
    if os.path.lexists(target) and not target.is_dir():
        raise UserError("is a file, not a folder", file=path, remedy="choose another --out")
    theirs = list(islice(unexplained_files(target), SHOWN + 1))
    if theirs:
        more = " and more" if len(theirs) > SHOWN else ""
        raise UserError(
            f"holds files that pybmfm did not make ({', '.join(theirs[:SHOWN])}{more})",
            file=path,
            remedy="choose another --out, or move them away",
        )


def keep_foreign(path: Path) -> None:
    """Move aside what a run is about to overwrite in a folder of the user's, unless it is ours.

    A file is explained by the manifest beside it, a folder by the manifest in it.
    """
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        ours = next(unexplained_files(path), None) is None
    else:
        ours = path.name in _explained(path.parent)
    if not ours:
        kept = keep_beside(path, path, "kept")
        log.warning("%s is not known to be made by pybmfm: kept as %s", path, kept.name)
