"""Vocabularies written by hand, with the use of each token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pybmfm.tokenizer import DnaTokenizer
from pybmfm.tokenizer.dna_tokenizer import SPECIAL_TOKENS
from pybmfm.tokenizer.used_vocabulary import UsedVocabulary
from pybmfm.variants import ALPHABET, STATES, code_of_states


def symbol(first: str, second: str | None = None) -> str:
    """Character of one state or of two."""
    return ALPHABET[code_of_states(STATES.index(first), STATES.index(second or first))]


def vocabulary(
    name: str,
    occurrence: Mapping[str, int],
    *,
    windows: Sequence[int] = (10,),
    unknown: int = 0,
    encoding: str = "snp",
    algorithm: str = "bpe",
) -> UsedVocabulary:
    """Tokens with their occurrences, after five special tokens."""
    return UsedVocabulary(
        name=name,
        encoding=encoding,
        tokens=tuple(occurrence),
        ids=np.arange(len(SPECIAL_TOKENS), len(SPECIAL_TOKENS) + len(occurrence)),
        occurrence=np.array(list(occurrence.values()), dtype=np.int64),
        tokens_per_window=np.array(windows, dtype=np.int64),
        special_tokens=len(SPECIAL_TOKENS),
        unknown=unknown,
        algorithm=algorithm,
    )


def tokenizer_of(tokens: Sequence[str], folder: Path) -> DnaTokenizer:
    """A tokenizer folder of those tokens; it is not asked to encode."""
    from tokenizers import Tokenizer, models

    vocab = {token: place for place, token in enumerate((*SPECIAL_TOKENS, *tokens))}
    folder.mkdir()
    model = models.BPE(vocab=vocab, merges=[], unk_token="[UNK]")
    Tokenizer(model).save(str(folder / "tokenizer.json"))
    return DnaTokenizer.load(folder)
