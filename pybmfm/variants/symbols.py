"""The 11 states of a position, and the 132 characters that write one state or two.

States in order: A G T C N DEL AI GI TI CI NI, where XI is an insertion after base X. Codes 0-10
are the lone states (5-10 written X B H U D O); code 11 + 11*i + j is the pair of states i and j,
written with one of 121 characters of the poem Li Sao (paper, section on variant encoding).
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from pybmfm.genome import BASES, N_CODE

STATES = ("A", "G", "T", "C", "N", "DEL", "AI", "GI", "TI", "CI", "NI")
N_STATES = len(STATES)
DELETION = STATES.index("DEL")
INSERTION = 6  # INSERTION + base code is the state of an insertion after that base
VARIANT_CODE = 5
PAIR_CODE = 11

_LONE = "XBHUDO"
_PAIRS = (
    "帝高阳之苗裔兮朕皇考曰伯庸摄提贞于孟陬惟庚寅吾以降览揆余初度肇锡嘉名正则字灵均纷既有此内美"
    "又重修能扈江离与辟芷纫秋兰为佩汩若将不及恐年岁朝搴阰木夕揽洲宿莽日月忽其淹春代序草零落人迟暮"
    "抚壮而弃秽何改乘骐骥驰骋来道夫先路昔三后纯粹固众芳所在杂申椒"
)
ALPHABET = BASES + _LONE + _PAIRS
_ENCODED = re.compile(f"[{_PAIRS}]")

_CHARACTERS = np.array([ord(character) for character in ALPHABET], dtype="<u4")

# The code of every character below 65,536, lower case as upper case; all others are N.
_CODES_OF_POINTS = np.full(1 << 16, N_CODE, dtype=np.uint8)
for _code, _character in enumerate(ALPHABET):
    _CODES_OF_POINTS[[ord(_character), ord(_character.lower())]] = _code

# Place of each state in the lexicographic order of names: pairs are always drawn sorted by it.
_NAME_RANK = np.array([sorted(STATES).index(name) for name in STATES])


def _pair_table() -> NDArray[np.uint8]:
    table = np.empty((N_STATES, N_STATES), dtype=np.uint8)
    for a in range(N_STATES):
        for b in range(N_STATES):
            first, second = sorted((a, b), key=lambda state: int(_NAME_RANK[state]))
            table[a, b] = a if a == b else PAIR_CODE + N_STATES * first + second
    return table


# CODE_OF_STATES[a, b] is the code of states a and b: sorted by name, a homozygote is lone.
CODE_OF_STATES: NDArray[np.uint8] = _pair_table()
# STATES_OF_CODE[code] are the two states of a code as its character names them.
STATES_OF_CODE: NDArray[np.uint8] = np.array(
    [(code, code) for code in range(PAIR_CODE)]
    + [divmod(index, N_STATES) for index in range(N_STATES * N_STATES)],
    dtype=np.uint8,
)
# The same, sorted by name: "state 1" and "state 2" of the minus-strand rule.
SORTED_STATES_OF_CODE: NDArray[np.uint8] = STATES_OF_CODE[CODE_OF_STATES[*STATES_OF_CODE.T]]


def states_of_code(code: int) -> tuple[int, int]:
    """Return the two states (0-10) that a code's character names; a lone state twice."""
    first, second = STATES_OF_CODE[code]
    return int(first), int(second)


def code_of_states(a: int, b: int) -> int:
    """Return the code of two states (0-10), sorted by name; a homozygote is the lone state."""
    return int(CODE_OF_STATES[a, b])


def codes_to_text(codes: NDArray[np.uint8]) -> str:
    """Write codes 0-131 as text, one character each."""
    return _CHARACTERS[codes].tobytes().decode("utf-32-le")


def text_to_codes(text: str) -> NDArray[np.uint8]:
    """Read encoded text, lower case as upper case; any other character is N.

    Returns
    -------
    uint8[len(text)]
        Codes 0-131. Characters of unsorted pairs and of X_X keep their own code.
    """
    points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype="<u4")
    codes: NDArray[np.uint8] = _CODES_OF_POINTS[
        np.minimum(points, np.uint32(len(_CODES_OF_POINTS) - 1))
    ]
    return codes


def is_encoded_text(text: str) -> bool:
    """Say whether any of the 121 pair characters occurs, so that the text must be encoded."""
    return not text.isascii() and _ENCODED.search(text) is not None
