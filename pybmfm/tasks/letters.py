"""Which letters a task's sequences are written in, and what becomes of the others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pybmfm.genome import check_dna

ALPHABETS = ("auto", "plain", "encoded")
PLAIN = "ACGTN"


class CleanSequences(NamedTuple):
    """Sequences in their alphabet.

    Attributes
    ----------
    sequences
        Upper-case text, each as long as before.
    replaced
        How many letters became N.
    uracils
        How many U of plain text were read as T.
    """

    sequences: list[str]
    replaced: int
    uracils: int


def clean_sequences(
    sequences: Sequence[str],
    encoded: bool,
    file: str | Path | None = None,
    place: Callable[[int], str] = "sequence {}".format,
) -> CleanSequences:
    """Upper-case sequences, read U of plain text as T, and turn other foreign letters into N.

    Parameters
    ----------
    sequences
        Text as read, outer blanks already removed.
    encoded
        Whether variant symbols (``X B H U D O`` and the 121 pair characters) are letters too.
    file, place
        Where they are from, and where in it the sequence of a number (from 0) stands, for the
        message.

    Raises
    ------
    UserError
        If a sequence, or all of them together, has so many letters which are no IUPAC nucleotide
        (``MAX_FOREIGN_SHARE``) that it is no DNA, or blanks or control characters inside.
    """
    from pybmfm.variants import ALPHABET

    letters = _translation(encoded)
    cleaned = [text.translate(letters) for text in sequences]
    new = [
        clean.count("N") - text.count("N") - text.count("n")
        for clean, text in zip(cleaned, sequences, strict=True)
    ]
    check_dna(
        ((number, sequences[number]) for number, replaced in enumerate(new) if replaced),
        sum(map(len, cleaned)),
        file,
        place,
        ALPHABET if encoded else "",
    )
    uracils = 0 if encoded else sum(text.count("U") + text.count("u") for text in sequences)
    return CleanSequences(cleaned, sum(new), uracils)


def replaced_sentence(replaced: int, uracils: int) -> str:
    """Say what became of letters outside the alphabet, for the summary of a command."""
    sentence = f"{replaced:,} letters outside the alphabet read as N"
    return f"{sentence}, {uracils:,} U read as T" if uracils else sentence


def decide_encoded(path: Path, sequences: Sequence[str], alphabet: str) -> bool:
    """Whether a table is encoded text: said so, by its manifest, or by its characters.

    The letters ``X B H U D O`` alone do not make a table encoded: in plain DNA they are
    IUPAC codes or RNA.
    """
    from pybmfm.variants import is_encoded_text

    if alphabet != "auto":
        return alphabet == "encoded"
    return manifest_says_encoded(path) or any(map(is_encoded_text, sequences))


def manifest_says_encoded(table: Path) -> bool:
    """Whether ``manifest.json`` beside a table, or one folder above, calls it encoded.

    Read are the keys ``alphabet`` at the top and under ``tasks``, by the table's folder name.
    """
    for folder in (table.parent, table.parent.parent):
        try:
            manifest = json.loads((folder / "manifest.json").read_text())
        except (OSError, ValueError):
            continue
        tasks = manifest.get("tasks", {})
        own = tasks.get(table.parent.name, {}) if isinstance(tasks, dict) else {}
        if "encoded" in (manifest.get("alphabet"), own.get("alphabet")):
            return True
    return False


def _translation(encoded: bool) -> defaultdict[int, str]:
    """Map letters to themselves in upper case and, by default, anything to N."""
    from pybmfm.variants import ALPHABET

    # Only ASCII is upper-cased: str.upper can lengthen other letters and shift positions.
    table = defaultdict(lambda: "N")
    for letter in ALPHABET if encoded else PLAIN:
        table[ord(letter)] = letter
        if letter.isascii():
            table[ord(letter.lower())] = letter
    if not encoded:
        table[ord("U")] = table[ord("u")] = "T"
    return table
