"""Bases as small integers: A G T C N are 0 1 2 3 4; and the rule what counts as DNA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BASES = "AGTCN"
N_CODE = 4
# IUPAC-IUB (Cornish-Bowden 1985): bases, uracil, and the letters that stand for several bases.
NUCLEOTIDES = "ACGTUN" + "RYSWKMBDHV"
# A sequence with more letters that are no nucleotide is no DNA. One letter is always forgiven, so
# that a misprint in a short sequence is an N. Proteins have a third of such letters.
MAX_FOREIGN_SHARE = 0.05

# Above the codes: what a byte is where it is no base, so that each kind can be counted.
_URACIL, _AMBIGUOUS, _FOREIGN, _BLANK, _NEVER = range(251, 256)
_T_CODE = BASES.index("T")
_BLANKS = b" \t\n\v\f\r"
_SHOWN = 5


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


def is_dna(foreign: int, letters: int) -> bool:
    """Whether so few of the letters are no IUPAC nucleotide that the rest is DNA."""
    return foreign <= max(1, MAX_FOREIGN_SHARE * letters)


def why_no_dna(text: str, also: str = "") -> tuple[str, str] | None:
    """Say what is wrong with a sequence that is no DNA, and what to do; None if it is.

    Parameters
    ----------
    text
        A sequence, outer blanks already removed.
    also
        Letters that count besides IUPAC nucleotides, such as variant symbols.
    """
    foreign = foreign_letters(text, also)
    if any(letter.isspace() for letter in foreign):
        return "has blanks inside, as k-mer text has", "write the sequence without blanks"
    never = next((letter for letter in foreign if not letter.isprintable() or letter in ">;"), None)
    if never is not None:
        name = f"the character {ord(never):#04x}" if not never.isprintable() else f"'{never}'"
        return f"has {name} inside, which no sequence has", "make the file again"
    if is_dna(sum(foreign.values()), len(text)):
        return None
    return describe_foreign(foreign, len(text))


def foreign_letters(text: str, also: str = "") -> Counter[str]:
    """Count the letters of a sequence that are no IUPAC nucleotides, nor among ``also``."""
    known = {*NUCLEOTIDES, *NUCLEOTIDES.lower(), *also, *also.lower()}
    return Counter({letter: n for letter, n in Counter(text).items() if letter not in known})


def describe_foreign(foreign: Mapping[str, int], letters: int) -> tuple[str, str]:
    """Return problem and remedy where too many letters are no nucleotide."""
    by_number = sorted(foreign, key=lambda letter: (-foreign[letter], letter))
    named = ", ".join(by_number[:_SHOWN]) + (", ..." if len(by_number) > _SHOWN else "")
    gaps = by_number[0] in "-.*"
    return (
        f"is no DNA: {sum(foreign.values()):,} of {letters:,} letters are no IUPAC nucleotide "
        f"({named})",
        "take the gaps of the alignment out" if gaps else "give nucleotides",
    )


def decode_bases(codes: NDArray[np.uint8]) -> str:
    """Turn codes 0-4 into upper-case letters."""
    return codes.tobytes().translate(_LETTER_TABLE).decode("ascii")


def complement_bases(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Complement codes 0-4 in place order (not reversed): A and T, G and C swap, N stays."""
    return _COMPLEMENT[codes]
