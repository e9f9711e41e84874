"""Tokenizers over genome windows, written as a Hugging Face folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError, output_directory, write_manifest
from pybmfm.tokenizer.bpe_training import learn_merges
from pybmfm.tokenizer.dna_tokenizer import MAX_VOCABULARY, SPECIAL_TOKENS, DnaTokenizer
from pybmfm.tokenizer.kmers import LONGEST_K, frequent_kmers
from pybmfm.tokenizer.lines import join_lines, letter_counts
from pybmfm.tokenizer.tokenizer_folder import (
    bpe_tokenizer,
    kmer_tokenizer,
    write_tokenizer_folder,
)
from pybmfm.variants import ALPHABET

log = logging.getLogger("pybmfm")

PLAIN_BASES = 5


@dataclass(frozen=True)
class TokenizerSettings:
    """What the tokenizer shall look like.

    Attributes
    ----------
    out
        Folder to write.
    encoding
        ``"ref"``, ``"snp"`` or ``"mixed"``: what the lines are.
    algorithm
        ``"bpe"``, the published one; ``"kmer"``, see `pybmfm.tokenizer.kmers`; or
        ``"single-nucleotide"``, one token per letter.
    vocab_size
        Most tokens, the special ones included.
    min_frequency
        A pair (k-mer) seen less often is not merged (is no token).
    alphabet
        ``"all"``: every symbol is a token, so no variant is ever ``[UNK]``; ``"observed"``:
        only the symbols that the lines hold, as the paper's tokenizers.
    k
        Letters of a k-mer; unused by the other algorithms.
    """

    out: Path
    encoding: str
    algorithm: str = "bpe"
    vocab_size: int = 4096
    min_frequency: int = 10
    alphabet: str = "all"
    k: int = 6


def train_tokenizer(
    settings: TokenizerSettings,
    lines: Iterable[str | npt.NDArray[np.uint8]],
    *,
    origin: Mapping[str, Any],
    inputs: Iterable[str | Path],
    counts: Mapping[str, Any],
) -> None:
    """Train a tokenizer (paper, section on tokenization) and write its folder.

    Parameters
    ----------
    settings
        Algorithm, size and alphabet.
    lines
        Encoded sequences, as text or as codes 0-131; tokens never cross the end of a line.
    origin
        Settings of how the lines were made, for the manifest.
    inputs
        Files and folders the lines came from.
    counts
        What was read, used and dropped to make the lines.

    Raises
    ------
    UserError
        If the vocabulary is too small for the alphabet, or there is nothing to train on.
    """
    _check(settings)
    with output_directory(settings.out) as folder:
        write_tokenizer_folder(learn_tokenizer(settings, join_lines(lines)), folder)
        statistics = token_statistics(DnaTokenizer.load(folder))
        if settings.algorithm != "single-nucleotide":
            _check_merged(settings, statistics)
        write_manifest(
            folder,
            artefact="tokenizer",
            settings={**origin, **_json_settings(settings)},
            inputs=inputs,
            encoding=settings.encoding,
            vocab_size=statistics["vocab_size"],
            counts=dict(counts),
            tokens=statistics,
        )


def learn_tokenizer(settings: TokenizerSettings, text: npt.NDArray[np.uint8]) -> Any:
    """Train on joined lines and return a ``tokenizers.Tokenizer`` with template and decoder.

    Special tokens come first, then letters in the order of their code points, then merged
    tokens in the order of their merges, or k-mers from the most frequent one on.
    """
    alphabet = ALPHABET
    if settings.alphabet == "observed":
        alphabet = "".join(ALPHABET[code] for code in np.flatnonzero(letter_counts(text)))
    size = settings.vocab_size - len(SPECIAL_TOKENS)
    letters = sorted(alphabet)
    if settings.algorithm == "kmer":
        kmers = frequent_kmers(
            text,
            settings.k,
            most=max(size - len(letters), 0),
            min_frequency=settings.min_frequency,
        )
        return kmer_tokenizer([*SPECIAL_TOKENS, *letters, *kmers], settings.k)
    if settings.algorithm == "single-nucleotide":
        return bpe_tokenizer([*SPECIAL_TOKENS, *letters], [])
    learned = learn_merges(text, alphabet, size=size, min_frequency=settings.min_frequency)
    return bpe_tokenizer([*SPECIAL_TOKENS, *learned.tokens], learned.merges)


def token_statistics(tokenizer: DnaTokenizer) -> dict[str, Any]:
    """Size, lengths and share of variant tokens of a vocabulary, specials left out."""
    lengths = tokenizer.span_lengths[tokenizer.span_lengths > 0]
    return {
        "vocab_size": tokenizer.vocab_size,
        "special_tokens": tokenizer.vocab_size - len(lengths),
        "single_letters": int((lengths == 1).sum()),
        "merged_tokens": int((lengths > 1).sum()),
        "tokens_with_variants": int(tokenizer.holds_variant.sum()),
        "longest": int(lengths.max(initial=0)),
        "by_length": {str(n): int((lengths == n).sum()) for n in sorted(set(lengths.tolist()))},
    }


def _json_settings(settings: TokenizerSettings) -> dict[str, Any]:
    names = ["algorithm", "vocab_size", "min_frequency", "alphabet"]
    if settings.algorithm == "kmer":
        names.append("k")
    return {name: getattr(settings, name) for name in names}


def _check(settings: TokenizerSettings) -> None:
    letters = len(ALPHABET) if settings.alphabet == "all" else PLAIN_BASES
    # Of tokens longer than a letter there must be room for one, where the algorithm makes any.
    longer = settings.algorithm != "single-nucleotide"
    smallest = len(SPECIAL_TOKENS) + letters + longer
    if not smallest <= settings.vocab_size <= MAX_VOCABULARY:
        raise UserError(
            f"--vocab-size {settings.vocab_size} is outside {smallest} to {MAX_VOCABULARY}",
            remedy="choose a size in that range (4096 as published)",
        )
    if settings.algorithm == "kmer" and not 2 <= settings.k <= LONGEST_K:
        raise UserError(
            f"--k {settings.k} is outside 2 to {LONGEST_K}",
            remedy="choose one in that range, or --algorithm single-nucleotide for 1",
        )


def _check_merged(settings: TokenizerSettings, statistics: Mapping[str, Any]) -> None:
    """Refuse a vocabulary of letters only; say when it is smaller than asked for."""
    pair = f"{settings.k}-mer" if settings.algorithm == "kmer" else "pair of letters"
    if not statistics["merged_tokens"]:
        raise UserError(
            f"the training windows hold no {pair} often enough to make it a token",
            remedy="give more sequence or lower --min-frequency",
        )
    if statistics["vocab_size"] < settings.vocab_size:
        log.info(
            "the vocabulary has %d of %d tokens: no further %s occurs %d times",
            statistics["vocab_size"],
            settings.vocab_size,
            pair if settings.algorithm == "kmer" else "pair",
            settings.min_frequency,
        )
