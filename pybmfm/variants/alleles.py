"""From an alternate allele to the states it puts at positions of the reference."""

from __future__ import annotations

import re

from pybmfm.genome import BASES
from pybmfm.variants.symbols import DELETION, INSERTION

SYMBOLIC = "symbolic_allele"
IUPAC = "iupac_allele"
SAME_AS_REFERENCE = "same_as_reference"
BEFORE_CONTIG = "insertion_before_contig_start"

_PLAIN = re.compile("[ACGT]+")
_LETTERS = re.compile("[A-Za-z]+")
_TRANSITIONS = (frozenset("AG"), frozenset("CT"))
_CODE = {base: code for code, base in enumerate(BASES)}


def why_not_plain(alternate: str) -> str | None:
    """Say why an upper-case alternate allele has no bases, or None where it is ACGT alone.

    ``*``, ``<DEL>``, ``<NON_REF>`` and breakends are symbolic; other letters are IUPAC codes.
    """
    if _PLAIN.fullmatch(alternate):
        return None
    return IUPAC if _LETTERS.fullmatch(alternate) else SYMBOLIC


def trim(start: int, reference: str, alternate: str) -> tuple[int, str, str]:
    """Take away what two alleles share: first the suffix, then the prefix.

    Returns
    -------
    (start, reference, alternate)
        0-based start of what is left; either allele may be empty.
    """
    shared = 0
    shortest = min(len(reference), len(alternate))
    while shared < shortest and reference[-1 - shared] == alternate[-1 - shared]:
        shared += 1
    reference = reference[: len(reference) - shared]
    alternate = alternate[: len(alternate) - shared]
    shared = 0
    shortest = min(len(reference), len(alternate))
    while shared < shortest and reference[shared] == alternate[shared]:
        shared += 1
    return start + shared, reference[shared:], alternate[shared:]


def kind_of(reference: str, alternate: str) -> str:
    """Name the kind of two trimmed alleles.

    Returns
    -------
    str
        ``transition`` or ``transversion`` (of an SNV), ``mnv`` (several bases by as many),
        ``insertion``, ``deletion``, else ``complex``.
    """
    if len(reference) == len(alternate) == 1:
        pair = frozenset((reference, alternate))
        return "transition" if pair in _TRANSITIONS else "transversion"
    if len(reference) == len(alternate):
        return "mnv"
    if reference and alternate:
        return "complex"
    return "deletion" if reference else "insertion"


def allele_states(
    start: int, reference: str, alternate: str, base_before: int | None
) -> list[tuple[int, int]]:
    """Pair two trimmed alleles from the left and name the state of each changed position.

    Paired bases that differ are substitutions, surplus reference bases are DEL, and surplus
    alternate bases are an insertion, marked on the last paired base (as the alternate has it),
    or on the base before when nothing is paired.

    Parameters
    ----------
    start, reference, alternate
        What `trim` returned; ACGT only.
    base_before
        Code 0-4 of the reference base at ``start - 1``; None at the start of a contig.

    Returns
    -------
    list of (position, state)
        Empty where an insertion has no base before it.
    """
    paired = min(len(reference), len(alternate))
    states = [
        (start + place, _CODE[alternate[place]])
        for place in range(paired)
        if reference[place] != alternate[place]
    ]
    states += [(start + place, DELETION) for place in range(paired, len(reference))]
    if len(alternate) > paired:
        if paired:
            last = start + paired - 1
            states = [state for state in states if state[0] != last]
            states.append((last, INSERTION + _CODE[alternate[paired - 1]]))
        elif base_before is not None:
            states.append((start - 1, INSERTION + base_before))
    return states
