"""Compare tokenizers over their corpora: every panel of the paper's Figures 2 and 3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pybmfm.core import UserError, output_directory, write_manifest, write_table
from pybmfm.tokenizer.comparison_columns import column_table
from pybmfm.tokenizer.comparison_figures import draw_comparison
from pybmfm.tokenizer.comparison_tables import BIN_TOKENS, comparison_tables
from pybmfm.tokenizer.dna_tokenizer import DnaTokenizer
from pybmfm.tokenizer.kmer_space import INDEL_RULE, KMER_RULE, kmer_space_table
from pybmfm.tokenizer.published_comparison import NOTE, published_peers, published_table
from pybmfm.tokenizer.used_vocabulary import TokenUse, UsedVocabulary
from pybmfm.tokenizer.variant_figures import (
    draw_kmer_space,
    draw_symbol_map,
    draw_variant_2mers,
    draw_variant_kmers,
)
from pybmfm.tokenizer.variant_tokens import variant_tables

if TYPE_CHECKING:
    import pandas as pd


def compare_tokenizers(
    tokenizers: Mapping[str, DnaTokenizer],
    uses: Mapping[str, TokenUse],
    out: Path,
    *,
    inputs: list[Path],
) -> None:
    """Write tables and pictures that compare tokenizers of any kind over their corpora.

    Parameters
    ----------
    tokenizers
        By name, in the order of rows and panels. A tokenizer without variants takes part in all
        but the pictures of Figure 3, A to E; those are left out if none has variants.
    uses
        Token use over the corpus of the same name.
    out
        Folder: the tables that ``columns.tsv`` describes, and as PNG and SVG ``comparison``
        (Figure 2), ``symbol_map`` (3A), ``variant_2mers`` (3B, 3C), ``variant_kmers`` (3D, 3E)
        and ``kmer_space`` (3F).
    inputs
        Folders read, for the manifest.

    Raises
    ------
    UserError
        If a tokenizer has no corpus, or its corpus is empty or holds other ids.
    """
    _check(tokenizers, uses)
    vocabularies = [UsedVocabulary.of(name, tokenizers[name], uses[name]) for name in tokenizers]
    with output_directory(out) as folder:
        tables = all_tables(vocabularies)
        for name, table in tables.items():
            write_table(table, folder / f"{name}.tsv")
        draw_figures(tables, folder)
        write_manifest(
            folder,
            artefact="tokenizer-comparison",
            settings={"names": list(tokenizers), "bin_tokens": BIN_TOKENS},
            inputs=inputs,
            counts={
                one.name: {
                    "windows": len(one.tokens_per_window),
                    "tokens": int(one.tokens_per_window.sum()),
                }
                for one in vocabularies
            },
            rules={"kmer_space": KMER_RULE, "kmer_space_with_indels": INDEL_RULE},
            notes=[NOTE],
            files=sorted(path.name for path in folder.iterdir()),
        )


def all_tables(vocabularies: Sequence[UsedVocabulary]) -> dict[str, pd.DataFrame]:
    """Build every table, by file name without suffix."""
    tables = {
        **comparison_tables(vocabularies),
        **variant_tables(vocabularies),
        "kmer_space": kmer_space_table(vocabularies),
    }
    return {
        **tables,
        "published": published_table(vocabularies, tables),
        "columns": column_table(),
    }


def draw_figures(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Draw every picture as PNG and SVG; one of variants only where some tokenizer has them."""
    summary, symbols, edges = (tables[name] for name in ("summary", "symbols", "variant_2mers"))
    peers = published_peers(summary)
    draw_comparison(tables, folder)
    draw_kmer_space(tables["kmer_space"], peers, folder)
    used = (symbols["kind"] != "base") & (symbols["occurrence"] > 0)
    if names := _in_order(peers, symbols[used]):
        draw_symbol_map(symbols, names, folder)
    if names := _in_order(peers, edges[edges["tokens"] > 0]):
        draw_variant_2mers(edges, names, folder)
    if names := _in_order(peers, tables["variant_kmers"]):
        draw_variant_kmers(tables["variant_kmers"], names, folder)


def _in_order(names: Iterable[str], rows: pd.DataFrame) -> list[str]:
    """Names of the tokenizers that have such rows."""
    found = set(rows["tokenizer"])
    return [name for name in names if name in found]


def _check(tokenizers: Mapping[str, DnaTokenizer], uses: Mapping[str, TokenUse]) -> None:
    if not tokenizers:
        raise UserError("no tokenizer given", remedy="give --tokenizer NAME=DIR")
    if set(tokenizers) != set(uses):
        raise UserError(
            f"tokenizers are named {', '.join(tokenizers)} but corpora {', '.join(uses) or 'none'}",
            remedy="give each name once with --tokenizer and once with --corpus",
        )
    for name, use in uses.items():
        if not len(use.tokens_per_window):
            raise UserError(f"the corpus {name} is empty", remedy="build it from more windows")
        if len(use.occurrence) != tokenizers[name].vocab_size:
            raise UserError(
                f"the corpus {name} was made with another tokenizer",
                remedy="give the tokenizer that the corpus was built with",
            )
