"""Codes to ids with compiled kernels: the ids of the tokenizers library, many times as fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from pybmfm.tokenizer.bpe_model import BpeModel, UnsupportedTokenizer
from pybmfm.tokenizer.bpe_tables import build_tables
from pybmfm.tokenizer.trie import build_trie
from pybmfm.variants import ALPHABET

MAX_SIZE = 2**15  # the table of pairs that stay apart then takes 128 MiB
CHUNK_LETTERS = 2**20  # that one thread encodes at a time, unless a sequence is longer

Codes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint16]
Offsets = npt.NDArray[np.int64]
Fill = Callable[[Codes, Offsets, Ids, Offsets], None]  # writes ids and their offsets


class FastEncoding:
    """Encodes sequences of codes with one vocabulary.

    Parameters
    ----------
    model
        Vocabulary and merges.

    Raises
    ------
    UnsupportedTokenizer
        If the vocabulary is too large for the tables.
    """

    def __init__(self, model: BpeModel) -> None:
        if model.size > MAX_SIZE:
            raise UnsupportedTokenizer(f"more than {MAX_SIZE:,} tokens")
        self._fused = model.unk if model.fuse_unk else None
        self._fill = _fill_with_pieces(model) if model.piece_length else _fill_with_merges(model)

    def encode(self, codes: Codes, offsets: Offsets, threads: int = 1) -> tuple[Ids, Offsets]:
        """Encode sequences laid end to end, see `DnaTokenizer.encode_flat`.

        Each chunk of sequences is encoded into memory of its own, whatever the threads.
        """
        runs = list(chunks(offsets))
        if threads == 1 or len(runs) == 1:
            parts = [self._encode_chunk(codes, chunk) for chunk in runs]
        else:
            with ThreadPoolExecutor(threads) as pool:
                parts = list(pool.map(lambda chunk: self._encode_chunk(codes, chunk), runs))
        if len(parts) == 1:
            return parts[0]
        counts = [np.diff(bounds) for _, bounds in parts]
        bounds = np.cumsum(np.concatenate([[0], *counts]), dtype=np.int64)
        return np.concatenate([ids for ids, _ in parts]), bounds

    def _encode_chunk(self, codes: Codes, offsets: Offsets) -> tuple[Ids, Offsets]:
        part = np.require(codes[offsets[0] : offsets[-1]], np.uint8, ["C", "W"])
        if part.size and part.max() >= len(ALPHABET):
            raise ValueError(f"codes are 0 to {len(ALPHABET) - 1}, not {part.max()}")
        ids = np.empty(len(part), dtype=np.uint16)  # the system gives pages as they are written
        bounds = np.zeros(len(offsets), dtype=np.int64)
        self._fill(part, offsets - offsets[0], ids, bounds)
        ids = ids[: bounds[-1]]
        return _fuse(ids, bounds, self._fused) if self._fused is not None else (ids.copy(), bounds)


def _fill_with_merges(model: BpeModel) -> Fill:
    from pybmfm.tokenizer import _encoding_kernels as kernels

    tables, trie = build_tables(model)

    def fill(codes: Codes, offsets: Offsets, ids: Ids, bounds: Offsets) -> None:
        stuck = kernels.encode_merges(codes, offsets, tables, trie, ids, bounds)
        if stuck >= 0:
            raise RuntimeError(f"no tokens found for sequence {stuck} of a chunk")

    return fill


def _fill_with_pieces(model: BpeModel) -> Fill:
    from pybmfm.tokenizer import _encoding_kernels as kernels

    trie = build_trie(model.tokens, model.size, model.unk)

    def fill(codes: Codes, offsets: Offsets, ids: Ids, bounds: Offsets) -> None:
        kernels.encode_pieces(codes, offsets, model.piece_length, trie, ids, bounds)

    return fill


def chunks(offsets: Offsets) -> Iterator[Offsets]:
    """Cut sequences into runs of about ``CHUNK_LETTERS`` letters, as their offsets."""
    first, last = 0, len(offsets) - 1
    while True:
        full = int(np.searchsorted(offsets, offsets[first] + CHUNK_LETTERS, side="right")) - 1
        stop = min(max(full, first + 1), last)
        yield offsets[first : stop + 1]
        first = stop
        if first >= last:
            return


def _fuse(ids: Ids, bounds: Offsets, unk: int) -> tuple[Ids, Offsets]:
    """Keep the first of neighbouring ``unk`` of a sequence."""
    unknown = ids == unk
    kept = np.ones(len(ids), dtype=bool)
    kept[1:] = ~(unknown[1:] & unknown[:-1])
    kept[bounds[:-1][np.diff(bounds) > 0]] = True
    return ids[kept], np.concatenate([[0], np.cumsum(kept)])[bounds]
