"""Which letters a task's sequences are written in, and what becomes of the others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

ALPHABETS = ("auto", "plain", "encoded")
PLAIN = "ACGTN"


def clean_sequences(sequences: Iterable[str], encoded: bool) -> tuple[list[str], int]:
    """Upper-case sequences and turn every letter outside their alphabet into N.

    Parameters
    ----------
    sequences
        Text as read, outer blanks already removed.
    encoded
        Whether variant symbols (``X B H U D O`` and the 121 pair characters) are letters too.

    Returns
    -------
    list of str, int
        The cleaned sequences, each as long as before, and how many letters became N.
    """
    letters = _translation(encoded)
    cleaned = [text.translate(letters) for text in sequences]
    turned_to_n = sum(text.count("N") for text in cleaned)
    return cleaned, turned_to_n - sum(text.count("N") + text.count("n") for text in sequences)


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
    return table
