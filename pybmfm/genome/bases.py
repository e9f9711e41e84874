"""Bases as small integers: A G T C N are 0 1 2 3 4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BASES = "AGTCN"
N_CODE = 4

# 255 marks a letter outside ACGTN, so that replacing it by N can be counted.
_UNKNOWN = 255
_CODE_TABLE = bytes(
    BASES.index(letter) if letter in BASES else _UNKNOWN
    for letter in (chr(byte).upper() for byte in range(256))
)
_LETTER_TABLE = BASES.encode().ljust(256, b"?")
_COMPLEMENT = np.array([BASES.index(base) for base in "TCAGN"], dtype=np.uint8)


def encode_bases(text: str | bytes) -> tuple[NDArray[np.uint8], int]:
    """Turn DNA letters into codes, lower case as upper case.

    Parameters
    ----------
    text
        Letters without white space.

    Returns
    -------
    codes
        uint8[len(text)], values 0-4.
    replaced
        How many letters outside ACGTN (IUPAC codes, U, ...) became N.
    """
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    # Translating bytes is several times faster than indexing an array with them.
    coded = raw.translate(_CODE_TABLE)
    replaced = coded.count(_UNKNOWN)
    if replaced:
        coded = coded.replace(bytes([_UNKNOWN]), bytes([N_CODE]))
    return np.frombuffer(coded, dtype=np.uint8).copy(), replaced


def decode_bases(codes: NDArray[np.uint8]) -> str:
    """Turn codes 0-4 into upper-case letters."""
    return codes.tobytes().translate(_LETTER_TABLE).decode("ascii")


def complement_bases(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Complement codes 0-4 in place order (not reversed): A and T, G and C swap, N stays."""
    return _COMPLEMENT[codes]
