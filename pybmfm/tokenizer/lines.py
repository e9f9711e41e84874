"""Training lines as one array of codes, a mark before, between and after them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pybmfm.core import UserError
from pybmfm.variants import ALPHABET, text_to_codes

LINE_END = 255  # no code: codes are 0-131
LONGEST_TEXT = 2**31 - 2  # positions are kept as int32


def join_lines(lines: Iterable[str | npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Put lines one after another; what is learned never crosses a ``LINE_END``.

    Parameters
    ----------
    lines
        Encoded DNA, as text (any case; foreign letters become ``N``) or as codes 0-131.

    Returns
    -------
    uint8[letters + lines + 1]
        Codes, ``LINE_END`` before the first line and after every line. Empty lines are left out.

    Raises
    ------
    UserError
        If the lines hold more than 2,147,483,646 letters and line ends.
    """
    end = np.full(1, LINE_END, dtype=np.uint8)
    parts, size = [end], 1
    for line in lines:
        codes = text_to_codes(line) if isinstance(line, str) else line
        if not len(codes):
            continue
        size += len(codes) + 1
        if size > LONGEST_TEXT:
            raise UserError(
                f"the training windows hold more than {LONGEST_TEXT:,} nt",
                remedy="give a smaller --max-bases",
            )
        parts += (codes, end)
    return np.concatenate(parts)


def letter_counts(text: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Occurrences of each code in joined lines, int64[132]."""
    counts = np.zeros(256, dtype=np.int64)
    block = 1 << 24  # bincount makes an int64 copy of what it counts
    for start in range(0, len(text), block):
        counts += np.bincount(text[start : start + block], minlength=256)
    return counts[: len(ALPHABET)]
