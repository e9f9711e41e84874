"""Compiled: how tokens come about, and which token may follow which (see `bpe_tables`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pybmfm.core.compiled import njit

LEFT, RIGHT, RANK, LEVEL = range(4)  # columns of ``parts``
NO_TOKEN = -1
ABSENT, LETTER_LEVEL = -2, -1  # levels; those of merges are ranks, from 0

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@njit
def derive(
    tokens: Int32s, first: Int64s, pairs: Int32s, keys: Int64s, ranks: Int32s, parts: Int32s
) -> None:
    """Fill in the last merge of every token that merging gives, shorter tokens first.

    Parameters
    ----------
    tokens
        int32[t], ids of tokens of two letters or more, by length.
    first, pairs
        int64[t + 1], int32[n, 3]: ``pairs[first[i]:first[i + 1]]`` are left, right and rank of
        the merges into ``tokens[i]``.
    keys, ranks
        int64[n] ascending, ``left * size + right`` of every merge, and its rank.
    parts
        int32[size, 4], letters filled in.
    """
    for i in range(len(tokens)):
        for k in range(first[i], first[i + 1]):
            left, right, rank = pairs[k, 0], pairs[k, 1], pairs[k, 2]
            if parts[left, LEVEL] == ABSENT or parts[right, LEVEL] == ABSENT:
                continue
            if _meet(left, right, keys, ranks, parts):
                token = tokens[i]
                parts[token, LEFT], parts[token, RIGHT] = left, right
                parts[token, RANK] = rank
                parts[token, LEVEL] = max(rank, parts[left, LEVEL], parts[right, LEVEL])


@njit
def forbid(pairs: Int32s, parts: Int32s, bits: Words) -> None:
    """Set bit ``t2`` of row ``t1`` for every two tokens that do not stay apart.

    Parameters
    ----------
    pairs
        int32[n, 3], left, right and rank of every merge.
    parts
        int32[size, 4], as `derive` fills it.
    bits
        uint64[size or more, words], zeros.
    """
    size = len(parts)
    ends, next_end = _parents(parts, RIGHT)
    starts, next_start = _parents(parts, LEFT)
    found = np.empty(size, dtype=np.int32)
    row = np.empty(bits.shape[1], dtype=np.uint64)
    one = np.uint64(1)
    for k in range(len(pairs)):
        x, y, rank = pairs[k, 0], pairs[k, 1], pairs[k, 2]
        if parts[x, LEVEL] == ABSENT or parts[y, LEVEL] == ABSENT:
            continue
        row[:] = 0
        found[0], count = y, 1
        parent = starts[y]
        while parent != NO_TOKEN:
            if _lasts_on_right(x, y, parent, rank, parts):
                count = _add_tree(parent, starts, next_start, found, count)
            parent = next_start[parent]
        for i in range(count):
            row[found[i] >> 6] |= one << np.uint64(found[i] & 63)
        found[0], count = x, 1
        parent = ends[x]
        while parent != NO_TOKEN:
            if _lasts_on_left(x, y, parent, rank, parts):
                count = _add_tree(parent, ends, next_end, found, count)
            parent = next_end[parent]
        for i in range(count):
            for word in range(len(row)):
                bits[found[i], word] |= row[word]


@njit
def _meet(left: int, right: int, keys: Int64s, ranks: Int32s, parts: Int32s) -> bool:
    """Whether two tokens side by side are both completed before a merge joins their parts."""
    size = len(parts)
    x, x_parent = left, NO_TOKEN
    while x != NO_TOKEN:
        y, y_parent = right, NO_TOKEN
        while y != NO_TOKEN:
            if x_parent != NO_TOKEN or y_parent != NO_TOKEN:
                key = np.int64(x) * size + y
                place = np.searchsorted(keys, key)
                if place < len(keys) and keys[place] == key:
                    rank = ranks[place]
                    if _lasts_on_left(x, y, x_parent, rank, parts) and _lasts_on_right(
                        x, y, y_parent, rank, parts
                    ):
                        return False
            y, y_parent = parts[y, LEFT], y
        x, x_parent = parts[x, RIGHT], x
    return True


@njit
def _lasts_on_left(x: int, y: int, parent: int, rank: int, parts: Int32s) -> bool:
    """Whether x, a last part that ``parent`` swallows, is there when (x, y) may merge."""
    if parent == NO_TOKEN:
        return True
    if parts[parent, LEVEL] > parts[x, LEVEL]:
        level = max(rank, parts[x, LEVEL], parts[y, LEVEL])
        return bool(level < parts[parent, LEVEL])
    return bool(rank < parts[parent, RANK] and parts[y, LEVEL] < parts[x, LEVEL])


@njit
def _lasts_on_right(x: int, y: int, parent: int, rank: int, parts: Int32s) -> bool:
    """Whether y, a first part that ``parent`` swallows, is there when (x, y) may merge."""
    if parent == NO_TOKEN:
        return True
    if parts[parent, LEVEL] > parts[y, LEVEL]:
        level = max(rank, parts[x, LEVEL], parts[y, LEVEL])
        return bool(level <= parts[parent, LEVEL])
    sibling = parts[parent, RIGHT]
    until = parts[parent, RANK]
    if parts[sibling, LEVEL] == parts[y, LEVEL]:
        until = parts[y, LEVEL]
    return bool(rank <= until and parts[x, LEVEL] <= parts[y, LEVEL])


@njit
def _parents(parts: Int32s, side: int) -> tuple[Int32s, Int32s]:
    """List, for every token, those whose last merge has it on one side: first and next."""
    size = len(parts)
    first = np.full(size, NO_TOKEN, dtype=np.int32)
    following = np.full(size, NO_TOKEN, dtype=np.int32)
    for token in range(size):
        part = parts[token, side]
        if part != NO_TOKEN:
            following[token] = first[part]
            first[part] = token
    return first, following


@njit
def _add_tree(root: int, first: Int32s, following: Int32s, found: Int32s, count: int) -> int:
    """Append a token and all that it is an outermost part of; return the new count."""
    place = count
    found[count] = root
    count += 1
    while place < count:
        parent = first[found[place]]
        while parent != NO_TOKEN:
            found[count] = parent
            count += 1
            parent = following[parent]
        place += 1
    return count
