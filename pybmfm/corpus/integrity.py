"""Whether the shards on disk are the ones that were written."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, digest_file


def shards_of_split(folder: Path, split: str, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the manifest says of a split's shards: file, windows, bytes, sha256.

    Raises
    ------
    UserError
        If the corpus has no such split.
    """
    shards = [shard for shard in manifest["shards"] if shard["file"].startswith(f"{split}/")]
    if not shards:
        raise UserError(
            f"has no split '{split}'",
            file=folder,
            remedy=f"choose one of {', '.join(manifest['counts'])}",
        )
    return shards


def check_size(folder: Path, shard: dict[str, Any]) -> None:
    """Refuse a shard that is missing or has another size than was written.

    Raises
    ------
    UserError
        Naming both sizes.
    """
    file = folder / shard["file"]
    if not file.is_file():
        raise broken_shard(file, "is missing or broken")
    found = file.stat().st_size
    if found != shard["bytes"]:
        raise broken_shard(
            file, f"has {found:,} bytes, not the {shard['bytes']:,} that were written"
        )


def check_digest(folder: Path, shard: dict[str, Any]) -> None:
    """Refuse a shard whose bytes are not those that were written.

    Raises
    ------
    UserError
        If the SHA-256 differs from the manifest's.
    """
    file = folder / shard["file"]
    status = file.stat()
    if _digest_once(file.resolve(), status.st_size, status.st_mtime_ns) != shard["sha256"]:
        raise broken_shard(file, "was changed after it was written (its SHA-256 differs)")


def broken_shard(file: Path, problem: str) -> UserError:
    """Make the error of a shard that cannot be used."""
    return UserError(problem, file=file, remedy="build or copy the corpus again")


@cache
def _digest_once(file: Path, size: int, changed: int) -> str:  # noqa: ARG001
    """Digest a file once per process, and again when its size or time of change differ."""
    return digest_file(file)
