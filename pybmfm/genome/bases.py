"""Bases as small integers: A G T C N are 0 1 2 3 4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BASES = "AGTCN"
N_CODE = 4

# 255 marks a letter outside ACGTN, so that replacing it by N can be counted.
_UNKNOWN = 255
_CODE_OF_BYTE = np.full(256, _UNKNOWN, dtype=np.uint8)
for _code, _base in enumerate(BASES):
    _CODE_OF_BYTE[ord(_base)] = _CODE_OF_BYTE[ord(_base.lower())] = _code
_BYTE_OF_CODE = np.frombuffer(BASES.encode(), dtype=np.uint8)
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
    codes = _CODE_OF_BYTE[np.frombuffer(raw, dtype=np.uint8)]
    unknown = codes == _UNKNOWN
    replaced = int(np.count_nonzero(unknown))
    if replaced:
        codes[unknown] = N_CODE
    return codes, replaced


def decode_bases(codes: NDArray[np.uint8]) -> str:
    """Turn codes 0-4 into upper-case letters."""
    return _BYTE_OF_CODE[codes].tobytes().decode("ascii")


def complement_bases(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Complement codes 0-4 in place order (not reversed): A and T, G and C swap, N stays."""
    return _COMPLEMENT[codes]
