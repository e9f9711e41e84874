"""What every column of the comparison's tables means; written beside them as ``columns.tsv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybmfm.tokenizer.kmer_space import INDEL_RULE, KMER_RULE
from pybmfm.tokenizer.published_comparison import NOTE

if TYPE_CHECKING:
    import pandas as pd

OURS = "ours_NAME"  # stands for the columns of published.tsv that bear a tokenizer's name

COLUMN_MEANINGS = {
    "summary": {
        "tokenizer": "name given on the command line",
        "encoding": "text that the tokenizer was trained on: ref, snp or mixed",
        "algorithm": "how it was trained; empty for a folder without a manifest",
        "alphabet": "all: every symbol is a token; observed: those of its training text",
        "vocab_size": "tokens, special tokens included",
        "tokens": "tokens that stand for DNA (2A)",
        "variant_tokens": "of these, tokens that hold a variant symbol (2C)",
        "variant_token_percent": "the same, % of tokens",
        "variant_tokens_used": "variant tokens that the corpus holds at least once",
        "variant_tokens_used_percent": "the same, % of tokens",
        "unused_tokens": "tokens that the corpus does not hold",
        "windows": "windows of the corpus, all splits",
        "occurrences": "tokens in the corpus, special tokens left out",
        "variant_occurrence_percent": "occurrences that are variant tokens, % (2A)",
        "variant_position_percent": "positions written with a variant symbol, % of all positions",
        "unknown_occurrences": "[UNK] in the corpus: symbols that the vocabulary lacks",
        "nucleotides_per_token": "mean over the corpus",
        "median_occurrence": "median over the tokens",
        "mean_tokens_per_window": "special tokens left out",
        "max_tokens_per_window": "special tokens left out",
    },
    "shared_tokens": {
        "tokenizer": "one of the pair",
        "other": "the other",
        "shared": "tokens in both vocabularies, special tokens included (2C)",
        "percent": "the same, % of the larger vocabulary, as published",
        "shared_used": "tokens that both corpora use, special tokens left out",
        "used_percent": "the same, % of the larger number of used tokens",
    },
    "token_occurrence": {
        "tokenizer": "name",
        "id": "id of the token",
        "token": "its text",
        "length": "its nucleotides (2A)",
        "variant": "whether it holds a variant symbol",
        "occurrence": "occurrences in the corpus (2A, 2B)",
    },
    "token_lengths": {
        "tokenizer": "name",
        "length": "nucleotides of a token",
        "vocabulary": "tokens of that length (2D)",
        "occurrence": "occurrences of tokens of that length in the corpus (2E)",
    },
    "tokens_per_window": {
        "tokenizer": "name",
        "start": "fewest tokens of the bin",
        "end": "first number beyond the bin",
        "windows": "windows with that many tokens (2F)",
    },
    "symbols": {
        "tokenizer": "name",
        "code": "code of the symbol, 0-131",
        "character": "its character in encoded text",
        "state_1": "first state, row of the map (3A)",
        "state_2": "second state, column of the map (3A); the same again for a lone state",
        "name": "its states, as A/G; a lone state as DEL",
        "kind": "base, SNP, insertion, deletion, insertion and deletion, or other",
        "tokens": "tokens that hold it",
        "occurrence": "its occurrences in the corpus: each token's symbols times its occurrences",
        "percent_of_variants": "the same, % of all occurrences of variant symbols",
    },
    "variant_patterns": {
        "tokenizer": "name",
        "length": "nucleotides of a token",
        "variants": "variant symbols in it",
        "pattern": "where they stand: V a variant, . a base",
        "tokens": "tokens of that pattern",
        "occurrence": "their occurrences in the corpus",
    },
    "variant_2mers": {
        "tokenizer": "name",
        "panel": "3B (after A or T), 3C (before C or G), or none",
        "pattern": "which of the two comes first",
        "base": "the base",
        "vertex_1": "one end of the variant's edge: A, C, G, T, Ins or Del",
        "vertex_2": "the other end; any insertion is Ins",
        "tokens": "2-mers of that base and such a variant; 0: the vocabulary has none",
        "names": "their variants",
        "occurrence": "their occurrences in the corpus",
    },
    "variant_kmers": {
        "tokenizer": "name",
        "panel": "3D (tokens with one variant) or 3E (tokens of variants alone)",
        "length": "nucleotides of a token, 3 or 4",
        "place": "position in the token from 1, or all positions together",
        "variant": "the variant",
        "kind": "SNP, insertion, deletion, insertion and deletion, or other",
        "symbols": "tokens that have it there (for all positions: its symbols)",
        "percent": "the same, % of the variants at that place",
        "tokens_in_panel": "tokens of that panel and length",
    },
    "kmer_space": {
        "tokenizer": "name",
        "k": "length of a k-mer (3F)",
        "possible": "4^k",
        "plain": "distinct k-mers of A, C, G and T among tokens without variants",
        "plain_percent": "the same, % of possible",
        "expanded": f"distinct k-mers when {KMER_RULE}",
        "expanded_percent": "the same, % of possible, as published",
        "with_indels": INDEL_RULE,
        "with_indels_percent": "the same, % of possible",
    },
    "published": {
        "panel": "of the paper's Figures 2 and 3",
        "statistic": "what is compared, with its unit",
        "published_ref": "published figure of the reference tokenizer",
        "published_snp": "published figure of the variant-encoded tokenizer",
        "source": "the paper, or a count in its published vocabularies",
        OURS: f"the tokenizer of that name. {NOTE}",
    },
}


def column_table() -> pd.DataFrame:
    """Return ``table, column, meaning`` of every column of every table."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"table": f"{table}.tsv", "column": column, "meaning": meaning}
            for table, columns in COLUMN_MEANINGS.items()
            for column, meaning in columns.items()
        ]
    )
