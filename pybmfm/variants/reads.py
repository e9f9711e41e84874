"""The sequences of tables as reads for an aligner."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pybmfm.core import UserError, known_column, output_file
from pybmfm.genome import write_reads
from pybmfm.variants.placement import read_rows

log = logging.getLogger("pybmfm")


def extract_sequences(tables: Sequence[Path], out: Path) -> int:
    """Write each distinct sequence of tables once, as FASTA, and return their number.

    Raises
    ------
    UserError
        If a table cannot be read or has no column ``sequence``, or all its cells are empty.
    """
    texts: list[str] = []
    for path in tables:
        table = read_rows(path)
        if "sequence" not in table:
            raise UserError(
                "has no column 'sequence'", file=path, remedy="give a table of sequences"
            )
        texts += known_column(table, "sequence")
    if not any(texts):
        raise UserError("holds no sequence", file=tables[0], remedy="fill its column sequence")
    with output_file(out) as staging:
        number = write_reads(texts, staging)
    log.info("%s distinct sequences of %s rows", f"{number:,}", f"{len(texts):,}")
    return number
