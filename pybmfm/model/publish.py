"""Publish a checkpoint: the whole model with its card, and nothing of the run's inner life."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pybmfm.core import UserError, output_directory, read_manifest
from pybmfm.model.card import SECTIONS
from pybmfm.model.checkpoints import load_model

NEEDED = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "README.md",
    "manifest.json",
)
LOG = "progress.jsonl"


def files_to_publish(checkpoint: Path, include: Sequence[str] = ()) -> list[str]:
    """Name the files of a checkpoint that make up the published model, relative to it.

    Those are the files at the top, without the training log and without what is hidden. Folders
    (checkpoints, training state, the best model, event files) stay behind unless asked for.

    Parameters
    ----------
    include
        Files or folders, relative to the checkpoint, that are published too.

    Raises
    ------
    UserError
        If one of ``include`` is not there.
    """
    top = [p for p in checkpoint.iterdir() if p.is_file() and not p.name.startswith(".")]
    chosen = {path.name for path in top if path.name != LOG}
    for name in include:
        path = checkpoint / name
        if ".." in path.parts or Path(name).is_absolute() or not path.exists():
            raise UserError(f"has no {name}", file=checkpoint, remedy="check --include")
        inside = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        chosen |= {p.relative_to(checkpoint).as_posix() for p in inside}
    return sorted(chosen)


def check_publishable(checkpoint: Path) -> None:
    """Check that a checkpoint is whole: files, weights that fit, a card with all its sections.

    Raises
    ------
    UserError
        Saying what is missing.
    """
    read_manifest(checkpoint, "checkpoint")
    for name in NEEDED:
        if not (checkpoint / name).is_file():
            raise UserError(f"has no {name}", file=checkpoint, remedy="give a whole checkpoint")
    load_model(checkpoint)
    card = (checkpoint / "README.md").read_text()
    missing = [title for title in SECTIONS if f"## {title}\n" not in card]
    if "\nlicense:" not in card.partition("\n---\n")[0]:
        missing.append("license")
    if missing:
        raise UserError(
            f"the model card does not say: {', '.join(missing)}",
            file=checkpoint / "README.md",
            remedy="add these to it, a section each and the license in its head",
        )


def publish_to_folder(checkpoint: Path, target: Path, include: Sequence[str] = ()) -> None:
    """Copy a checked checkpoint to a folder, whole or not at all.

    Raises
    ------
    UserError
        As `check_publishable`, or if the folder cannot be written.
    """
    check_publishable(checkpoint)
    with output_directory(target) as folder:
        for name in files_to_publish(checkpoint, include):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkpoint / name, folder / name)


def publish_to_hub(
    checkpoint: Path,
    repository: str,
    *,
    endpoint: str | None = None,
    private: bool = False,
    token: str | None = None,
    include: Sequence[str] = (),
) -> str:
    """Upload a checked checkpoint to a Hugging Face hub, in one commit.

    Parameters
    ----------
    repository
        ``owner/name``; made when absent.
    endpoint
        The hub's address; None is that of huggingface_hub's own settings.
    private
        Whether a repository that is made here is private.
    token
        Access token; None is that of huggingface_hub's own login.

    Returns
    -------
    str
        Address of the commit.

    Raises
    ------
    UserError
        As `check_publishable`, or if the hub refuses or cannot be reached.
    """
    from huggingface_hub import HfApi

    check_publishable(checkpoint)
    files = files_to_publish(checkpoint, include)
    api = HfApi(endpoint=endpoint, token=token)
    with _hub_errors(repository):
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=checkpoint,
            allow_patterns=[_literally(name) for name in files],
            commit_message="Upload model",
        )
    return str(commit.commit_url)


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        yield
    except (HfHubHTTPError, HFValidationError, httpx.HTTPError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise UserError(
            f"cannot be published to {repository} ({reason})",
            remedy="check --repo, --endpoint, the token's rights and the connection",
        ) from error


def _literally(name: str) -> str:
    """Write a file's name as a pattern that fits that name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
