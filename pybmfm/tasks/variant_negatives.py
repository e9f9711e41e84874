"""Negatives of the variant-encoded tasks: random symbols, and the positives' SNPs elsewhere.

Sequences are uint8 codes 0-131 (`pybmfm.variants`). An encoded position is one that holds
anything but a plain base; a SNP is a pair of two different bases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError
from pybmfm.variants import VARIANT_CODE
from pybmfm.variants.symbols import ALPHABET, N_STATES, PAIR_CODE, STATES_OF_CODE

Codes = NDArray[np.uint8]
BASES = 4  # codes 0-3; 4 is N


def _snp_codes() -> NDArray[np.bool_]:
    """Mark the codes of two different bases, A, G, T or C."""
    first, second = STATES_OF_CODE.T
    return np.asarray((first < BASES) & (second < BASES) & (first != second))


IS_SNP = _snp_codes()


def encoded_places(codes: Codes) -> NDArray[np.int64]:
    """Return the places that hold anything but a plain base or N."""
    return np.flatnonzero(codes >= VARIANT_CODE)


@dataclass(frozen=True)
class Model:
    """What negatives are drawn from: the encoded positives of the training split.

    Attributes
    ----------
    encoded, snps
        int64[positives], encoded positions and SNPs of each.
    symbols
        int64[132], how often each code occurs at encoded positions.
    snp_at
        int64[4, 132], how often each SNP symbol occurs where the reference is A, G, T or C.
    """

    encoded: NDArray[np.int64]
    snps: NDArray[np.int64]
    symbols: NDArray[np.int64]
    snp_at: NDArray[np.int64]

    @classmethod
    def of(cls, encoded: Sequence[Codes], reference: Sequence[Codes]) -> Model:
        """Count in encoded sequences and the plain ones at the same loci.

        Raises
        ------
        UserError
            If no position is encoded.
        """
        symbols = np.zeros(len(ALPHABET), np.int64)
        snp_at = np.zeros((BASES, len(ALPHABET)), np.int64)
        numbers, snps = [], []
        for codes, plain in zip(encoded, reference, strict=True):
            places = encoded_places(codes)
            symbols += np.bincount(codes[places], minlength=len(ALPHABET))
            snp_places = places[IS_SNP[codes[places]] & (plain[places] < BASES)]
            np.add.at(snp_at, (plain[snp_places], codes[snp_places]), 1)
            numbers.append(len(places))
            snps.append(len(snp_places))
        if not symbols.any():
            raise UserError(
                "no training positive has a variant, so there is nothing to draw negatives from",
                remedy="give a frequency table of this genome with more variants",
            )
        return cls(np.array(numbers), np.array(snps), symbols, snp_at)


def with_random_symbols(
    plain: Codes, model: Model, rng: np.random.Generator, *, uniform: bool
) -> Codes:
    """Put symbols at random places (classes 2 and 3).

    Parameters
    ----------
    plain
        A negative, codes 0-4.
    model
        Gives the number of places, and unless ``uniform`` how often each symbol is drawn.
    uniform
        All 121 pair characters alike.

    Returns
    -------
    uint8[n]
    """
    places = np.flatnonzero(plain < BASES)
    number = min(int(rng.choice(model.encoded)), len(places))
    chosen = rng.choice(places, number, replace=False)
    result = plain.copy()
    if uniform:
        result[chosen] = rng.integers(PAIR_CODE, PAIR_CODE + N_STATES**2, number)
    else:
        share = model.symbols / model.symbols.sum()
        result[chosen] = rng.choice(len(ALPHABET), number, p=share)
    return result


def with_moved_snps(encoded: Codes, plain: Codes, rng: np.random.Generator) -> Codes:
    """Move every SNP of a positive to a random place with the same reference base (class 4).

    So number and symbols stay, and each symbol still names the reference base below it: only
    the place can tell. A SNP without such a place stays where it is; indels always do.

    Parameters
    ----------
    encoded, plain
        uint8[n], the positive and the reference at its locus and strand.
    """
    result = encoded.copy()
    snps = np.flatnonzero(IS_SNP[encoded] & (plain < BASES))
    free = encoded == plain
    for base in range(BASES):
        origin = snps[plain[snps] == base]
        places = np.flatnonzero(free & (plain == base))
        moved = origin[: len(places)]
        chosen = rng.choice(places, len(moved), replace=False)
        result[moved] = base
        result[chosen] = encoded[moved]
    return result


def with_inserted_snps(
    encoded: Codes, plain: Codes, model: Model, rng: np.random.Generator
) -> Codes:
    """Add SNPs to a positive at random places, its own ones stay (class 4, the other reading).

    At least one is added; their number is that of a training positive, their symbols are those
    that training positives have where the reference is the same.
    """
    frequency = model.snp_at.sum(axis=1)
    places = np.flatnonzero((encoded == plain) & (plain < BASES))
    places = places[frequency[plain[places]] > 0]
    number = min(max(1, int(rng.choice(model.snps))), len(places))
    result = encoded.copy()
    for place in rng.choice(places, number, replace=False).tolist():
        row = model.snp_at[plain[place]]
        result[place] = rng.choice(len(ALPHABET), p=row / row.sum())
    return result
