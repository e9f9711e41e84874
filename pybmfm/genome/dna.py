"""What counts as DNA: one rule for genomes, tables and sequences to predict for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pybmfm.core import UserError

# IUPAC-IUB (Cornish-Bowden 1985): bases, uracil, and the letters that stand for several bases.
NUCLEOTIDES = "ACGTUN" + "RYSWKMBDHV"
# A sequence with more letters that are no nucleotide is no DNA. One letter is always forgiven, so
# that a misprint in a short sequence is an N. Proteins have a third of such letters.
MAX_FOREIGN_SHARE = 0.05
_SHOWN = 5


def check_dna(
    numbered: Iterable[tuple[int, str]],
    letters: int,
    file: str | Path | None,
    place: Callable[[int], str],
    also: str = "",
) -> None:
    """Refuse sequences of which one, or all together, are no DNA.

    Parameters
    ----------
    numbered
        Sequences with their numbers; those of ACGTN alone may be left out.
    letters
        How many letters there are in all, left out ones too.
    file, place
        Where they are from, and where in it the sequence of a number stands, for the message.
    also
        Letters that count besides IUPAC nucleotides, such as variant symbols.

    Raises
    ------
    UserError
        If they are not.
    """
    foreign: Counter[str] = Counter()
    for number, text in numbered:
        problem = why_no_dna(text, also)
        if problem is not None:
            raise UserError(problem[0], file=file, place=place(number), remedy=problem[1])
        foreign += foreign_letters(text, also)
    if not is_dna(foreign.total(), letters):
        problem = describe_foreign(foreign, letters)
        raise UserError(problem[0], file=file, remedy=problem[1])


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
