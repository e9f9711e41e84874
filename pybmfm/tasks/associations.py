"""SNPs x diseases as arrays: what is left out takes its rows with it, counted by reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pybmfm.tasks.disease_evidence import Evidence, SourceCounts

Ints = NDArray[np.int64]
Key = tuple[int, int, str]  # rank of the contig, position, alternates


@dataclass(frozen=True)
class Associations:
    """Every (row, SNP, disease) still in play.

    Attributes
    ----------
    sources
        Names of the files' kinds.
    counts
        Of each source; dropped rows are counted there.
    snps
        The SNPs, sorted by contig and position; ``snp`` indexes them.
    terms
        Diseases, sorted; ``term`` indexes them.
    source, row, snp, term
        int64[n] each.
    """

    sources: tuple[str, ...]
    counts: Mapping[str, SourceCounts]
    snps: list[Evidence]
    terms: list[str]
    source: Ints
    row: Ints
    snp: Ints
    term: Ints

    @classmethod
    def of_evidence(
        cls,
        evidence: Mapping[str, Sequence[Evidence]],
        counts: Mapping[str, SourceCounts],
        contigs: Sequence[str],
        by_allele: bool,
    ) -> Associations:
        """Join the evidence of all sources: one SNP per position, or per position and alternate.

        Parameters
        ----------
        contigs
            Names in the genome's order.
        by_allele
            Whether each alternate is a SNP of its own.
        """
        rank = {name: number for number, name in enumerate(contigs)}
        snps: dict[Key, Evidence] = {}
        links: list[tuple[int, int, Key, str]] = []
        for number, rows in enumerate(evidence.values()):
            for one in rows:
                for alleles in [(alt,) for alt in one.alts] if by_allele else [one.alts]:
                    key = (rank[one.contig], one.position, alleles[0] if by_allele else "")
                    _join(snps, key, one._replace(alts=alleles))
                    links += [(number, one.row, key, term) for term in one.terms]
        order = sorted(snps)
        index = {key: place for place, key in enumerate(order)}
        terms = sorted({link[3] for link in links})
        term_index = {term: place for place, term in enumerate(terms)}
        columns = np.array(
            [(s, row, index[key], term_index[term]) for s, row, key, term in links], dtype=np.int64
        ).reshape(-1, 4)
        whole = [snps[key] for key in order]
        return cls(tuple(evidence), counts, whole, terms, *columns.T)

    def keep(self, chosen: NDArray[np.bool_], reason: str) -> Associations:
        """Return the chosen ones; rows that lose their last one are dropped for ``reason``."""
        left = replace(
            self,
            source=self.source[chosen],
            row=self.row[chosen],
            snp=self.snp[chosen],
            term=self.term[chosen],
        )
        for name in self.sources:
            lost = self.rows_used(name) - left.rows_used(name)
            if lost:
                self.counts[name].dropped[reason] += lost
        return left

    def rows_used(self, source: str) -> int:
        """Return how many rows of a source support an association."""
        return len(np.unique(self.row[self.source == self.sources.index(source)]))

    def snps_of_terms(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> Ints:
        """Return the number of SNPs of each disease in the chosen rows, ``int64[terms]``."""
        pairs = np.unique(np.stack([self.snp[chosen], self.term[chosen]]), axis=1)
        return np.bincount(pairs[1], minlength=len(self.terms))

    def most_frequent(self, number: int) -> NDArray[np.bool_]:
        """Mark the associations of the ``number`` diseases with most SNPs; ties by identifier."""
        order = np.argsort(-self.snps_of_terms(), kind="stable")[:number]
        return np.isin(self.term, order)


def _join(snps: dict[Key, Evidence], key: Key, one: Evidence) -> None:
    """Keep one entry per SNP, with the alternates of all that speak of it."""
    known = snps.get(key)
    if known is None:
        snps[key] = one
    elif not set(one.alts) <= set(known.alts):
        snps[key] = known._replace(alts=tuple(sorted({*known.alts, *one.alts})))
