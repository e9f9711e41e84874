"""The published way to state frequencies: a record iterator, a dictionary of rows, scipy's CSR."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam
from scipy.sparse import csr_matrix, save_npz

STATES = ("A", "G", "T", "C", "N", "DEL", "AI", "GI", "TI", "CI", "NI")
_PLACE = {state: place for place, state in enumerate(STATES)}
_CUTOFF = 0.001

Row = dict[int, float]


def published_frequencies(fasta: Path, vcf: Path, out: Path, contigs: Sequence[str]) -> None:
    """Make and save the matrix of each contig, positions by 11 states, rows summing to 1.

    Records flagged COMMON; per allele the mean of FREQ over the sources that report; alleles at
    or below 0.001 dropped; the reference is 1 where nothing is known.
    """
    rows = _rows(vcf)
    with pysam.FastaFile(str(fasta)) as genome:
        for contig in contigs:
            matrix = _matrix(genome.fetch(contig).upper(), rows[contig])
            save_npz(out.with_name(f"{contig}.{out.name}"), matrix, compressed=False)


def _rows(vcf: Path) -> dict[str, dict[int, Row]]:
    rows: dict[str, dict[int, Row]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    with pysam.VariantFile(str(vcf)) as records:
        for record in records:
            if "COMMON" not in record.info:
                continue
            means = _means(record.info.get("FREQ"))
            if means is None:
                continue
            of_contig = rows[record.contig]
            for allele, frequency in zip(record.alleles, means, strict=False):
                if frequency > _CUTOFF:
                    _add(of_contig, record.start, record.ref, allele, frequency)
    return rows


def _means(freq: object) -> list[float] | None:
    """Average a FREQ field over its sources; pysam has split it at its commas."""
    if freq is None:
        return None
    text = freq if isinstance(freq, str) else ",".join(map(str, freq))
    sources = []
    for source in text.split("|"):
        values = source.split(":")[1].split(",")
        sources.append([0.0 if value == "." else float(value) for value in values])
    return [sum(values) / len(values) for values in zip(*sources, strict=False)]


def _add(rows: dict[int, Row], start: int, reference: str, allele: str, frequency: float) -> None:
    shared = min(len(reference), len(allele))
    for place in range(shared):
        longer = len(allele) > len(reference) and place == shared - 1
        state = f"{allele[place]}I" if longer else allele[place]
        rows[start + place][_PLACE[state]] += frequency
    for place in range(shared, len(reference)):
        rows[start + place][_PLACE["DEL"]] += frequency


def _matrix(letters: str, rows: dict[int, Row]) -> csr_matrix:
    indices, data, starts = [], [], [0]
    for position, letter in enumerate(letters):
        row = rows.get(position)
        if row is None:
            indices.append(_PLACE.get(letter, 4))
            data.append(1.0)
        else:
            total = sum(row.values())
            for state, mass in row.items():
                indices.append(state)
                data.append(mass / total)
        starts.append(len(data))
    return csr_matrix(
        (np.array(data, dtype=np.float32), np.array(indices, dtype=np.int8), np.array(starts)),
        shape=(len(letters), len(STATES)),
    )
