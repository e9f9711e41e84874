"""Compiled: exact encoding of codes, with guesses and longest matches that may be taken back.

All arithmetic is unsigned: indices need no test for counting from the end, and mixing with
signed numbers would give floating-point ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pybmfm.core.compiled import njit
from pybmfm.tokenizer.bpe_tables import START, EncodingTables
from pybmfm.tokenizer.trie import NO_TOKEN, Trie

PLAIN = 4  # codes below are A G T C
PLAIN_STARTS = PLAIN**START  # keys from here on hold another symbol
BLOCK = 4096  # places whose keys are computed at once

Codes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint16]
Int64s = npt.NDArray[np.int64]
Uint32s = npt.NDArray[np.uint32]


@njit
def encode_merges(
    codes: Codes,
    offsets: Int64s,
    tables: EncodingTables,
    trie: Trie,
    ids: Ids,
    id_offsets: Int64s,
) -> int:
    """Encode sequences of codes 0-131 laid end to end.

    At every place, first the token is tried that the next eight letters alone begin with, then
    the longest one and those that it begins with, until one may stand behind the token before.
    If none may, no encoding has a border here: the place is barred, and the token before is
    taken back for its next alternative. A place is barred once at most, so time is linear.

    Parameters
    ----------
    codes, offsets
        uint8[n], int64[m + 1]; ``codes[offsets[i]:offsets[i + 1]]`` is sequence i.
    tables, trie
        What is looked up.
    ids
        uint16[n], the ids are written to its beginning.
    id_offsets
        int64[m + 1], filled in.

    Returns
    -------
    int
        -1, or a sequence that has no encoding (the tables are wrong).
    """
    guesses, starts, tokens = tables.guesses, tables.starts, tables.tokens
    forbidden, row_words = tables.forbidden, np.uint64(tables.forbidden_words)
    children, symbols, width = trie.children, trie.symbols, np.uint64(trie.width)
    longest, run_nodes, run_first = trie.longest, trie.run_nodes, trie.run_first
    shorter = trie.shorter
    zero, one, three, six, seven = (
        np.uint64(0),
        np.uint64(1),
        np.uint64(3),
        np.uint64(6),
        np.uint64(7),
    )
    thirty_two, forty_eight = np.uint64(32), np.uint64(48)
    low16, low6 = np.uint64(0xFFFF), np.uint64(63)
    low32 = np.uint64(0xFFFFFFFF)
    no_token, start_length, block_length = np.uint64(NO_TOKEN), np.uint64(START), np.uint64(BLOCK)
    nothing = tokens[len(tokens) - 1]
    room = zero
    for i in range(len(offsets) - 1):
        room = max(room, np.uint64(offsets[i + 1] - offsets[i]))
    barred = np.zeros(np.int64(room // np.uint64(8) + one), dtype=np.uint8)
    keys = np.empty(BLOCK, dtype=np.uint32)
    scratch = np.empty((2, BLOCK + START), dtype=np.uint32)
    block = zero - block_length
    count = zero
    id_offsets[0] = 0
    for i in range(len(offsets) - 1):
        begin, end = np.uint64(offsets[i]), np.uint64(offsets[i + 1])
        base, place = count, begin
        before = nothing
        open_from = begin  # no place from here on is barred
        run_begin, run_end = begin, begin
        taken_back = no_token
        while place < end:
            key = np.uint64(PLAIN_STARTS)
            if place + start_length <= end:
                if place - block >= block_length:
                    block = place - place % block_length
                    fill_keys(codes[np.int64(block) :], keys, scratch)
                key = np.uint64(keys[place - block])
            prefix = np.uint64(PLAIN_STARTS) + key
            if key >= np.uint64(PLAIN_STARTS):
                # Tokens seldom reach across another symbol, and never across the end.
                prefix, letters = zero, zero
                while place + letters < end and codes[place + letters] < PLAIN:
                    prefix |= np.uint64(codes[place + letters]) << (letters + letters)
                    letters += one
                    if letters == start_length:
                        break
                prefix |= one << (letters + letters)
            guess = np.uint64(guesses[prefix])
            if taken_back == no_token and guess != no_token:
                entry = tokens[guess]
                after = place + (entry & low32)
                column = entry >> forty_eight
                row = ((before >> thirty_two) & low16) * row_words
                if (
                    after >= open_from
                    and (forbidden[row + (column >> six)] >> (column & low6)) & one == zero
                ):
                    ids[count] = guess
                    count += one
                    before = entry
                    place = after
                    continue
            if taken_back in (no_token, guess):
                token = no_token
                if key < np.uint64(PLAIN_STARTS):
                    token = np.uint64(starts[key])
                if token == no_token:
                    letter = codes[place]
                    if place < run_begin or place >= run_end:
                        run_begin, run_end = place, place + one
                        while run_end < end and codes[run_end] == letter:
                            run_end += one
                    first = np.uint64(run_first[letter])
                    depth = min(run_end - place, np.uint64(run_first[letter + 1]) - first)
                    node = np.uint64(run_nodes[first + depth - one])
                    reach = place + depth
                    while reach < end:
                        child = np.uint64(children[node * width + np.uint64(symbols[codes[reach]])])
                        if child == zero:
                            break
                        node = child
                        reach += one
                    token = np.uint64(longest[node])
            else:
                token = np.uint64(shorter[taken_back])
            row = ((before >> thirty_two) & low16) * row_words
            while token != no_token:
                entry = tokens[token]
                after = place + (entry & low32)
                column = entry >> forty_eight
                if (forbidden[row + (column >> six)] >> (column & low6)) & one == zero:
                    if after >= open_from:
                        break
                    behind = after - begin
                    if (np.uint64(barred[behind >> three]) >> (behind & seven)) & one == zero:
                        break
                token = np.uint64(shorter[token])
            if token != no_token:
                ids[count] = token
                count += one
                before = tokens[token]
                place += before & low32
                taken_back = no_token
            elif count == base:
                return i
            else:
                behind = place - begin
                barred[behind >> three] |= np.uint8(one << (behind & seven))
                open_from = max(open_from, place + one)
                count -= one
                taken_back = np.uint64(ids[count])
                place -= tokens[taken_back] & low32
                before = tokens[ids[count - one]] if count > base else nothing
        if open_from > begin:
            barred[: np.int64((open_from - begin) // np.uint64(8) + one)] = 0
        id_offsets[i + 1] = count
    return -1


@njit
def fill_keys(codes: Codes, keys: Uint32s, scratch: Uint32s) -> None:
    """Write the ``START`` letters from each place on as one number, as far as ``keys`` goes.

    The first letter stands in the lowest two bits; any code above C makes the number
    ``PLAIN_STARTS`` or more. Numbers of 2, then 4, then 8 letters: each loop is vectorised.
    """
    count = min(len(keys), len(codes) - START + 1)
    if count <= 0:
        return
    letters = codes[: count + START - 1]
    pairs, fours = scratch[0], scratch[1]
    low, high = np.uint32(3), np.uint32(0xFFC00000)
    for j in range(count + START - 2):
        first, second = np.uint32(letters[j]), np.uint32(letters[j + 1])
        other = ((first | second) >> np.uint32(2)) << np.uint32(22)
        pairs[j] = (first & low) | ((second & low) << np.uint32(2)) | other
    for j in range(count + START - 4):
        pair = pairs[j + 2]
        fours[j] = pairs[j] | (pair << np.uint32(4)) | (pair & high)
    for j in range(count):
        four = fours[j + 4]
        keys[j] = fours[j] | (four << np.uint32(8)) | (four & high)


@njit
def encode_pieces(
    codes: Codes,
    offsets: Int64s,
    piece_length: int,
    trie: Trie,
    ids: Ids,
    id_offsets: Int64s,
) -> None:
    """Encode sequences cut into pieces: a piece that is a token, else its single letters.

    Parameters are those of `encode_merges`; ``piece_length`` is the letters of a piece, and the
    last piece of a sequence may be shorter.
    """
    children, symbols, width = trie.children, trie.symbols, trie.width
    longest, run_nodes, run_first = trie.longest, trie.run_nodes, trie.run_first
    lengths = trie.lengths
    count = 0
    id_offsets[0] = 0
    for i in range(len(offsets) - 1):
        begin, end = offsets[i], offsets[i + 1]
        while begin < end:
            stop = min(begin + piece_length, end)
            node, reach = np.int64(run_nodes[run_first[codes[begin]]]), begin + 1
            while reach < stop:
                node = np.int64(children[node * width + symbols[codes[reach]]])
                if node == 0:
                    break
                reach += 1
            token = longest[node]
            if node != 0 and lengths[token] == stop - begin:
                ids[count] = token
                count += 1
            else:
                for place in range(begin, stop):
                    ids[count] = longest[run_nodes[run_first[codes[place]]]]
                    count += 1
            begin = stop
        id_offsets[i + 1] = count
