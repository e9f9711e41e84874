"""Bases as small integers: A G T C N are 0 1 2 3 4."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pybmfm.genome.dna import NUCLEOTIDES

BASES = "AGTCN"
N_CODE = 4
# Above the codes: what a byte is where it is no base, so that each kind can be counted.
_URACIL, _AMBIGUOUS, _FOREIGN, _BLANK, _NEVER = range(251, 256)
_T_CODE = BASES.index("T")
_BLANKS = b" \t\n\v\f\r"


def _kind_of(byte: int) -> int:
    letter = chr(byte).upper()
    if letter in BASES:
        return BASES.index(letter)
    if letter == "U":
        return _URACIL
    if letter in NUCLEOTIDES:
        return _AMBIGUOUS
    if byte in _BLANKS:
        return _BLANK
    # Control characters, and what begins a header or a comment where sequence should be.
    return _NEVER if byte < 32 or byte == 127 or letter in ">;" else _FOREIGN


_CODE_TABLE = bytes(map(_kind_of, range(256)))
_LETTER_TABLE = BASES.encode().ljust(256, b"?")
_COMPLEMENT = np.array([BASES.index(base) for base in "TCAGN"], dtype=np.uint8)


class ReadBases(NamedTuple):
    """Letters as codes, and how many of them were what.

    Attributes
    ----------
    codes
        uint8, values 0-4.
    replaced
        Letters outside ACGTUN that became N.
    uracils
        U, read as T.
    foreign
        Those of ``replaced`` that are no IUPAC nucleotide.
    blanks
        Those of ``foreign`` that are white space.
    never
        Those of ``foreign`` that no sequence has: control characters, ``>`` and ``;``.
    """

    codes: NDArray[np.uint8]
    replaced: int
    uracils: int
    foreign: int
    blanks: int
    never: int


def read_bases(raw: bytes, passed_over: bytes = b"") -> ReadBases:
    """Turn DNA letters into codes, lower case as upper case, U as T, and count what they were.

    Parameters
    ----------
    raw
        Letters.
    passed_over
        Bytes that are left out, such as line ends.
    """
    # Translating bytes is several times faster than indexing an array with them.
    coded = raw.translate(_CODE_TABLE, passed_over)
    counts = {kind: coded.count(kind) for kind in range(_URACIL, 256)}
    for kind, count in counts.items():
        if count:
            code = _T_CODE if kind == _URACIL else N_CODE
            coded = coded.replace(bytes([kind]), bytes([code]))
    foreign = counts[_FOREIGN] + counts[_BLANK] + counts[_NEVER]
    return ReadBases(
        np.frombuffer(coded, dtype=np.uint8),
        counts[_AMBIGUOUS] + foreign,
        counts[_URACIL],
        foreign,
        counts[_BLANK],
        counts[_NEVER],
    )


def encode_bases(text: str | bytes) -> tuple[NDArray[np.uint8], int]:
    """Turn DNA letters into codes, lower case as upper case, U as T.

    Parameters
    ----------
    text
        Letters without white space.

    Returns
    -------
    codes
        uint8[len(text)], values 0-4.
    replaced
        How many letters outside ACGTUN (IUPAC codes, gaps, ...) became N.
    """
    read = read_bases(text.encode("ascii", "replace") if isinstance(text, str) else text)
    return read.codes.copy(), read.replaced


def decode_bases(codes: NDArray[np.uint8]) -> str:
    """Turn codes 0-4 into upper-case letters."""
    return codes.tobytes().translate(_LETTER_TABLE).decode("ascii")


def complement_bases(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Complement codes 0-4 in place order (not reversed): A and T, G and C swap, N stays."""
    return _COMPLEMENT[codes]
