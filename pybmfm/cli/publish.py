"""``pybmfm publish``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import PATH, out_option, unused_seed_option


@click.command("publish")
@click.option("--checkpoint", type=PATH, required=True, help="Checkpoint folder.")
@click.option("--repo", help="Repository of a hub to upload to: OWNER/NAME.")
@out_option("Folder to write instead", "--to-folder", required=False)
@click.option("--endpoint", help="The hub's address  [default: HF_ENDPOINT, or Hugging Face's].")
@click.option("--private", is_flag=True, help="Make the repository private, where it is new.")
@click.option(
    "--token-file", type=PATH, help="File with the access token  [default: HF_TOKEN or the login]."
)
@click.option(
    "--include",
    multiple=True,
    help="A file or folder in the checkpoint that is left out otherwise, such as progress.jsonl.",
)
@unused_seed_option()
def command(
    checkpoint: Path,
    repo: str | None,
    to_folder: Path | None,
    endpoint: str | None,
    private: bool,
    token_file: Path | None,
    include: tuple[str, ...],
) -> None:
    """Publish a model on a Hugging Face hub, or write the same files to a folder.

    The folder is checked first: all files there, weights that fit the configuration, a model
    card with license, data digests, settings, metrics and limits. Published are the files at the
    checkpoint's top; checkpoints, training state, the log and event files stay here. Where the
    hub is not Hugging Face's own, HF_HUB_DISABLE_XET=1 uploads by plain Git LFS.

    \b
    Example:
      pybmfm publish --checkpoint model/snp --repo lab/dna-snp --private
      pybmfm publish --checkpoint model/snp/best --to-folder release/dna-snp
    """
    from pybmfm.core import UserError
    from pybmfm.model.publish import publish_to_folder, publish_to_hub

    if (repo is None) == (to_folder is None):
        raise UserError("give one of --repo and --to-folder", remedy="see pybmfm publish --help")
    if to_folder is not None:
        publish_to_folder(checkpoint, to_folder, include)
        click.echo(str(to_folder))
        return
    address = publish_to_hub(
        checkpoint,
        str(repo),
        endpoint=endpoint,
        private=private,
        token=None if token_file is None else _token(token_file),
        include=include,
    )
    click.echo(address)


def _token(file: Path) -> str:
    from pybmfm.core import UserError

    try:
        return file.read_text().strip()
    except OSError as error:
        raise UserError(
            f"cannot be read ({error.strerror})", file=file, remedy="check --token-file"
        ) from error
