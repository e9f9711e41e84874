"""Windows to token rows: draw, encode, tokenize, frame with ``[CLS]`` and ``[SEP]``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pybmfm.corpus.sources import WindowSource
from pybmfm.corpus.windows_table import WindowColumns
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.variants import ALPHABET
from pybmfm.variants.encoder import ContigEncoder

SYMBOLS = len(ALPHABET)


@dataclass(frozen=True)
class TokenRows:
    """Consecutive rows of a corpus.

    Attributes
    ----------
    windows : WindowColumns
    plain
        bool[n], whether the row's window kept the reference.
    tokens
        uint16[k], the rows end to end, each between ``[CLS]`` and ``[SEP]``.
    offsets
        int64[n + 1], where each row starts in ``tokens``.
    occurrence
        int64[vocabulary] of each id, specials included.
    symbols
        int64[132], of each code of the encoded windows.
    """

    windows: WindowColumns
    plain: npt.NDArray[np.bool_]
    tokens: npt.NDArray[np.uint16]
    offsets: npt.NDArray[np.int64]
    occurrence: npt.NDArray[np.int64]
    symbols: npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowsPlan:
    """Consecutive windows, and for each group of one contig and pass what encodes it.

    Attributes
    ----------
    groups : list of (ContigEncoder, int64[m])
        Places of the group's windows in ``windows``.
    """

    windows: WindowColumns
    plain: npt.NDArray[np.bool_]
    groups: list[tuple[ContigEncoder, npt.NDArray[np.int64]]]


def plan_rows(windows: WindowColumns, source: WindowSource) -> RowsPlan:
    """Group windows by contig, encoding and pass; reads contigs, so plan in order, one at a time.

    Everything after it works on what the plan holds and may run on any thread.
    """
    plain = source.stays_plain(windows)
    # The reference is the same in every pass.
    passes = np.where(plain, 0, windows.passes)
    order = np.lexsort((passes, plain, windows.contigs))
    keys = np.stack([windows.contigs, plain, passes])[:, order]
    first = np.flatnonzero(np.diff(keys, axis=1, prepend=-1).any(axis=0))
    groups = []
    for (contig, stays, number), places in zip(
        keys[:, first].T.tolist(), np.split(order, first[1:]), strict=True
    ):
        groups.append((source.encoder(windows.names[contig], bool(stays), number), places))
    return RowsPlan(windows, plain, groups)


def make_rows(plan: RowsPlan, tokenizer: DnaTokenizer) -> TokenRows:
    """Encode and tokenize the windows of a plan; most of it runs without the GIL."""
    from pybmfm.corpus import _row_kernels as kernels

    windows = plan.windows
    lengths = np.empty(len(windows), np.int64)
    symbols = np.zeros((4, 256), np.int64)
    parts = []
    for encoder, places in plan.groups:
        starts, ends, minus = windows.starts[places], windows.ends[places], windows.minus[places]
        codes, bounds = encoder.encode_many(starts, ends, minus)
        kernels.count_values(codes, symbols)
        ids, offsets = tokenizer.encode_flat(codes, bounds)
        lengths[places] = np.diff(offsets)
        parts.append((places, ids, offsets))
    row_offsets = np.concatenate([[0], np.cumsum(lengths + 2)])
    tokens = np.empty(int(row_offsets[-1]), np.uint16)
    for places, ids, offsets in parts:
        kernels.frame_rows(ids, offsets, row_offsets[places], tokenizer.cls, tokenizer.sep, tokens)
    return TokenRows(
        windows=windows,
        plain=plan.plain,
        tokens=tokens,
        offsets=row_offsets,
        occurrence=_occurrence(tokens, tokenizer.vocab_size),
        symbols=symbols.sum(axis=0)[:SYMBOLS],
    )


def _occurrence(tokens: npt.NDArray[np.uint16], vocab_size: int) -> npt.NDArray[np.int64]:
    from pybmfm.corpus import _row_kernels as kernels

    counts = np.zeros((4, np.iinfo(np.uint16).max + 1), np.int64)
    kernels.count_values(tokens, counts)
    return np.asarray(counts.sum(axis=0)[:vocab_size])
