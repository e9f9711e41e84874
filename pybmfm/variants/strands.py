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
)

ON_DELETION = "mark_on_deletion"
AT_END = "mark_at_end_without_flank"
STATE_NOT_KEPT = "mark_kept_without_its_state"

_STATE = np.arange(N_STATES, dtype=np.uint8)
_MARK = _STATE >= INSERTION
_BASE_PART = np.where(_MARK, _STATE - INSERTION, _STATE).astype(np.uint8)
_COMPLEMENT = np.append(complement_bases(_STATE[:DELETION]), np.uint8(DELETION))
assert len(STATES) == INSERTION + DELETION


def _reversal_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Tabulate, for arriving marks 0-3 and every code, the new code and the marks lost on DEL."""
    parts = _COMPLEMENT[_BASE_PART[SORTED_STATES_OF_CODE]]
    arriving = np.array([[False, False], [True, False], [False, True], [True, True]])[:, None]
    lost = arriving & (parts == DELETION)
    moved = np.where(arriving & ~lost, parts + np.uint8(INSERTION), parts)
    return CODE_OF_STATES[moved[..., 0], moved[..., 1]], lost.sum(axis=-1).astype(np.uint8)


# MARKS[code]: bit 0 is an insertion mark of the first sorted state, bit 1 of the second.
MARKS: NDArray[np.uint8] = (_MARK[SORTED_STATES_OF_CODE] @ [1, 2]).astype(np.uint8)
# REVERSED[marks, code]: the code on the other strand where marks arrive from the base before.
REVERSED, REVERSED_LOST = _reversal_tables()


def _not_kept_table() -> NDArray[np.bool_]:
    """Tabulate, for a code and the one after it, where reversing twice moves the mark.

    One of two different bases is marked, and the other strand's order of states, in which the
    mark finds its way back, is another: `A_CI` and `AI_C` before a plain base are written alike.
    """
    every = np.arange(len(MARKS))
    following = REVERSED[MARKS[:, None], every]
    twice = REVERSED[MARKS[following], REVERSED[0, :, None]]
    same = CODE_OF_STATES[*SORTED_STATES_OF_CODE.T]
    return np.asarray((twice != same[:, None]) & (REVERSED_LOST[MARKS[:, None], every] == 0))


# NOT_KEPT[before, code]
NOT_KEPT: NDArray[np.bool_] = _not_kept_table()


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
        Counts, by reason, the insertion marks that had to be dropped, and those that are kept
        but whose state of two different ones the other strand cannot express.

    Returns
    -------
    uint8[n]
        Twice is the identity but where ``dropped`` counts a mark.

    Raises
    ------
    ValueError
        If a code is above 131.
    """
    from pybmfm.variants import _encode_kernels

    if codes.size == 0:
        return np.empty(0, np.uint8)
    if int(codes.max()) >= len(MARKS):
        raise ValueError(f"{int(codes.max())} is not a code: they end at {len(MARKS) - 1}")
    result = codes.astype(np.uint8)
    arriving = np.uint8(0) if left_flank is None else MARKS[left_flank]
    lost, not_kept, leaving = _encode_kernels.reverse_complement(result, arriving)
    if dropped is not None:
        at_end = int(leaving).bit_count() if right_flank is None else 0
        count_marks(dropped, lost, at_end, not_kept)
    return result


def count_marks(dropped: Counter[str], on_deletion: int, at_end: int, not_kept: int) -> None:
    """Add insertion marks that were dropped, or kept without their state, to a counter."""
    numbers = ((ON_DELETION, on_deletion), (AT_END, at_end), (STATE_NOT_KEPT, not_kept))
    for reason, number in numbers:
        if number:
            dropped[reason] += number
