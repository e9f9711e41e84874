"""What lies in the results folders, by kind of artefact."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, read_manifest
from pybmfm.core.artifacts import MANIFEST
from pybmfm.core.names import shortened

REPORT = "report"
# Folders inside an unfinished run whose manifests are of intermediate states.
INNER_FOLDERS = {"best", "checkpoints", "training_state"}
SIMULATION = "simulation"  # its folder holds task tables, which are artefacts themselves


@dataclass(frozen=True)
class Artefact:
    """A folder and what its manifest says.

    Attributes
    ----------
    name
        The folder's name; with its parent's where another of the kind has the same.
    """

    folder: Path
    name: str
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """Everything found, each kind in the order of names.

    Attributes
    ----------
    artefacts
        By the kind that the manifest gives: ``windows``, ``checkpoint`` ...
    scored
        VCF files with scores.
    embeddings
        Parquet files of ``embed``.
    """

    artefacts: dict[str, list[Artefact]] = field(default_factory=dict)
    scored: list[Path] = field(default_factory=list)
    embeddings: list[Path] = field(default_factory=list)

    def of(self, kind: str) -> list[Artefact]:
        """Artefacts of a kind, none if there are none."""
        return self.artefacts.get(kind, [])


def collect(paths: Iterable[Path], skip: Iterable[Path] = ()) -> Collection:
    """Search folders and files for artefacts, following links, each real place once.

    Parameters
    ----------
    skip
        Folders that are not to be read: what is being written, and what is read apart.

    Raises
    ------
    UserError
        If a path does not exist, or nothing is found.
    """
    folders: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    files: list[Path] = []
    seen = {folder.resolve() for folder in skip}
    for path in paths:
        if not path.exists():
            raise UserError("no such file or folder", file=path, remedy="check --results")
        for found in _walk(path, seen):
            if found.name == MANIFEST:
                manifest = read_manifest(found.parent)
                kind = str(manifest.get("artefact"))
                folders.setdefault(kind, []).append((found.parent, manifest))
            else:
                files.append(found)
    scored = sorted((path for path in files if _is_scored(path)), key=_by_name)
    embeddings = sorted((path for path in files if _is_embedding(path)), key=_by_name)
    folders.pop(REPORT, None)
    if not folders and not scored and not embeddings:
        given = ", ".join(map(str, paths))
        raise UserError("hold no results of pybmfm", file=given, remedy="check --results")
    return Collection({kind: _named(found) for kind, found in folders.items()}, scored, embeddings)


@contextmanager
def as_written(artefact: Artefact) -> Iterator[None]:
    """Turn what goes wrong with tables and counts of other kinds than ours into one sentence.

    Raises
    ------
    UserError
        Where a column, a number or a row that should be in a file of the artefact is not there.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"holds a table or counts that are not as pybmfm writes them ({shortened(reason)})",
            file=artefact.folder,
            remedy="make the folder again",
        ) from error


def _walk(path: Path, seen: set[Path]) -> Iterator[Path]:
    """Manifests, VCFs and Parquet files; an artefact's folder is not searched further."""
    real = path.resolve()
    if real in seen:
        return
    seen.add(real)
    if path.is_file():
        if path.name.endswith((".vcf.gz", ".parquet")):
            yield path
        return
    if (path / MANIFEST).is_file():
        yield path / MANIFEST
        if read_manifest(path).get("artefact") != SIMULATION:
            return
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if not entry.name.startswith(".") and entry.name not in INNER_FOLDERS:
            yield from _walk(Path(entry.path), seen)


def _named(found: list[tuple[Path, dict[str, Any]]]) -> list[Artefact]:
    names = [folder.name for folder, _ in found]
    artefacts = [
        Artefact(
            folder,
            folder.name if names.count(folder.name) == 1 else _long_name(folder),
            manifest,
        )
        for folder, manifest in found
    ]
    return sorted(artefacts, key=lambda artefact: (artefact.name, str(artefact.folder)))


def _long_name(folder: Path) -> str:
    return f"{folder.resolve().parent.name}/{folder.name}"


def _by_name(path: Path) -> tuple[str, str]:
    return path.name, str(path)


def _is_scored(path: Path) -> bool:
    import gzip

    if not path.name.endswith(".vcf.gz"):
        return False
    try:
        with gzip.open(path, "rt", errors="replace") as handle:
            for line in handle:
                if line.startswith("##INFO=<ID=BMFM_LLR"):
                    return True
                if not line.startswith("##"):
                    return False
    except (OSError, EOFError, zlib.error):
        pass
    return False


def _is_embedding(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix != ".parquet":
        return False
    try:
        return b'"artefact": "embeddings"' in (pq.read_schema(path).metadata or {}).get(
            b"pybmfm", b""
        )
    except (OSError, pa.ArrowException):
        return False
