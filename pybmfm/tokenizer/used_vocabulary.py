"""A vocabulary together with how often a corpus uses each of its tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.core import read_manifest
from pybmfm.core.artifacts import MANIFEST
from pybmfm.tokenizer.dna_tokenizer import DnaTokenizer
from pybmfm.variants import ALPHABET, VARIANT_CODE, text_to_codes


@dataclass(frozen=True)
class TokenUse:
    """How often a corpus uses each token.

    Attributes
    ----------
    occurrence
        int64, shape (vocab,): occurrences per id.
    tokens_per_window
        int64, shape (windows,): tokens without ``[CLS]`` and ``[SEP]``.
    """

    occurrence: npt.NDArray[np.int64]
    tokens_per_window: npt.NDArray[np.int64]

    @classmethod
    def sum(cls, uses: Iterable[TokenUse]) -> TokenUse:
        """Join the uses of one tokenizer by several corpora, at least one."""
        parts = list(uses)
        return cls(
            np.sum([part.occurrence for part in parts], axis=0),
            np.concatenate([part.tokens_per_window for part in parts]),
        )


@dataclass(frozen=True)
class UsedVocabulary:
    """The tokens that stand for DNA, of any kind of tokenizer, and their use in a corpus.

    Attributes
    ----------
    name
        What tables and pictures call the tokenizer.
    encoding
        ``"ref"``, ``"snp"`` or ``"mixed"``.
    tokens
        Text of each token, special tokens left out, shape (n,).
    ids
        int64, shape (n,): id of each token.
    occurrence
        int64, shape (n,): occurrences of each token in the corpus.
    tokens_per_window
        int64, shape (windows,).
    special_tokens
        Number of special tokens.
    unknown
        Occurrences of ``[UNK]``: symbols that the vocabulary lacks.
    algorithm, alphabet
        As the tokenizer was trained; empty for one without a manifest.
    """

    name: str
    encoding: str
    tokens: tuple[str, ...]
    ids: npt.NDArray[np.int64]
    occurrence: npt.NDArray[np.int64]
    tokens_per_window: npt.NDArray[np.int64]
    special_tokens: int
    unknown: int
    algorithm: str = ""
    alphabet: str = ""

    @classmethod
    def of(cls, name: str, tokenizer: DnaTokenizer, use: TokenUse) -> UsedVocabulary:
        """Join a tokenizer with the use of its ids."""
        ids = np.flatnonzero(tokenizer.span_lengths).astype(np.int64)
        trained = _settings_of(tokenizer)
        return cls(
            name=name,
            encoding=tokenizer.encoding,
            tokens=tuple(tokenizer.tokens[i] for i in ids),
            ids=ids,
            occurrence=use.occurrence[ids],
            tokens_per_window=use.tokens_per_window,
            special_tokens=tokenizer.vocab_size - len(ids),
            unknown=int(use.occurrence[tokenizer.unk]),
            algorithm=str(trained.get("algorithm", "")),
            alphabet=str(trained.get("alphabet", "")),
        )

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Nucleotides per token, shape (n,)."""
        return np.array([len(token) for token in self.tokens], dtype=np.int64)

    @cached_property
    def symbols(self) -> npt.NDArray[np.uint8]:
        """Codes 0-131 of all tokens, one after the other, shape (sum of lengths,)."""
        return text_to_codes("".join(self.tokens))

    @cached_property
    def owners(self) -> npt.NDArray[np.int64]:
        """Token, 0 to n - 1, that each of ``symbols`` stands in."""
        return np.repeat(np.arange(len(self.tokens)), self.lengths)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Where each token begins in ``symbols``, shape (n,)."""
        return np.cumsum(self.lengths) - self.lengths

    def codes(self, token: int) -> npt.NDArray[np.uint8]:
        """Codes 0-131 of one token, 0 to n - 1, as a view."""
        start = self.starts[token]
        return self.symbols[start : start + self.lengths[token]]

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """Place of each of ``symbols`` in its token, from 0."""
        return np.arange(len(self.symbols)) - self.starts[self.owners]

    @cached_property
    def variant_symbols(self) -> npt.NDArray[np.int64]:
        """Variant symbols in each token, shape (n,)."""
        return np.bincount(
            self.owners, weights=self.symbols >= VARIANT_CODE, minlength=len(self.tokens)
        ).astype(np.int64)

    @cached_property
    def holds_variant(self) -> npt.NDArray[np.bool_]:
        """Whether each token holds a variant symbol, shape (n,)."""
        held: npt.NDArray[np.bool_] = self.variant_symbols > 0
        return held

    @cached_property
    def used(self) -> npt.NDArray[np.bool_]:
        """Whether the corpus holds each token, shape (n,)."""
        held: npt.NDArray[np.bool_] = self.occurrence > 0
        return held

    @cached_property
    def symbol_occurrence(self) -> npt.NDArray[np.int64]:
        """Occurrences of each code 0-131 in the corpus, unknown symbols left out, shape (132,).

        Counted from the tokens: each token's symbols, times its occurrences.
        """
        counts = np.zeros(len(ALPHABET), dtype=np.int64)
        np.add.at(counts, self.symbols, self.occurrence[self.owners])
        return counts


def _settings_of(tokenizer: DnaTokenizer) -> dict[str, Any]:
    if not (tokenizer.folder / MANIFEST).is_file():
        return {}
    return dict(read_manifest(tokenizer.folder).get("settings", {}))


def percent(part: float, whole: float) -> float:
    """Share in percent, three decimals; 0 where there is no whole."""
    return round(100.0 * float(part) / float(whole), 3) if whole else 0.0
