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
    help="Tokenizer folder of any algorithm, under a name; repeat.",
)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    required=True,
    metavar="NAME=DIR",
    help="Corpus built with the tokenizer of that name; repeat, several of a name add up.",
)
@out_option("Folder of tables and figures")
@unused_seed_option()
def command(tokenizers: tuple[str, ...], corpora: tuple[str, ...], out: Path) -> None:
    """Compare tokenizers over their corpora: every panel of the paper's Figures 2 and 3.

    Tables (TSV) and pictures (PNG, SVG): token lengths and use, shared tokens, tokens per window,
    variant symbols, short tokens with variants, use of k-mer space; published.tsv sets the
    published figures beside them, columns.tsv says what each column means.

    \b
    Example:
      pybmfm compare-tokenizers --tokenizer ref=tokenizer_ref --tokenizer snp=tokenizer_snp \\
        --corpus ref=corpus_ref --corpus snp=corpus_snp --out comparison
    """
    from pybmfm.core import UserError
    from pybmfm.corpus import count_tokens
    from pybmfm.tokenizer import DnaTokenizer, TokenUse, compare_tokenizers

    tokenizer_folders = _named_folders(tokenizers, "--tokenizer")
    corpus_folders = _named_folders(corpora, "--corpus")
    if set(tokenizer_folders) != set(corpus_folders):
        raise UserError(
            f"tokenizers are named {', '.join(tokenizer_folders)} "
            f"but corpora {', '.join(corpus_folders)}",
            remedy="give each name with --tokenizer and with --corpus",
        )
    for name, folders in tokenizer_folders.items():
        if len(folders) > 1:
            raise UserError(f"--tokenizer {name} is given twice", remedy="give each name once")
    loaded = {name: DnaTokenizer.load(folders[0]) for name, folders in tokenizer_folders.items()}
    uses = {
        name: TokenUse.sum(count_tokens(folder, loaded[name]) for folder in corpus_folders[name])
        for name in loaded
    }
    inputs = [*tokenizer_folders.values(), *corpus_folders.values()]
    compare_tokenizers(loaded, uses, out, inputs=[one for folders in inputs for one in folders])


def _named_folders(values: tuple[str, ...], option: str) -> dict[str, list[Path]]:
    from pybmfm.core import UserError

    folders: dict[str, list[Path]] = {}
    for value in values:
        name, separator, folder = value.partition("=")
        if not (name and separator and folder):
            raise UserError(f"{option} {value} is not NAME=DIR", remedy="write NAME=DIR")
        folders.setdefault(name, []).append(Path(folder))
    return folders
