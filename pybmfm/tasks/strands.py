"""The other strand of sequences, as rows of its own in a task table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pybmfm.tasks.table import SPLITS

if TYPE_CHECKING:
    import pandas as pd

REVERSED = "/rc"  # ends the id of a row that is the other strand of the row of the same name
COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")


def reverse_complement(sequence: str) -> str:
    """Return the other strand of plain DNA text; letters outside ACGT stay as they are."""
    return sequence.translate(COMPLEMENT)[::-1]


def with_other_strands(
    rows: pd.DataFrame, both_strands: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """Add the reverse complements of rows of plain DNA, each right after its row.

    One that is a row already is not made anew, and one that lies in another split is neither
    made, since that would be a leak, nor hidden: both are counted.

    Parameters
    ----------
    rows
        Columns ``id``, ``sequence``, ``split`` and what the task needs; an index without
        repetitions.
    both_strands
        Splits whose rows get their other strand.

    Returns
    -------
    dict, dict
        By split its rows and the new ones, which end their id in ``/rc`` and have all else of
        their row, without ``split`` and with ``group``, the same for both strands; and how many
        other strands were ``made``, ``already_there`` or ``in_another_split``.
    """
    import pandas as pd

    rows = rows.assign(group=_strand_groups(rows))
    home: dict[str, set[str]] = {}
    for split, text in zip(rows["split"], rows["sequence"], strict=True):
        home.setdefault(text.upper(), set()).add(split)
    wanted = rows[rows["split"].isin(both_strands)]
    partner = [reverse_complement(text) for text in wanted["sequence"]]
    where = [
        _home_of(home.get(text.upper(), set()), split)
        for text, split in zip(partner, wanted["split"], strict=True)
    ]
    new = wanted.assign(sequence=partner, id=_reversed_ids(rows, wanted))
    new = new[[place == "made" for place in where]]
    both = pd.concat([rows, new]).sort_index(kind="stable")
    tables = {split: both[both["split"] == split].drop(columns="split") for split in SPLITS}
    return tables, {
        name: where.count(name) for name in ("made", "already_there", "in_another_split")
    }


def _strand_groups(rows: pd.DataFrame) -> list[str]:
    """One group per sequence and its reverse complement, named for the first row."""
    first: dict[str, str] = {}
    groups = []
    for name, text in zip(rows["id"], rows["sequence"], strict=True):
        forward = text.upper()
        groups.append(first.setdefault(min(forward, reverse_complement(forward)), name))
    return groups


def _home_of(splits: set[str], own: str) -> str:
    """Say whether a row's other strand is to be made, or where it is."""
    if splits - {own}:
        return "in_another_split"
    return "already_there" if splits else "made"


def _reversed_ids(rows: pd.DataFrame, wanted: pd.DataFrame) -> list[str]:
    """Ids of the other strands; a library's own id of that form is left to it."""
    taken = set(rows["id"])
    return [name + REVERSED * (1 + (name + REVERSED in taken)) for name in wanted["id"]]
