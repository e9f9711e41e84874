"""The window around a SNP: reference text, the reference or an encoded symbol at its centre."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pybmfm.genome import BASES, Genome, decode_bases
from pybmfm.tasks.disease_evidence import Evidence
from pybmfm.tasks.snp_sites import Snp


def snp_windows(
    genome: Genome, snps: Sequence[Evidence | Snp], flank: int, encoded: bool
) -> Iterator[str]:
    """Yield the window of each SNP, ``2 * flank + 1`` letters, the SNP in the middle.

    Parameters
    ----------
    snps
        Sorted by contig; encoded ones have one alternate.
    encoded
        Whether the centre is the symbol of reference and alternate instead of the reference.

    Notes
    -----
    What lies beyond the contig's ends is N.
    """
    for snp in snps:
        length = genome.lengths[snp.contig]
        start, end = snp.position - flank, snp.position + flank + 1
        inside = genome.codes(snp.contig, max(0, start), min(end, length))
        text = "N" * max(0, -start) + decode_bases(inside) + "N" * max(0, end - length)
        if encoded:
            text = text[:flank] + pair_symbol(snp.ref, snp.alts[0]) + text[flank + 1 :]
        yield text


def pair_symbol(ref: str, alt: str) -> str:
    """Return the character that writes a position with these two bases."""
    from pybmfm.variants import ALPHABET, code_of_states

    return ALPHABET[code_of_states(BASES.index(ref), BASES.index(alt))]
