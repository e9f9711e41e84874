"""The reverse complement of encoded sequence.

Each of a position's two sorted states is a base part (a base or DEL) and perhaps an insertion
mark. Base parts are complemented. What is inserted after base i comes, on the other strand,
after base i+1: the mark moves to the same-numbered state of base i+1. A mark cannot sit on DEL.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from pybmfm.genome import complement_bases
from pybmfm.variants.symbols import (
    CODE_OF_STATES,
    DELETION,
    INSERTION,
    N_STATES,
    SORTED_STATES_OF_CODE,
    STATES,
    VARIANT_CODE,
)

ON_DELETION = "mark_on_deletion"
AT_END = "mark_at_end_without_flank"

_STATE = np.arange(N_STATES, dtype=np.uint8)
_MARK = _STATE >= INSERTION
_BASE_PART = np.where(_MARK, _STATE - INSERTION, _STATE).astype(np.uint8)
_COMPLEMENT = np.append(complement_bases(_STATE[:DELETION]), np.uint8(DELETION))
assert len(STATES) == INSERTION + DELETION


def reverse_complement_codes(
    codes: NDArray[np.uint8],
    left_flank: int | None = None,
    right_flank: int | None = None,
    dropped: Counter[str] | None = None,
) -> NDArray[np.uint8]:
    """Reverse complement encoded sequence.

    Parameters
    ----------
    codes
        uint8[n], codes 0-131.
    left_flank, right_flank
        Code of the base before and after, as it stands on the given strand; None where the
        sequence ends.
    dropped
        Counts, by reason, the insertion marks that had to be dropped, when given.

    Returns
    -------
    uint8[n]
        Twice is the identity for plain bases, and for a mark wherever the base it sits on
        does not itself vary; where that base varies and the next does not, the encoding cannot
        keep which of its two states was marked.
    """
    if codes.size == 0 or (
        int(codes.max()) < VARIANT_CODE and (left_flank is None or left_flank < VARIANT_CODE)
    ):
        return complement_bases(codes)[::-1].copy()
    states = SORTED_STATES_OF_CODE[codes]
    marks = _MARK[states]
    arriving = np.zeros_like(marks)
    arriving[1:] = marks[:-1]
    if left_flank is not None:
        arriving[0] = _MARK[SORTED_STATES_OF_CODE[left_flank]]
    parts = _COMPLEMENT[_BASE_PART[states]]
    lost = arriving & (parts == DELETION)
    if dropped is not None:
        at_end = int(marks[-1].sum()) if right_flank is None else 0
        for reason, number in ((ON_DELETION, int(lost.sum())), (AT_END, at_end)):
            if number:
                dropped[reason] += number
    moved = np.where(arriving & ~lost, parts + np.uint8(INSERTION), parts)
    return np.asarray(CODE_OF_STATES[moved[:, 0], moved[:, 1]][::-1].copy())
