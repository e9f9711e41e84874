"""Regions as samtools writes them: ``chr20:1-5000``, 1-based, end included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pybmfm.core import UserError
from pybmfm.genome.contigs import find_contig


def parse_region(
    text: str, lengths: Mapping[str, int], file: str | Path | None = None
) -> tuple[str, int, int]:
    """Read a region against the contigs of a FASTA.

    Parameters
    ----------
    text
        ``chr20``, ``chr20:1001`` (to the end) or ``chr20:1,001-5,000``, 1-based inclusive.
    lengths
        Length of each contig.
    file
        The FASTA, for messages.

    Returns
    -------
    (contig, start, end)
        The FASTA's contig name and 0-based half-open coordinates.

    Raises
    ------
    UserError
        If the contig is unknown or the coordinates lie outside it.
    """
    # The whole text first: contig names such as HLA-A*01:01 hold colons themselves.
    if text in lengths:
        return text, 0, lengths[text]
    parts = re.fullmatch(r"(.+):([\d,]+)(?:-([\d,]+))?", text)
    name = parts[1] if parts else text
    contig = find_contig(lengths, name, file)
    first = int(parts[2].replace(",", "") or 0) if parts else 1
    last = int(parts[3].replace(",", "") or 0) if parts and parts[3] else lengths[contig]
    if not 1 <= first <= last <= lengths[contig]:
        raise UserError(
            f"region {text} lies outside contig {contig} of {lengths[contig]:,} nucleotides",
            file=file,
            remedy="give NAME:FIRST-LAST with 1 <= FIRST <= LAST <= length",
        )
    return contig, first - 1, last
