"""The genotypes of one individual on one contig, record by record, made into haplotypes."""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError
from pybmfm.genome import decode_bases
from pybmfm.variants.alleles import (
    BEFORE_CONTIG,
    SAME_AS_REFERENCE,
    allele_states,
    trim,
    why_not_plain,
)
from pybmfm.variants.counts import add_counts, filter_reason
from pybmfm.variants.draws import random_bit
from pybmfm.variants.symbols import CODE_OF_STATES

log = logging.getLogger("pybmfm")

MISMATCH = "reference_mismatch"
REFERENCE_N = "reference_n"
NOT_ACGT = "reference_not_acgt"
BEYOND_END = "beyond_contig_end"
BEFORE_START = "before_contig_start"
MISSING = "missing_genotype"
PLOIDY = "more_than_two_alleles"
MISSING_ALLELE = "missing_allele"
OVERLAPPING = "overlaps_an_earlier_record"

MAX_MISMATCHES = 0.01


@dataclass(frozen=True)
class HaplotypePair:
    """What one individual carries on a contig, wherever it differs from the reference.

    Attributes
    ----------
    positions
        int32[n], 0-based, ascending.
    codes
        uint8[n], the pair of the states of both haplotypes, a homozygote as the lone one.
    """

    positions: NDArray[np.int32]
    codes: NDArray[np.uint8]


@dataclass
class GenotypeCounts:
    """What became of an individual's records; ``read`` is ``used`` plus ``dropped``.

    A used record is one whose genotype was taken, homozygous reference included. An allele that
    is dropped leaves the reference on its haplotype. ``unphased`` counts heterozygotes of
    unknown phase, whose order was drawn.
    """

    read: int = 0
    used: int = 0
    unphased: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    alleles_dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: GenotypeCounts) -> None:
        """Add the counts of another contig or individual."""
        self.read += other.read
        self.used += other.used
        self.unphased += other.unphased
        add_counts(self.dropped, other.dropped)
        self.alleles_dropped += other.alleles_dropped

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, reasons in alphabetical order."""
        return {
            "read": self.read,
            "used": self.used,
            "dropped": dict(sorted(self.dropped.items())),
            "alleles_dropped": dict(sorted(self.alleles_dropped.items())),
            "unphased_heterozygotes": self.unphased,
        }


class GenotypeReading:
    """Judges the records of one individual on one contig and collects what they change.

    Parameters
    ----------
    contig, reference
        Name and codes 0-4 of the contig, as the FASTA has them.
    sample
        Name of the individual.
    phase_key
        Key of the orders that unphased heterozygotes get.
    haploid
        Take the first allele of every genotype only.
    fasta, vcf
        The files, for messages.

    Attributes
    ----------
    counts : GenotypeCounts
    """

    def __init__(
        self,
        contig: str,
        reference: NDArray[np.uint8],
        sample: str,
        *,
        phase_key: int,
        haploid: bool,
        fasta: Path,
        vcf: Path,
    ) -> None:
        self.contig = contig
        self.reference = reference
        self.sample = sample
        self.phase_key = phase_key
        self.haploid = haploid
        self.fasta = fasta
        self.vcf = vcf
        self.counts = GenotypeCounts()
        self.comparable = 0
        self.mismatch = ""
        # Position and state of every change, haplotype by haplotype, as the records come.
        self.changes = [(array("i"), array("B")) for _ in range(2)]
        # Positions where the genotype has one allele.
        self.single = array("i")

    def result(self) -> HaplotypePair:
        """Return what the records added come to.

        Raises
        ------
        UserError
            If more than 1 % of the comparable records have another REF than the FASTA.
        """
        self._check_mismatches()
        return self._combine()

    def add(self, record: Any, unlisted: str = "") -> None:
        """Take a pysam record; they come in the order of the file.

        ``unlisted`` is a name in its FILTER for which it is dropped.
        """
        self.counts.read += 1
        reason = self._against_reference(record)
        if not reason and unlisted:
            reason = filter_reason(unlisted)
        reason = reason or self._take_genotype(record)
        if reason:
            add_counts(self.counts.dropped, {reason: 1})
        else:
            self.counts.used += 1

    def _against_reference(self, record: Any) -> str:
        start, letters = record.start, record.ref.upper()
        if start < 0:
            return BEFORE_START
        if start + len(letters) > len(self.reference):
            return BEYOND_END
        expected = decode_bases(self.reference[start : start + len(letters)])
        if "N" in expected:
            return REFERENCE_N
        if why_not_plain(letters):
            return NOT_ACGT
        self.comparable += 1
        if expected == letters:
            return ""
        self.mismatch = self.mismatch or (
            f"{record.contig}:{record.pos} REF {letters[:20]}, FASTA {expected[:20]}"
        )
        return MISMATCH

    def _take_genotype(self, record: Any) -> str:
        """Note the alleles of both haplotypes; return why the genotype could not be used."""
        if "GT" not in record.format:
            return MISSING
        call = record.samples[self.sample]
        indices = call.allele_indices or (None,)
        if len(indices) > 2:
            return PLOIDY
        if all(index is None for index in indices):
            return MISSING
        if len(set(indices)) == 2 and not call.phased:
            self.counts.unphased += 1
            if random_bit(self.phase_key, record.start):
                indices = indices[::-1]
        if self.haploid:
            indices = indices[:1]
        for haplotype, index in enumerate(indices):
            if index is None:
                self.counts.alleles_dropped[MISSING_ALLELE] += 1
            elif index:
                self._take_allele(record, haplotype, index, lone=len(indices) == 1)
        return ""

    def _take_allele(self, record: Any, haplotype: int, index: int, lone: bool) -> None:
        reference, alternate = record.ref.upper(), record.alleles[index].upper()
        reason = SAME_AS_REFERENCE if alternate == reference else why_not_plain(alternate)
        states: list[tuple[int, int]] = []
        if reason is None:
            start, reference, alternate = trim(record.start, reference, alternate)
            before = int(self.reference[start - 1]) if start else None
            states = allele_states(start, reference, alternate, before)
            reason = None if states else BEFORE_CONTIG
        if reason:
            self.counts.alleles_dropped[reason] += 1
            return
        positions, kept = self.changes[haplotype]
        for position, state in states:
            positions.append(position)
            kept.append(state)
            if lone:
                self.single.append(position)

    def _check_mismatches(self) -> None:
        wrong = self.counts.dropped[MISMATCH]
        if wrong > MAX_MISMATCHES * self.comparable:
            raise UserError(
                f"{wrong:,} of {self.comparable:,} comparable records of contig {self.contig} "
                f"have another REF than {self.fasta}, first {self.mismatch}",
                file=self.vcf,
                remedy="give the VCF and the FASTA of the same assembly",
            )
        if wrong:
            log.warning(
                "%s of %s comparable records disagree with the FASTA, first %s",
                f"{wrong:,}",
                f"{self.comparable:,}",
                self.mismatch,
            )

    def _combine(self) -> HaplotypePair:
        haplotypes = [self._first_wins(*changes) for changes in self.changes]
        positions = np.union1d(haplotypes[0][0], haplotypes[1][0])
        states = np.tile(self.reference[positions], (2, 1))
        for number, (changed, state) in enumerate(haplotypes):
            states[number, np.searchsorted(positions, changed)] = state
        single = np.isin(positions, np.frombuffer(self.single, np.int32))
        states[1, single] = states[0, single]
        codes = CODE_OF_STATES[states[0], states[1]]
        positions.flags.writeable = codes.flags.writeable = False
        return HaplotypePair(positions, codes)

    def _first_wins(
        self, positions: array[int], states: array[int]
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Sort the changes of one haplotype and keep the first of each position."""
        changed, first = np.unique(np.frombuffer(positions, np.int32), return_index=True)
        self.counts.alleles_dropped[OVERLAPPING] += len(positions) - len(changed)
        self.counts.alleles_dropped = +self.counts.alleles_dropped
        return changed, np.frombuffer(states, np.uint8)[first]
