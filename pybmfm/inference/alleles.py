"""Windows of the reference with an allele put in, on both strands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pybmfm.genome import Genome, complement_bases, decode_bases, encode_bases
from pybmfm.variants import code_of_states, codes_to_text, reverse_complement_codes
from pybmfm.variants.alleles import allele_states, trim


@dataclass(frozen=True)
class Site:
    """A REF allele within its window of the reference.

    Attributes
    ----------
    window
        uint8 base codes of the plus strand.
    left, right
        The REF allele is ``window[left:right]``.
    before, after
        One flanking base on each side of the window, None at the contig's end.
    """

    window: NDArray[np.uint8]
    left: int
    right: int
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Stretch:
    """A text and the part of it, ``start`` to ``end``, that differs from its partner."""

    text: str
    start: int
    end: int


def site_of_allele(genome: Genome, contig: str, start: int, ref: str, size: int) -> Site:
    """Cut the window of ``size`` nucleotides centred on an allele, clipped at the contig's ends.

    Parameters
    ----------
    start
        0-based position of the allele's first base.
    """
    length = genome.lengths[contig]
    first = start + len(ref) // 2 - size // 2
    begin, end = max(0, first), min(length, first + size)
    wide_begin, wide_end = max(0, begin - 1), min(length, end + 1)
    wide = genome.codes(contig, wide_begin, wide_end)
    window = wide[begin - wide_begin : end - wide_begin]
    return Site(
        window=window,
        left=start - begin,
        right=start - begin + len(ref),
        before=int(wide[0]) if wide_begin < begin else None,
        after=int(wide[-1]) if wide_end > end else None,
    )


def plain_windows(site: Site, alt: str, strand: str) -> tuple[Stretch, Stretch]:
    """Return the REF and the ALT window as plain bases, with the place of the allele in each."""
    codes, _ = encode_bases(alt)
    changed = np.concatenate([site.window[: site.left], codes, site.window[site.right :]])
    return (
        _stretch(site.window, site.left, site.right, strand),
        _stretch(changed, site.left, site.left + len(codes), strand),
    )


def pair_windows(site: Site, ref: str, alt: str, strand: str) -> tuple[Stretch, Stretch] | None:
    """Return the REF window and the same window with REF/ALT written as pair symbols.

    The symbols are those that the encoding gives a heterozygote, by the frequency table's own
    rules of trimming and pairing (`pybmfm.variants.alleles`).

    Returns
    -------
    tuple or None
        None where no symbol can be written: the mark falls outside the window or is lost at its
        edge on the minus strand.
    """
    encoded = site.window.copy()
    start, ref, alt = trim(site.left, ref, alt)
    base_before = int(site.window[start - 1]) if start else None
    for place, state in allele_states(start, ref, alt, base_before):
        encoded[place] = code_of_states(int(site.window[place]), state)
    plain = site.window
    if strand == "-":
        encoded = _reverse(encoded, site)
        plain = complement_bases(plain)[::-1]
    places = np.flatnonzero(encoded != plain)
    if not len(places):
        return None
    start, end = int(places[0]), int(places[-1]) + 1
    return (
        Stretch(decode_bases(plain), start, end),
        Stretch(codes_to_text(encoded), start, end),
    )


def _stretch(codes: NDArray[np.uint8], start: int, end: int, strand: str) -> Stretch:
    if strand == "-":
        codes = complement_bases(codes)[::-1]
        start, end = len(codes) - end, len(codes) - start
    return Stretch(decode_bases(codes), start, end)


def _reverse(codes: NDArray[np.uint8], site: Site) -> NDArray[np.uint8]:
    return reverse_complement_codes(codes, left_flank=site.before, right_flank=site.after)
