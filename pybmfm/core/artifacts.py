"""Artefacts appear under their final name only when whole, and say how they were made."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pybmfm import __version__
from pybmfm.core.errors import UserError
from pybmfm.core.manifest_types import check_manifest
from pybmfm.core.ownership import (
    FILES,
    KINDS,
    check_replaceable,
    files_below,
    read_json_object,
)
from pybmfm.core.ownership import MANIFEST as MANIFEST
from pybmfm.core.provenance import source_digest
from pybmfm.core.staging import OLD, keep_beside, staging_folder, writable

AGAIN = "make the folder again"


@contextmanager
def output_directory(path: str | Path) -> Iterator[Path]:
    """Yield a hidden folder that takes the name ``path`` when the block ends well.

    An artefact of that name is replaced whole; on an error nothing is left behind. The manifest
    of the new one is given the names of its files, and only what has such a manifest and holds
    no other files is ever replaced. This is checked before the block and again after it: what
    came to be meanwhile stays, and the new artefact is kept beside it. Where ``path`` is a
    symbolic link, all this is meant of the folder that it leads to.

    Raises
    ------
    UserError
        If the place cannot be written, or ``path`` is an existing file or a folder that holds
        anything but an artefact of ours.
    """
    target = Path(os.path.realpath(path))
    check_replaceable(target, path)
    with staging_folder(target, path) as hidden:
        new = hidden / target.name
        new.mkdir()
        yield new
        with writable(path):
            let_others_read(new)
            record_files(new)
        with _kept_if_refused(new, target, path):
            _replace_folder(new, target, hidden / OLD, path)


def let_others_read(folder: Path) -> None:
    """Give a folder's files the mode of a plain open: some writers, safetensors one, give 0600.

    A lab's models are there for the lab, as far as the user's umask allows. What links lead to
    stays as it is.
    """
    mode = 0o666 & ~_umask()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(path.stat().st_mode | mode)


@contextmanager
def output_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name when the block ends well.

    The temporary name keeps the suffixes of ``path`` (``.vcf.gz``), so writers that look at
    them behave as for the final name. Where ``path`` is a symbolic link, the file takes the
    place of the link.

    Raises
    ------
    UserError
        If the place cannot be written, or ``path`` is an existing folder.
    """
    target = Path(path).absolute()
    _check_no_folder(target, path)
    with staging_folder(target, path) as hidden:
        new = hidden / target.name
        yield new
        with _kept_if_refused(new, target, path):
            _check_no_folder(target, path)
            os.replace(new, target)


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON through a temporary file, so readers never see half."""
    with output_file(path) as staging:
        staging.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_manifest(
    folder: str | Path,
    *,
    artefact: str,
    settings: Mapping[str, Any],
    inputs: Iterable[str | Path | Mapping[str, Any]] = (),
    **sections: Any,
) -> None:
    """Write ``folder/manifest.json``: versions, settings, digests of the inputs, counts.

    Parameters
    ----------
    artefact
        What the folder holds: ``"frequency-table"``, ``"windows"``, ``"tokenizer"`` ...
    settings
        The options it was made with, JSON types only.
    inputs
        Files or artefact folders read, or what `describe_inputs` says of them; a folder is
        described by its own manifest's digest.
    sections
        Further top-level keys, such as ``counts={"read": 3, "used": 2, "dropped": {...}}``.
    """
    if artefact not in KINDS:
        raise ValueError(f"{artefact} is not among the kinds of artefacts")
    content = {
        "artefact": artefact,
        "pybmfm": __version__,
        "source_digest": source_digest(),
        "settings": dict(settings),
        "inputs": describe_inputs(inputs),
        **sections,
    }
    write_json(Path(folder) / MANIFEST, content)


def read_manifest(folder: str | Path, artefact: str | None = None) -> dict[str, Any]:
    """Read ``folder/manifest.json``, and check what kind of artefact it is.

    What it says of the things that commands rely on has the types that they rely on.

    Raises
    ------
    UserError
        If the folder or manifest is missing or broken, or holds another kind of artefact.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        expected = f"a {artefact} folder" if artefact else "a folder made by pybmfm"
        raise UserError(f"has no {MANIFEST}", file=folder, remedy=f"give {expected}")
    content = read_json_object(path, AGAIN)
    if artefact is not None and content.get("artefact") != artefact:
        raise UserError(
            f"holds a {str(content.get('artefact'))[:80]}, not a {artefact}",
            file=folder,
            remedy=f"give a {artefact} folder",
        )
    check_manifest(content, path, shown_only=artefact is None)
    return content


def record_files(folder: Path) -> None:
    """Write into every manifest in a folder, under ``files``, what is there beside and below it.

    What a manifest does not name is not ours, and never deleted.
    """
    for path in sorted(folder.rglob(MANIFEST)):
        write_json(path, {**read_json_object(path, AGAIN), FILES: sorted(files_below(path.parent))})


def describe_inputs(inputs: Iterable[str | Path | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of each input; names only, so that a moved project reproduces.

    A folder is described by its manifest, under the name ``folder/manifest.json``. What is
    described already stays as it is.
    """
    described = []
    for one in inputs:
        if isinstance(one, Mapping):
            described.append(dict(one))
            continue
        path = Path(one)
        file, name = path, path.name
        if path.is_dir():
            file, name = path / MANIFEST, f"{path.name}/{MANIFEST}"
        if not file.is_file():
            continue
        described.append({"name": name, "bytes": file.stat().st_size, "sha256": digest_file(file)})
    return described


def digest_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def _kept_if_refused(new: Path, target: Path, path: str | Path) -> Iterator[None]:
    """Keep a result whose place was taken while it was made, and say where it is."""
    try:
        yield
    except (UserError, OSError) as error:
        reason = error.problem if isinstance(error, UserError) else error.strerror or str(error)
        with writable(path):
            kept = keep_beside(new, target, "new")
        raise UserError(
            f"could not be put in place at the end ({reason})",
            file=path,
            remedy=f"the result is whole and was kept as {kept}",
        ) from error


def _replace_folder(new: Path, target: Path, aside: Path, path: str | Path) -> None:
    """Rename ``new`` to ``target``; an old target is moved aside first, and back if refused."""
    if not os.path.lexists(target):
        os.replace(new, target)
        return
    check_replaceable(target, path)
    os.replace(target, aside)
    try:
        # Once more, now that nobody writes to it under the name that they know.
        check_replaceable(aside, path)
        os.replace(new, target)
    except (UserError, OSError):
        os.replace(aside, target)
        raise


def _check_no_folder(target: Path, path: str | Path) -> None:
    if target.is_dir():
        raise UserError("is a folder, not a file", file=path, remedy="choose another --out")


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
