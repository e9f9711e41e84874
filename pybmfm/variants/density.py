"""Varying positions along the contigs of a frequency table, in bins."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError

DENSITY = "density.tsv"
_COLUMNS = "contig\tstart\tend\tpositions\n"
_SMALLEST = 1_000
_BINS = 1_000


class Density(NamedTuple):
    """Varying positions per bin of a contig."""

    length: int
    bin_size: int
    positions: NDArray[np.int64]


def bin_size(length: int) -> int:
    """Return the nucleotides per bin: a thousandth of a contig, rounded up to 1, 2 or 5 x 10^n.

    At least 1,000.
    """
    size = _SMALLEST
    for step in itertools.cycle((2.0, 2.5, 2.0)):
        if size * _BINS >= length:
            break
        size = int(size * step)
    return size


def density_of(position: NDArray[np.int32], length: int) -> Density:
    """Count varying positions per bin."""
    size = bin_size(length)
    return Density(length, size, np.bincount(position // size, minlength=-(-length // size)))


def write_density(folder: Path, contigs: dict[str, Density]) -> None:
    """Write ``density.tsv``: contig, start and end (0-based half-open), varying positions."""
    with (folder / DENSITY).open("w") as out:
        out.write(_COLUMNS)
        for contig, (length, size, positions) in contigs.items():
            for place, number in enumerate(positions.tolist()):
                start = place * size
                out.write(f"{contig}\t{start}\t{min(start + size, length)}\t{number}\n")


def join_density(folder: Path, tables: Sequence[Path], contigs: Sequence[str]) -> None:
    """Write into ``folder`` the densities of several tables, contigs in the order given.

    Raises
    ------
    UserError
        If a table lacks its file.
    """
    lines: dict[str, list[str]] = {contig: [] for contig in contigs}
    for table in tables:
        try:
            _, *rows = (table / DENSITY).read_text().splitlines(keepends=True)
        except (OSError, ValueError) as error:
            raise UserError(
                f"has no {DENSITY}", file=table, remedy="make the frequency table again"
            ) from error
        for row in rows:
            lines[row.partition("\t")[0]].append(row)
    (folder / DENSITY).write_text(
        _COLUMNS + "".join(row for rows in lines.values() for row in rows)
    )
