"""The published way to state frequencies: tabix records, a dictionary of cells, a sparse matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam
from scipy.sparse import csr_matrix, hstack, save_npz
from sklearn.preprocessing import normalize

STATES = ("A", "G", "T", "C", "N", "DEL", "AI", "GI", "TI", "CI", "NI")
_PLACE = {state: place for place, state in enumerate(STATES)}

# (position, state) -> probability: one entry at least for every base of the contig.
Cells = dict[tuple[int, int], float]


def published_frequencies(
    fasta: Path, vcf: Path, out: Path, contigs: Sequence[str], cutoff: float = 0.001
) -> None:
    """Make and save the matrix of each contig: positions by 11 states and a flag of variation.

    As the published code goes about it: a loop over the tabix records of a contig; those with
    the key COMMON; the mean of FREQ over its sources, '.' as 0; alleles at or below the cutoff
    left out; the reference written between the records; rows normalised; numpy's compressed
    archive. The index of the VCF must lie beside it and is not part of the work.
    """
    with pysam.FastaFile(str(fasta)) as genome, pysam.TabixFile(str(vcf)) as records:
        for contig in contigs:
            letters = genome.fetch(contig).upper()
            cells = _cells(records, contig, letters, cutoff)
            save_npz(out.with_name(f"{contig}.{out.name}"), _matrix(cells, len(letters)))


def _cells(records: pysam.TabixFile, contig: str, letters: str, cutoff: float) -> Cells:
    cells: Cells = {}
    done = 0
    if contig not in records.contigs:
        _fill_reference(cells, letters, 0, len(letters))
        return cells
    for record in records.fetch(contig, 0, len(letters), parser=pysam.asVCF()):
        if ";COMMON" not in record.info:
            continue
        try:
            means = _means(record.info.split("FREQ=")[-1].split(";")[0])
            alleles = np.array([record.ref, *record.alt.split(",")])
            alleles, means = alleles[means > cutoff], means[means > cutoff]
        except (ValueError, IndexError):  # ragged lists are passed over
            continue
        _fill_reference(cells, letters, done, record.pos)
        for allele, frequency in zip(alleles, means, strict=True):
            _add(cells, record.pos, record.ref, str(allele), float(frequency))
        done = record.pos + len(record.ref)
    _fill_reference(cells, letters, done, len(letters))
    return cells


def _means(text: str) -> np.ndarray:
    sources = [
        [0.0 if value == "." else float(value) for value in source.split(":")[-1].split(",")]
        for source in text.split("|")
    ]
    return np.array(sources).mean(axis=0)


def _fill_reference(cells: Cells, letters: str, start: int, end: int) -> None:
    for position in range(start, end):
        cells[position, _PLACE[letters[position]]] = 1.0


def _add(cells: Cells, start: int, reference: str, allele: str, frequency: float) -> None:
    shared = min(len(reference), len(allele))
    for place in range(shared):
        longer = len(allele) > len(reference) and place == shared - 1
        cell = start + place, _PLACE[f"{allele[place]}I" if longer else allele[place]]
        cells[cell] = cells.get(cell, 0.0) + frequency
    for place in range(shared, len(reference)):
        cell = start + place, _PLACE["DEL"]
        cells[cell] = cells.get(cell, 0.0) + frequency


def _matrix(cells: Cells, length: int) -> csr_matrix:
    rows, columns = [row for row, _ in cells], [column for _, column in cells]
    matrix = csr_matrix((list(cells.values()), (rows, columns)), shape=(length, len(STATES)))
    normalize(matrix, norm="l1", axis=1, copy=False)
    varies = (matrix.max(axis=1) != 1).astype(int)
    return hstack((matrix, varies))
