"""``pybmfm compare-tokenizers``."""

from __future__ import annotations

from pathlib import Path

import click

from pybmfm.cli.options import out_option, unused_seed_option


@click.command("compare-tokenizers")
@click.option(
    "--tokenizer",
    "tokenizers",
    multiple=True,
    required=True,
    metavar="NAME=DIR",
    help="Tokenizer folder under a name; repeat.",
)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    required=True,
    metavar="NAME=DIR",
    help="Corpus built with the tokenizer of that name; repeat.",
)
@out_option("Folder of tables and figures")
@unused_seed_option()
def command(tokenizers: tuple[str, ...], corpora: tuple[str, ...], out: Path) -> None:
    """Compare tokenizers: vocabularies, token lengths, tokens per window, shared tokens.

    \b
    Example:
      pybmfm compare-tokenizers --tokenizer ref=tokenizer_ref --tokenizer snp=tokenizer_snp \\
        --corpus ref=corpus_ref --corpus snp=corpus_snp --out comparison
    """
    from pybmfm.core import UserError
    from pybmfm.corpus import count_tokens
    from pybmfm.tokenizer import DnaTokenizer, compare_tokenizers

    tokenizer_folders = _named_folders(tokenizers, "--tokenizer")
    corpus_folders = _named_folders(corpora, "--corpus")
    if set(tokenizer_folders) != set(corpus_folders):
        raise UserError(
            f"tokenizers are named {', '.join(tokenizer_folders)} "
            f"but corpora {', '.join(corpus_folders)}",
            remedy="give each name once with --tokenizer and once with --corpus",
        )
    loaded = {name: DnaTokenizer.load(folder) for name, folder in tokenizer_folders.items()}
    uses = {name: count_tokens(corpus_folders[name], loaded[name]) for name in loaded}
    compare_tokenizers(
        loaded, uses, out, inputs=[*tokenizer_folders.values(), *corpus_folders.values()]
    )


def _named_folders(values: tuple[str, ...], option: str) -> dict[str, Path]:
    from pybmfm.core import UserError

    folders: dict[str, Path] = {}
    for value in values:
        name, separator, folder = value.partition("=")
        if not (name and separator and folder):
            raise UserError(f"{option} {value} is not NAME=DIR", remedy="write NAME=DIR")
        if name in folders:
            raise UserError(f"{option} {name} is given twice", remedy="give each name once")
        folders[name] = Path(folder)
    return folders
