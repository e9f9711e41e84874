"""Sequence motifs as position probability matrices, and the codes that this room works with.

Inside this room a base is A C G T N = 0 1 2 3 4, so that the complement is ``3 - code`` and a
transition is ``code ^ 2``. Consensus sequences are the textbook ones (IUPAC letters).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]

LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
N = 4
COMPLEMENT = np.array([3, 2, 1, 0, 4], dtype=np.uint8)
IUPAC = {
    **{"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT"},
    **{"K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}


@dataclass(frozen=True)
class Motif:
    """A motif that is planted and broken.

    Parameters
    ----------
    name
        Name in ``motifs.bed``.
    consensus
        IUPAC letters.
    strength
        Share of each position's mass that the consensus letters hold beyond a uniform rest.
    fixed
        Positions that always match the consensus.
    """

    name: str
    consensus: str
    strength: float = 0.9
    fixed: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.consensus)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """Probabilities, shape (length, 4), rows sum to 1, columns A C G T."""
        allowed = np.array(
            [[letter in IUPAC[symbol] for letter in "ACGT"] for symbol in self.consensus],
            dtype=float,
        )
        allowed /= allowed.sum(axis=1, keepdims=True)
        strength = np.full((len(self), 1), self.strength)
        strength[list(self.fixed)] = 1.0
        matrix: NDArray[np.float64] = strength * allowed + (1 - strength) / 4
        return matrix

    @cached_property
    def information(self) -> NDArray[np.float64]:
        """Bits per position, shape (length,), at most 2."""
        safe = np.where(self.matrix > 0, self.matrix, 1.0)
        bits: NDArray[np.float64] = 2 + (self.matrix * np.log2(safe)).sum(axis=1)
        return bits

    def sample(self, rng: np.random.Generator) -> Codes:
        """Draw one site, shape (length,), codes 0-3."""
        draws = rng.random((len(self), 1))
        bases: Codes = (draws > self.matrix.cumsum(axis=1)[:, :3]).sum(axis=1).astype(np.uint8)
        return bases


# Core promoter, splicing.
TATA = Motif("TATA", "TATAWAWR", 0.94)
INR = Motif("Inr", "BBCABW", 0.92)
GC_BOX = Motif("GC-box", "RGGGCGGRR", 0.94)
CCAAT = Motif("CCAAT", "RRCCAATSR", 0.92)
DPE = Motif("DPE", "RGWYVT", 0.92)
DONOR = Motif("donor", "MAGGTRAGT", 0.8, fixed=(3, 4))
ACCEPTOR = Motif("acceptor", "NCAGG", 0.8, fixed=(2, 3))
BRANCH = Motif("branch-point", "YTNAY", 0.85)
# The TF of the peak table, and the parts of a reporter's activity with their effects (log2 units).
CTCF = Motif("CTCF", "NCCASYAGRKGGCR", 0.92)
AP1, GATA = Motif("AP1", "RTGASTCAY", 0.9), Motif("GATA", "AGATAAGR", 0.92)
ETS, SNAI = Motif("ETS", "ACCGGAAGT", 0.9), Motif("SNAI", "RCAGGTGY", 0.92)
REPORTER_EFFECTS: tuple[tuple[Motif, float], ...] = (
    (AP1, 1.0),
    (GATA, 0.8),
    (ETS, 0.6),
    (SNAI, -0.8),
)
MOTIFS = {
    motif.name: motif
    for motif in (
        TATA,
        INR,
        GC_BOX,
        CCAAT,
        DPE,
        DONOR,
        ACCEPTOR,
        BRANCH,
        CTCF,
        AP1,
        GATA,
        ETS,
        SNAI,
    )
}


def reverse_complement(codes: Codes) -> Codes:
    """Return the other strand, read in its own direction."""
    return COMPLEMENT[codes[::-1]]


def to_text(codes: Codes) -> str:
    """Return upper-case letters."""
    return LETTERS[codes].tobytes().decode()


def flip(strand: str) -> str:
    """Return the other strand's sign."""
    return "-" if strand == "+" else "+"
