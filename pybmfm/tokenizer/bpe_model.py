"""What a ``tokenizer.json`` does to a sequence of symbols, when that can be told exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pybmfm.variants import ALPHABET

_LETTERS = frozenset(ALPHABET)
_FOREIGN_TO_N = rf"[^{ALPHABET}\s]"  # matches no symbol
_PARTS = {
    "version",
    "truncation",
    "padding",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
    "post_processor",  # only adds special tokens, which are not asked for
    "decoder",
    "model",
}
_MODEL_PARTS = {
    "type",
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
    "vocab",
    "merges",
}


class UnsupportedTokenizer(Exception):
    """Says what of a ``tokenizer.json`` is not understood, in words that follow "it has"."""


@dataclass(frozen=True)
class BpeModel:
    """Vocabulary and merges over the symbols.

    Attributes
    ----------
    tokens
        Id of every token that is made of symbols.
    merges
        Rank of each pair of ids, and the id that it becomes: ``{(left, right): (rank, id)}``.
    unk
        Id that stands for a symbol outside the vocabulary; None: there is no such symbol.
    fuse_unk
        Whether neighbouring unknown symbols become one ``unk``.
    piece_length
        0: a sequence is merged as a whole. Above 0, without merges: it is cut into pieces of so
        many letters; a piece in the vocabulary is a token, any other is spelled in letters.
    size
        One more than the largest id.
    """

    tokens: dict[str, int]
    merges: dict[tuple[int, int], tuple[int, int]]
    unk: int | None
    fuse_unk: bool
    piece_length: int
    size: int


def read_bpe_model(tokenizer: Mapping[str, Any]) -> BpeModel:
    """Read a parsed ``tokenizer.json``; input is taken to be upper-case symbols only.

    Parameters
    ----------
    tokenizer
        As the tokenizers library writes it.

    Raises
    ------
    UnsupportedTokenizer
        If anything in it is unknown or might change the ids in a way not described by `BpeModel`.
    """
    _require(set(tokenizer) <= _PARTS, "unknown parts")
    _require(not tokenizer.get("truncation"), "truncation")
    _require(not tokenizer.get("padding"), "padding")
    normalizer = tokenizer.get("normalizer")
    _require(_keeps_symbols(normalizer), "another normalizer")
    for token in tokenizer.get("added_tokens") or []:
        _check_added_token(token, normalized_as_is=normalizer is None)
    return _model(tokenizer["model"], _piece_length(tokenizer.get("pre_tokenizer")))


def _model(model: Mapping[str, Any], piece_length: int) -> BpeModel:
    _require(model.get("type") == "BPE", "another model than BPE")
    _require(set(model) <= _MODEL_PARTS, "unknown parts in its model")
    _require(model.get("dropout") is None, "dropout")
    _require(not model.get("byte_fallback"), "byte_fallback")
    _require(not model.get("continuing_subword_prefix"), "continuing_subword_prefix")
    _require(not model.get("end_of_word_suffix"), "end_of_word_suffix")
    vocab: dict[str, int] = model["vocab"]
    _require(len(set(vocab.values())) == len(vocab), "two tokens of one id")
    tokens = {
        token: place for token, place in vocab.items() if token and _LETTERS.issuperset(token)
    }
    merges = _merges(model["merges"], vocab)
    unk = _unknown(model.get("unk_token"), tokens, vocab)
    _require(not any(unk in pair for pair in merges), "merges of its unknown token")
    whole_pieces = bool(model.get("ignore_merges"))
    _require(whole_pieces == bool(piece_length), "a rare mix of pre-tokenizer and ignore_merges")
    _require(not (whole_pieces and merges), "ignore_merges and merges")
    fuse_unk = bool(model.get("fuse_unk"))
    _require(not (whole_pieces and fuse_unk), "fuse_unk within pieces")
    return BpeModel(tokens, merges, unk, fuse_unk, piece_length, max(vocab.values(), default=0) + 1)


def _merges(
    pairs: list[tuple[str, str]], vocab: Mapping[str, int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Read merges in the order of their rank; of a pair given twice the later one counts."""
    return {
        (vocab[left], vocab[right]): (rank, vocab[left + right])
        for rank, (left, right) in enumerate(pairs)
    }


def _unknown(
    unk_token: str | None, tokens: Mapping[str, int], vocab: Mapping[str, int]
) -> int | None:
    if unk_token is None:
        # The library would drop unknown symbols and merge what stands around them.
        _require(set(tokens) >= _LETTERS, "no unknown token, and not every symbol")
        return None
    _require(unk_token in vocab and unk_token not in tokens, "an odd unknown token")
    return vocab[unk_token]


def _keeps_symbols(normalizer: Mapping[str, Any] | None) -> bool:
    """Whether a normalizer surely leaves upper-case symbols as they are."""
    if normalizer is None:
        return True
    if normalizer.get("type") == "Sequence":
        return all(map(_keeps_symbols, normalizer["normalizers"]))
    if normalizer.get("type") != "Replace":
        return False
    pattern = normalizer["pattern"]
    return pattern.get("Regex") == _FOREIGN_TO_N or _foreign(pattern.get("String", ""))


def _check_added_token(token: Mapping[str, Any], *, normalized_as_is: bool) -> None:
    """Refuse a token that may be found in symbols before they are merged."""
    _require(_foreign(token["content"]), "added tokens of symbols")
    _require(normalized_as_is or not token.get("normalized"), "normalized added tokens")


def _piece_length(pre_tokenizer: Mapping[str, Any] | None) -> int:
    """Letters per piece, 0 if symbols are never cut apart (all of them are word characters)."""
    lengths = [
        _split_length(part) for part in _parts_of(pre_tokenizer) if part != {"type": "Whitespace"}
    ]
    _require(len(lengths) <= 1, "several pre-tokenizers that cut")
    return lengths[0] if lengths else 0


def _parts_of(pre_tokenizer: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if pre_tokenizer is None:
        return []
    if pre_tokenizer.get("type") == "Sequence":
        return list(pre_tokenizer["pretokenizers"])
    return [pre_tokenizer]


def _split_length(part: Mapping[str, Any]) -> int:
    regex = part["pattern"].get("Regex", "") if part.get("type") == "Split" else ""
    match = re.fullmatch(r"\.\{([1-9]\d{0,3})\}", regex)
    if match is None or part.get("behavior") != "Isolated" or part.get("invert"):
        raise UnsupportedTokenizer("another pre-tokenizer")
    return int(match[1])


def _foreign(text: str) -> bool:
    return not _LETTERS.issuperset(text)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UnsupportedTokenizer(otherwise)
