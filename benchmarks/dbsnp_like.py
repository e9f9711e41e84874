"""A synthetic genome and a dense VCF of it, written as dbSNP writes its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

CONTIG = "NC_000001.11"
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
_PER_BATCH = 200_000
_LINE = 80
_POOL = 4_000
# Sources of dbSNP and about how many chromosomes each has counted.
_SOURCES = (
    ("1000Genomes", 5_008),
    ("ALSPAC", 7_708),
    ("Estonian", 4_480),
    ("GnomAD", 140_000),
    ("KOREAN", 2_922),
    ("SGDP_PRJ", 500),
    ("TOPMED", 264_690),
    ("dbGaP_PopFreq", 12_000),
)
_HEADER = f"""##fileformat=VCFv4.2
##contig=<ID={CONTIG}>
##INFO=<ID=RS,Number=1,Type=Integer,Description="dbSNP ID">
##INFO=<ID=dbSNPBuildID,Number=1,Type=Integer,Description="First build">
##INFO=<ID=SSR,Number=1,Type=Integer,Description="Suspect reason">
##INFO=<ID=GENEINFO,Number=1,Type=String,Description="Genes">
##INFO=<ID=VC,Number=1,Type=String,Description="Variation class">
##INFO=<ID=INT,Number=0,Type=Flag,Description="In an intron">
##INFO=<ID=GNO,Number=0,Type=Flag,Description="Genotypes available">
##INFO=<ID=FREQ,Number=.,Type=String,Description="Frequencies, reference first">
##INFO=<ID=COMMON,Number=0,Type=Flag,Description="Common in some population">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def write_genome(path: Path, bases: int, seed: int) -> bytes:
    """Write and index a FASTA of one contig of random bases; return its letters."""
    letters = _BASES[np.random.default_rng(seed).integers(4, size=bases, dtype=np.uint8)].tobytes()
    with path.open("wb") as out:
        out.write(f">{CONTIG}\n".encode())
        for start in range(0, bases, _LINE):
            out.write(letters[start : start + _LINE] + b"\n")
    pysam.faidx(str(path))
    return letters


def write_variants(path: Path, letters: bytes, density: float, common: float, seed: int) -> int:
    """Write and index a bgzip VCF; return its number of records.

    Parameters
    ----------
    path
        Where to write.
    letters
        The contig.
    density
        Records per base.
    common
        Share of the bases that have a record flagged COMMON.
    seed
        Of all that is drawn.
    """
    rng = np.random.default_rng(seed + 1)
    last = len(letters) - 50
    positions = np.flatnonzero(rng.random(last) < density)
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(_HEADER.encode())
        for start in range(0, len(positions), _PER_BATCH):
            batch = positions[start : start + _PER_BATCH]
            out.write("".join(_records(batch, letters, common / density, rng)).encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return len(positions)


def _records(
    positions: NDArray[np.int64], letters: bytes, share_common: float, rng: np.random.Generator
) -> list[str]:
    n = len(positions)
    kinds = rng.random(n).tolist()
    common = (rng.random(n) < share_common).tolist()
    names = rng.integers(1_000_000, 2_000_000_000, size=n).tolist()
    frequencies = {
        (flag, alternates): [_reported(rng, flag, alternates) for _ in range(_POOL)]
        for flag in (False, True)
        for alternates in (1, 2)
    }
    lines = []
    for position, kind, flag, name in zip(positions.tolist(), kinds, common, names, strict=True):
        reference, alternate, what = _alleles(letters, position, kind, 1 + name % 3)
        pool = frequencies[flag, 1 + alternate.count(",")]
        gene = position // 40_000
        lines.append(
            f"{CONTIG}\t{position + 1}\trs{name}\t{reference}\t{alternate}\t.\t.\t"
            f"RS={name};dbSNPBuildID={150 + name % 7};SSR=0;GENEINFO=GENE{gene}:{79_501 + gene}"
            f"|LOC{105_000_000 + gene}:{105_000_000 + gene};VC={what};INT;GNO;"
            f"FREQ={pool[name % _POOL]}{';COMMON' if flag else ''}\n"
        )
    return lines


def _alleles(letters: bytes, position: int, kind: float, shift: int) -> tuple[str, str, str]:
    """An SNV (88 %), one of two alternates, a deletion or an insertion."""
    reference = chr(letters[position])
    alternate = "ACGT"[("ACGT".index(reference) + shift) % 4]
    if kind < 0.84:
        return reference, alternate, "SNV"
    if kind < 0.92:
        other = "ACGT"[("ACGT".index(reference) + shift % 3 + 1) % 4]
        alternates = f"{alternate},{other}" if other != alternate else alternate
        return reference, alternates, "SNV"
    if kind < 0.96:
        return letters[position : position + 2 + shift].decode(), reference, "DEL"
    return reference, reference + "GATTACA"[: 1 + shift], "INS"


def _reported(rng: np.random.Generator, common: bool, alternates: int) -> str:
    """Write one to four sources, of which some report an alternate as '.'."""
    frequency = 0.01 + 0.45 * rng.random() if common else 0.0
    sources = []
    for place in rng.permutation(len(_SOURCES))[: rng.integers(1, 5)]:
        name, chromosomes = _SOURCES[place]
        count = max(rng.binomial(chromosomes, frequency), rng.integers(0, 3))
        each = f"{count / chromosomes / alternates:.4g}"
        values = [f"{1 - count / chromosomes:.4g}", *[each] * alternates]
        if sources and rng.random() < 0.1:
            values[1] = "."
        sources.append(f"{name}:{','.join(values)}")
    return "|".join(sources)
