"""Exact BPE as tables: a trie over the tokens, and which token may follow which.

Merging a text by rank gives one sequence of tokens, and it is the only sequence in which merging
any two neighbours alone gives back these two. So a text can be encoded from left to right with
a table of the pairs that stay apart.

When do tokens ``t1 t2`` stay apart? Merging runs inside both as if alone, until a merge (x, y)
across the border comes first: x is then the last part of ``t1``, y the first of ``t2``. Every
part of a token comes about by one merge, at a *level*: the largest rank among the merges within
it (its own rank, unless an older merge had to wait for a younger one). A part lasts until the
level of the part that swallows it. So (x, y) comes first if its own level is below the end of x
and not above the end of y; at equal levels the left one is merged first. A part that comes and
goes at one level lasts only while merges of a lower rank wait.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pybmfm.tokenizer.bpe_model import BpeModel
from pybmfm.tokenizer.trie import NO_TOKEN, Trie, build_trie

START = 8  # letters looked up at once
_TRANSPOSED = 4096  # columns at a time, which bounds the memory


class EncodingTables(NamedTuple):
    """What the kernel looks up, laid out small: most of it stays in the processor's cache.

    Attributes
    ----------
    guesses
        uint16[2 * 4**8], the first token of every plain sequence of k = 1 to 8 letters encoded
        alone, at 4**k + its letters as digits, the first one the lowest; ``NO_TOKEN``: do not
        guess.
    starts
        uint16[4**8], the longest token that each plain 8-mer begins with; ``NO_TOKEN``: a token
        of more than 8 letters begins so.
    tokens
        uint64[size + 1], letters (lower 32 bits), row and column of ``forbidden`` (16 each) of
        every token; the last entry stands for nothing, before the first token.
    forbidden, forbidden_words
        uint64, flat, and words per row: the bit at the column of t2 in the row of t1 is set if
        t1 t2 do not stay apart. Tokens that behave alike share a row or a column.
    """

    guesses: npt.NDArray[np.uint16]
    starts: npt.NDArray[np.uint16]
    tokens: npt.NDArray[np.uint64]
    forbidden: npt.NDArray[np.uint64]
    forbidden_words: int


def build_tables(model: BpeModel) -> tuple[EncodingTables, Trie]:
    """Derive the tables of a model; needs about size**2 / 8 bytes meanwhile."""
    from pybmfm.tokenizer import _table_kernels as kernels

    parts = derive_parts(model)
    given = parts[:, kernels.LEVEL] != kernels.ABSENT
    texts = {text: token for text, token in model.tokens.items() if given[token]}
    trie = build_trie(texts, model.size, model.unk)
    apart = np.zeros((model.size + 1, -(-model.size // 64)), dtype=np.uint64)
    kernels.forbid(_pairs(model), parts, apart)
    rows, columns, forbidden = _share(apart)
    lengths = np.append(trie.lengths, 0).astype(np.uint64)
    tokens = lengths | rows << np.uint64(32) | columns << np.uint64(48)
    tables = EncodingTables(
        np.full(2 * 4**START, NO_TOKEN, dtype=np.uint16),
        _longest_starts(trie, plain_sequences(START)),
        tokens,
        forbidden.ravel(),
        forbidden.shape[1],
    )
    return tables._replace(guesses=_first_tokens(tables, trie)), trie


def plain_sequences(length: int) -> npt.NDArray[np.uint8]:
    """All sequences of the codes 0 to 3, uint8[4**length, length], the first letter fastest."""
    numbers = np.arange(4**length)[:, None]
    return (numbers >> (2 * np.arange(length)) & 3).astype(np.uint8)


def _first_tokens(tables: EncodingTables, trie: Trie) -> npt.NDArray[np.uint16]:
    """Encode all short plain sequences alone, see ``EncodingTables.guesses``."""
    from pybmfm.tokenizer import _encoding_kernels as encoding

    guesses = tables.guesses.copy()
    for length in range(1, START + 1):
        codes = plain_sequences(length).ravel()
        bounds = np.arange(0, len(codes) + 1, length)
        ids = np.empty(len(codes), dtype=np.uint16)
        id_bounds = np.zeros(len(bounds), dtype=np.int64)
        encoding.encode_merges(codes, bounds, tables, trie, ids, id_bounds)
        guesses[4**length : 2 * 4**length] = ids[id_bounds[:-1]]
    guesses[4**START :][tables.starts == NO_TOKEN] = NO_TOKEN
    return guesses


def _share(
    apart: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Keep one of all equal rows, then one of all equal columns, of a bit table.

    Returns
    -------
    uint64[size + 1], uint64[size + 1]
        Row and column of each token; the last, of nothing, has a column that is not used.
    uint64[rows, words]
    """
    rows, kept = _distinct(list(apart))
    small = apart[kept]
    columns = []
    for first in range(0, small.shape[1], _TRANSPOSED // 64):
        part = np.ascontiguousarray(small[:, first : first + _TRANSPOSED // 64])
        bits = np.unpackbits(part.view(np.uint8), axis=1, bitorder="little")
        columns += list(np.packbits(bits.T, axis=1, bitorder="little"))
    column_of, kept = _distinct(columns)
    bits = np.unpackbits(np.stack([columns[i] for i in kept]), axis=1, bitorder="little")
    packed = np.packbits(bits.T[: len(small)], axis=1, bitorder="little")
    words = np.zeros((len(small), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    of_tokens = np.zeros(len(apart), dtype=np.uint64)
    of_tokens[:-1] = column_of[: len(apart) - 1]
    return rows, of_tokens, words.view(np.uint64)


def _distinct(
    vectors: list[npt.NDArray[np.generic]],
) -> tuple[npt.NDArray[np.uint64], list[int]]:
    """Number equal vectors alike: the number of each, and a place of each number."""
    numbers: dict[bytes, int] = {}
    places = []
    found = np.empty(len(vectors), dtype=np.uint64)
    for place, vector in enumerate(vectors):
        key = vector.tobytes()
        if key not in numbers:
            numbers[key] = len(numbers)
            places.append(place)
        found[place] = numbers[key]
    return found, places


def _longest_starts(trie: Trie, eights: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Walk the trie along many sequences at once, see ``EncodingTables.starts``."""
    nodes = trie.run_nodes[trie.run_first[eights[:, 0]]]
    walking = np.ones(len(eights), dtype=bool)
    for letter in range(1, START):
        children = trie.children[nodes * trie.width + trie.symbols[eights[:, letter]]]
        walking &= children > 0
        nodes = np.where(walking, children, nodes)
    leads_on = trie.children.reshape(-1, trie.width).max(axis=1) > 0
    return np.where(walking & leads_on[nodes], np.uint16(NO_TOKEN), trie.longest[nodes])


def derive_parts(model: BpeModel) -> npt.NDArray[np.int32]:
    """Left part, right part, rank and level of every token's last merge, int32[size, 4]."""
    from pybmfm.tokenizer import _table_kernels as kernels

    parts = np.full((model.size, 4), kernels.NO_TOKEN, dtype=np.int32)
    parts[:, kernels.LEVEL] = kernels.ABSENT
    letters = [token for text, token in model.tokens.items() if len(text) == 1]
    parts[letters, kernels.LEVEL] = kernels.LETTER_LEVEL
    length = {token: len(text) for text, token in model.tokens.items()}
    merges = [
        (length[token], token, left, right, rank)
        for (left, right), (rank, token) in model.merges.items()
        if token in length
    ]
    merges.sort()
    groups = [(token, len(list(group))) for token, group in groupby(m[1] for m in merges)]
    tokens = np.array([token for token, _ in groups], dtype=np.int32)
    first = np.cumsum([0, *(count for _, count in groups)], dtype=np.int64)
    by_token = np.array([merge[2:] for merge in merges], dtype=np.int32).reshape(-1, 3)
    pairs = _pairs(model)
    keys = pairs[:, 0].astype(np.int64) * model.size + pairs[:, 1]
    order = np.argsort(keys)
    ranks = np.ascontiguousarray(pairs[order, 2])
    kernels.derive(tokens, first, by_token, keys[order], ranks, parts)
    return parts


def _pairs(model: BpeModel) -> npt.NDArray[np.int32]:
    rows = [(left, right, rank) for (left, right), (rank, _) in model.merges.items()]
    return np.array(rows, dtype=np.int32).reshape(-1, 3)
