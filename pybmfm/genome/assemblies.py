"""GRCh37 and GRCh38, told apart by accession versions and chromosome lengths."""

from __future__ import annotations

import re

ASSEMBLIES = ("GRCh37", "GRCh38")

# Chromosome: length in GRCh37 and GRCh38, and version of the RefSeq accession in GRCh37; in
# GRCh38 it is one higher (Genome Reference Consortium; NCBI Assembly).
_CHROMOSOMES = {
    "1": (249_250_621, 248_956_422, 10),
    "2": (243_199_373, 242_193_529, 11),
    "3": (198_022_430, 198_295_559, 11),
    "4": (191_154_276, 190_214_555, 11),
    "5": (180_915_260, 181_538_259, 9),
    "6": (171_115_067, 170_805_979, 11),
    "7": (159_138_663, 159_345_973, 13),
    "8": (146_364_022, 145_138_636, 10),
    "9": (141_213_431, 138_394_717, 11),
    "10": (135_534_747, 133_797_422, 10),
    "11": (135_006_516, 135_086_622, 9),
    "12": (133_851_895, 133_275_309, 11),
    "13": (115_169_878, 114_364_328, 10),
    "14": (107_349_540, 107_043_718, 8),
    "15": (102_531_392, 101_991_189, 9),
    "16": (90_354_753, 90_338_345, 9),
    "17": (81_195_210, 83_257_441, 10),
    "18": (78_077_248, 80_373_285, 9),
    "19": (59_128_983, 58_617_616, 9),
    "20": (63_025_520, 64_444_167, 10),
    "21": (48_129_895, 46_709_983, 8),
    "22": (51_304_566, 50_818_468, 10),
    "X": (155_270_560, 156_040_895, 10),
    "Y": (59_373_566, 57_227_415, 9),
}
_OF_LENGTH: dict[int | None, tuple[str, str]] = {
    length: (chromosome, assembly)
    for chromosome, lengths in _CHROMOSOMES.items()
    for length, assembly in zip(lengths, ASSEMBLIES, strict=False)
}


def chromosome_of_length(length: int | None) -> str | None:
    """Return the human chromosome that has exactly this length in either assembly."""
    return _OF_LENGTH[length][0] if length in _OF_LENGTH else None


def assembly_of_length(length: int | None) -> str | None:
    """Return the assembly in which a chromosome has exactly this length."""
    return _OF_LENGTH[length][1] if length in _OF_LENGTH else None


def assembly_of_accession(accession: str, chromosome: str) -> str | None:
    """Return the assembly of a chromosome's RefSeq or GenBank accession, by its version."""
    match = re.fullmatch(r"(NC_|CM)\d{6}\.(\d+)", accession)
    if match is None or chromosome not in _CHROMOSOMES:
        return None
    first = _CHROMOSOMES[chromosome][2] if match[1] == "NC_" else 1
    return dict(zip((first, first + 1), ASSEMBLIES, strict=True)).get(int(match[2]))
