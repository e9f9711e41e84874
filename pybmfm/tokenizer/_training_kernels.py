"""Compiled loops of tokenizer training; see `bpe_training` and `kmers` for what they do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pybmfm.core.compiled import njit

LETTERS = 132
LINE_END = 255
FREE = -1  # key of a free place in a hash table

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Uint16s = npt.NDArray[np.uint16]
Uint8s = npt.NDArray[np.uint8]


@njit
def find_place(keys: Int64s, key: int) -> int:
    """Return where ``key`` is in the table, or the free place where it belongs.

    The table has 2**m places, at least one of them free.
    """
    mask = len(keys) - 1
    mixed = key * 0x1E3779B97F4A7C15
    place = (mixed ^ (mixed >> 32)) & mask
    while keys[place] != FREE and keys[place] != key:
        place = (place + 1) & mask
    return place


@njit
def count_kmers(
    text: Uint8s, start: int, k: int, keys: Int64s, counts: Int64s, used: int
) -> tuple[int, int]:
    """Count k-mers from ``start`` on until the end or until the table is half full.

    Returns where to go on (``len(text)`` at the end) and how many places are taken.
    """
    wrap = LETTERS ** (k - 1)
    key, run = 0, 0
    for place in range(start, len(text)):
        if text[place] == LINE_END:
            key, run = 0, 0
            continue
        key = (key % wrap) * LETTERS + text[place]
        run += 1
        if run < k:
            continue
        slot = find_place(keys, key)
        if keys[slot] == FREE:
            if 2 * (used + 1) > len(keys):
                return place - k + 1, used
            keys[slot] = key
            used += 1
        counts[slot] += 1
    return len(text), used


@njit
def enlarge_table(keys: Int64s) -> tuple[Int64s, Int64s]:
    """Return the keys in a table four times as large, and where each place has moved to."""
    new_keys = np.full(4 * len(keys), FREE, np.int64)
    moved = np.full(len(keys), -1, np.int64)
    for old in range(len(keys)):
        if keys[old] != FREE:
            moved[old] = find_place(new_keys, keys[old])
            new_keys[moved[old]] = keys[old]
    return new_keys, moved


# Byte-pair encoding. A sequence's tokens lie in two arrays over its letters: `first[p]` is the
# token that begins at p, `last[p]` the token that ends there. Only places where a token begins
# or ends are meaningful; the rest of `first` is INSIDE, the rest of `last` is never read.
INSIDE = 65535
BORDER = 65534  # a line end, in both arrays; no token is paired with it

# Columns of `PairQueue.entries`, places of `PairQueue.used`.
PAIR, COUNT, START, SIZE = 0, 1, 2, 3
ENTRIES, HEAP = 0, 1


class PairQueue(NamedTuple):
    """The pairs of neighbouring tokens that may be merged, most frequent first.

    Attributes
    ----------
    keys, entry_of
        Hash table, 2**m places: a pair as ``a << 16 | b``, and its entry.
    entries
        int64[n, 4]: pair, occurrences now, and where its places begin in the array of the merge
        that made it, and how many they are.
    heap_keys, heap_entries
        Heap. A key holds the count of when it was last looked at; counts only fall, so the first
        entry whose key is up to date is the first of all.
    used
        int64[2]: entries, and places in the heap.
    """

    keys: Int64s
    entry_of: Int32s
    entries: Int64s
    heap_keys: Int64s
    heap_entries: Int32s
    used: Int64s


@njit
def count_letter_pairs(first: Uint16s, letters: int) -> Int64s:
    """Occurrences of each pair of letters, int64[letters * letters]."""
    counts = np.zeros(letters * letters, np.int64)
    for place in range(len(first) - 1):
        if first[place] != BORDER and first[place + 1] != BORDER:
            counts[np.int64(first[place]) * letters + first[place + 1]] += 1
    return counts


@njit
def list_letter_pairs(first: Uint16s, letters: int, counts: Int64s) -> Int32s:
    """Return where each pair of letters begins, ascending, one pair after another."""
    following = np.cumsum(counts) - counts
    positions = np.empty(counts.sum(), np.int32)
    for place in range(len(first) - 1):
        if first[place] != BORDER and first[place + 1] != BORDER:
            pair = np.int64(first[place]) * letters + first[place + 1]
            positions[following[pair]] = place
            following[pair] += 1
    return positions


@njit
def queue_letter_pairs(
    queue: PairQueue, letter_counts: Int64s, letters: int, min_frequency: int
) -> None:
    """Queue every frequent pair of letters; places as `list_letter_pairs` gives them."""
    start = 0
    for pair, count in enumerate(letter_counts):
        if count >= min_frequency:
            add_entry(queue, pair_key(pair // letters, pair % letters), start, count)
        start += count


@njit
def merge_pair(
    first: Uint16s,
    last: Uint16s,
    lengths: Int64s,
    positions: Int32s,
    pair: tuple[int, int],
    merged: int,
    where: Int32s,
    before: Uint16s,
    after: Uint16s,
) -> int:
    """Turn the pair into the token ``merged`` at each of ``positions`` where it still stands.

    Positions ascend, so that of overlapping pairs (AAA) the left one is merged. Writes where it
    was done and which token stood before and after at that moment; returns how often.
    """
    a, b = pair
    length_a, length_b = lengths[a], lengths[b]
    done = 0
    for place in positions:
        if first[place] != a:
            continue
        middle = place + length_a
        if first[middle] != b:
            continue
        end = middle + length_b
        where[done] = place
        before[done] = last[place - 1]
        after[done] = first[end]
        done += 1
        first[middle] = INSIDE
        first[place] = merged
        last[end - 1] = merged
    return done


@njit
def queue_new_pairs(
    queue: PairQueue,
    pair: tuple[int, int],
    merged: int,
    where: Int32s,
    before: Uint16s,
    after: Uint16s,
    lengths: Int64s,
    min_frequency: int,
    counts: Int64s,
    left_goes: Int64s,
    right_goes: Int64s,
) -> Int32s:
    """Queue the frequent pairs that a merge made, and lower the counts of those it broke.

    Returns the places of the new pairs, which the new entries point into. The last three are
    room for one number per token; ``counts`` is zero before and after.
    """
    a, b = pair
    # What follows goes first: where AAAA became (AA)(AA), a pair (AA, A) was made, then broken.
    known = queue_side(queue, True, after, b, merged, 0, min_frequency, counts, right_goes)
    total = queue_side(queue, False, before, a, merged, known, min_frequency, counts, left_goes)
    return list_new_pairs(where, before, after, lengths, left_goes, right_goes, total)


@njit
def queue_side(
    queue: PairQueue,
    follow: bool,
    neighbours: Uint16s,
    broken: int,
    merged: int,
    total: int,
    min_frequency: int,
    counts: Int64s,
    goes: Int64s,
) -> int:
    """Queue the pairs of ``merged`` with the tokens before it, or with those that follow it.

    They had been pairs with the token ``broken``. ``total`` places are taken; writes where the
    places of each token's pair go, -1 for nowhere, and returns how many are taken now.
    """
    for token in neighbours:
        if token != BORDER:
            counts[token] += 1
    for token in neighbours:
        if token == BORDER or counts[token] == 0:
            continue
        count, counts[token] = counts[token], 0
        old = pair_key(broken, token) if follow else pair_key(token, broken)
        new = pair_key(merged, token) if follow else pair_key(token, merged)
        lower_count(queue, old, count)
        goes[token] = -1
        if count >= min_frequency:
            add_entry(queue, new, total, count)
            goes[token] = total
            total += count
    return total


@njit
def list_new_pairs(
    where: Int32s,
    before: Uint16s,
    after: Uint16s,
    lengths: Int64s,
    left_goes: Int64s,
    right_goes: Int64s,
    total: int,
) -> Int32s:
    """Return where each new pair begins, ascending, one pair after another.

    ``left_goes`` and ``right_goes`` as `queue_side` writes them; they are moved on.
    """
    positions = np.empty(total, np.int32)
    for place in range(len(where)):
        left, right = before[place], after[place]
        if left != BORDER and left_goes[left] >= 0:
            positions[left_goes[left]] = where[place] - lengths[left]
            left_goes[left] += 1
        if right != BORDER and right_goes[right] >= 0:
            positions[right_goes[right]] = where[place]
            right_goes[right] += 1
    return positions


@njit
def next_entry(queue: PairQueue, min_frequency: int) -> int:
    """Take the most frequent pair, the smallest of several; -1 if it is too rare or none is left.

    An entry at the top whose count has fallen is put back with its present count.
    """
    while queue.used[HEAP] > 0:
        entry = queue.heap_entries[0]
        count = queue.entries[entry, COUNT]
        if queue.heap_keys[0] >> 32 != count:
            queue.heap_keys[0] = heap_key(count, queue.entries[entry, PAIR])
            sift_down(queue)
            continue
        if count < min_frequency:
            return -1
        last = queue.used[HEAP] - 1
        queue.used[HEAP] = last
        queue.heap_keys[0] = queue.heap_keys[last]
        queue.heap_entries[0] = queue.heap_entries[last]
        sift_down(queue)
        return int(entry)
    return -1


@njit
def add_entry(queue: PairQueue, key: int, start: int, count: int) -> None:
    """Queue a pair that is not in the queue yet."""
    entry = queue.used[ENTRIES]
    queue.used[ENTRIES] += 1
    slot = find_place(queue.keys, key)
    queue.keys[slot] = key
    queue.entry_of[slot] = entry
    queue.entries[entry, PAIR] = key
    queue.entries[entry, COUNT] = count
    queue.entries[entry, START] = start
    queue.entries[entry, SIZE] = count
    push(queue, heap_key(count, key), entry)


@njit
def lower_count(queue: PairQueue, key: int, change: int) -> None:
    """Take ``change`` from a pair's count; pairs too rare to be queued are not in the table."""
    slot = find_place(queue.keys, key)
    if queue.keys[slot] != FREE:
        queue.entries[queue.entry_of[slot], COUNT] -= change


@njit
def pair_key(a: int, b: int) -> int:
    """Return a pair of tokens as one number."""
    return (a << 16) | b


@njit
def heap_key(count: int, key: int) -> int:
    """Order of the queue: the largest count, then the smallest pair of ids."""
    return (count << 32) | (0xFFFFFFFF - key)


@njit
def push(queue: PairQueue, key: int, entry: int) -> None:
    """Add a place to the heap."""
    place = queue.used[HEAP]
    queue.used[HEAP] += 1
    while place > 0:
        parent = (place - 1) // 2
        if queue.heap_keys[parent] >= key:
            break
        queue.heap_keys[place] = queue.heap_keys[parent]
        queue.heap_entries[place] = queue.heap_entries[parent]
        place = parent
    queue.heap_keys[place] = key
    queue.heap_entries[place] = entry


@njit
def sift_down(queue: PairQueue) -> None:
    """Let the root of the heap sink to where it belongs."""
    key, entry, size = queue.heap_keys[0], queue.heap_entries[0], queue.used[HEAP]
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and queue.heap_keys[child + 1] > queue.heap_keys[child]:
            child += 1
        if queue.heap_keys[child] <= key:
            break
        queue.heap_keys[place] = queue.heap_keys[child]
        queue.heap_entries[place] = queue.heap_entries[child]
        place = child
    queue.heap_keys[place] = key
    queue.heap_entries[place] = entry
