"""Byte-pair encoding as it is defined, and as the tokenizers library learns it."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import Any

from pybmfm.tokenizer.dna_tokenizer import SPECIAL_TOKENS
from pybmfm.variants import ALPHABET


def learn_merges(
    lines: list[str], alphabet: str, size: int, min_frequency: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens and merges, all pairs counted again before every merge."""
    tokens, merges = sorted(alphabet), []
    words = [list(line) for line in lines]
    while len(tokens) < size:
        ids = {token: place for place, token in enumerate(tokens)}
        counts = Counter(pair for word in words for pair in pairwise(word))
        best = min(counts, key=lambda p: (-counts[p], ids[p[0]], ids[p[1]]), default=None)
        if best is None or counts[best] < min_frequency:
            break
        merges.append(best)
        tokens.append("".join(best))
        words = [_merge(word, best) for word in words]
    return tokens, merges


def _merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    place = 0
    while place < len(word):
        found = tuple(word[place : place + 2]) == pair
        merged.append("".join(pair) if found else word[place])
        place += 1 + found
    return merged


def library_model(
    lines: list[str], vocab_size: int, min_frequency: int, alphabet: str = "all"
) -> dict[str, Any]:
    """The model that the tokenizers library trains with the published settings, as JSON."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        limit_alphabet=1000,
        initial_alphabet=list(ALPHABET) if alphabet == "all" else [],
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return dict(json.loads(tokenizer.to_str())["model"])
