"""Artefacts appear under their final name only when whole, and say how they were made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pybmfm import __version__
from pybmfm.core.errors import UserError
from pybmfm.core.provenance import source_digest

MANIFEST = "manifest.json"


@contextmanager
def output_directory(path: str | Path) -> Iterator[Path]:
    """Yield a hidden sibling folder that takes the name ``path`` when the block ends well.

    An artefact of that name is replaced whole; on an error nothing is left behind.

    Raises
    ------
    UserError
        If the place cannot be written, or ``path`` is an existing file or a folder that holds
        anything but an artefact of ours.
    """
    target = Path(path).absolute()
    _check_replaceable(target, path)
    staging = _hidden_sibling(target, path)
    try:
        staging.chmod(0o777 & ~_umask())
        yield staging
        with _writable(path):
            let_others_read(staging)
            _replace_folder(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def let_others_read(folder: Path) -> None:
    """Give a folder's files the mode of a plain open: some writers, safetensors one, give 0600.

    A lab's models are there for the lab, as far as the user's umask allows.
    """
    mode = 0o666 & ~_umask()
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(path.stat().st_mode | mode)


@contextmanager
def output_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name when the block ends well.

    The temporary name keeps the suffixes of ``path`` (``.vcf.gz``), so writers that look at
    them behave as for the final name.

    Raises
    ------
    UserError
        If the place cannot be written, or ``path`` is an existing folder.
    """
    target = Path(path).absolute()
    if target.is_dir():
        raise UserError("is a folder, not a file", file=path, remedy="choose another --out")
    folder = _hidden_sibling(target, path)
    try:
        staging = folder / target.name
        yield staging
        with _writable(path):
            os.replace(staging, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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

    Raises
    ------
    UserError
        If the folder or manifest is missing or broken, or holds another kind of artefact.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        expected = f"a {artefact} folder" if artefact else "a folder made by pybmfm"
        raise UserError(f"has no {MANIFEST}", file=folder, remedy=f"give {expected}")
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(
            f"is not valid JSON ({error})", file=path, remedy="make the folder again"
        ) from error
    if artefact is not None and content.get("artefact") != artefact:
        raise UserError(
            f"holds a {content.get('artefact')}, not a {artefact}",
            file=folder,
            remedy=f"give a {artefact} folder",
        )
    return dict(content)


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
def _writable(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror or error})",
            file=path,
            remedy="choose a folder you may write to, with space left",
        ) from error


def _hidden_sibling(target: Path, path: str | Path) -> Path:
    """Make an empty hidden folder beside ``target``, on its disk, so that a rename is atomic."""
    with _writable(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))


def _replace_folder(staging: Path, target: Path) -> None:
    """Rename ``staging`` to ``target``; an old target is moved aside first and then deleted."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
        os.replace(target, old)
        os.replace(staging, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(staging, target)


def _check_replaceable(target: Path, path: str | Path) -> None:
    """Refuse to replace what is not ours: a user's folder given as --out must survive."""
    if target.exists() and not target.is_dir():
        raise UserError("is a file, not a folder", file=path, remedy="choose another --out")
    if not target.is_dir() or not any(target.iterdir()):
        return
    try:
        ours = "artefact" in json.loads((target / MANIFEST).read_text())
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise UserError(
            "holds files that pybmfm did not make", file=path, remedy="choose another --out"
        )


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
