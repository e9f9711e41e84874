"""Judge one record in plain Python: the rule that the kernel follows, for lines it hands back.

The kernel reads what real files hold; numbers written in an unusual way, letters outside ASCII
and very many alleles come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pybmfm.variants.alleles import (
    BEFORE_CONTIG,
    SAME_AS_REFERENCE,
    allele_states,
    kind_of,
    trim,
    why_not_plain,
)
from pybmfm.variants.counts import (
    ALLELES,
    COMPARABLE,
    KINDS,
    PLACE_OF_REASON,
    READ,
    RECORDS,
    SOURCES,
    USED,
    Tally,
)
from pybmfm.variants.frequencies import (
    NO_FREQUENCY,
    FrequencyPlan,
    Means,
    info_fields,
    is_common,
    mean_frequencies,
)

BEYOND_END = "beyond_contig_end"
BEFORE_START = "before_contig_start"
REFERENCE_N = "reference_n"
NOT_ACGT = "reference_not_acgt"
MISMATCH = "reference_mismatch"
NOT_COMMON = "not_common"
FILTERED = "filtered"  # counted by the name of the filter
NO_ALTERNATE = "no_alternate"
BELOW_CUTOFF = "below_min_frequency"

# Frequencies are printed with few digits; 1 - 0.999 must count as "at the cutoff" of 0.001.
ROUNDING = 1e-9

# Bases as Genome codes them; 255 is a letter that no reference base equals.
_CODES = bytes({65: 0, 71: 1, 84: 2, 67: 3}.get(byte, 255) for byte in range(256))
_N = b"\x04"


class Allele(NamedTuple):
    """A used alternate: what it is however it is spelt, its kind, and what it changes."""

    identity: tuple[int, int]  # start and hash, see the kernel's `identity`
    kind: int  # place in KINDS
    states: list[tuple[int, int]]  # position and state
    frequency: float


class Record(NamedTuple):
    """The columns of a VCF line that frequencies need; alleles in upper case."""

    start: int  # 0-based; -1 for the telomere record at POS 0
    reference: str
    alternates: list[str]
    filters: str
    info: str


def parse_record(line: str) -> Record:
    """Split a line whose first eight columns are whole and whose POS is a number."""
    columns = line.split("\t", 8)
    start = int(columns[1]) - 1 if len(columns[1]) < 300 else 10**300
    return Record(start, columns[3].upper(), columns[4].upper().split(","), *columns[6:8])


def unlisted_filter(filters: str, taken: Sequence[str]) -> str:
    """Return the first name of a FILTER column that is not taken; without ``taken`` all are."""
    names = filter(None, filters.split(";")) if taken else ()
    return next((name for name in names if name not in taken), "")


@dataclass(frozen=True)
class Judge:
    """Judges records of one contig.

    Attributes
    ----------
    codes
        The contig's base codes 0-4.
    plan
        Which filters are taken, and where frequencies stand.
    only_common
        Whether records must be flagged COMMON.
    cutoff
        Frequencies at or below it are dropped, rounding allowed for.
    """

    codes: memoryview
    plan: FrequencyPlan
    only_common: bool
    cutoff: float

    def add(self, record: Record, tally: Tally) -> list[Allele]:
        """Count a record in ``tally``; return its alleles that are used."""
        alleles: list[Allele] = []
        tally.totals[READ] += 1
        reason = self._against_reference(record, tally) or self._use(record, tally, alleles)
        if reason == FILTERED:
            tally.add_filter(unlisted_filter(record.filters, self.plan.filters), 1)
        elif reason:
            tally.reasons[RECORDS, PLACE_OF_REASON[reason]] += 1
        else:
            tally.totals[USED] += 1
        return alleles

    def _against_reference(self, record: Record, tally: Tally) -> str:
        """Compare REF with the FASTA first: a wrong assembly must show whatever is dropped."""
        end = record.start + len(record.reference)
        if record.start < 0:
            return BEFORE_START
        if end > len(self.codes):
            return BEYOND_END
        expected = bytes(self.codes[record.start : end])
        given = record.reference.encode("ascii", "replace").translate(_CODES)
        if expected == given:
            tally.totals[COMPARABLE] += 1
            return ""
        if _N in expected:
            return REFERENCE_N
        if b"\xff" in given:
            return NOT_ACGT
        tally.totals[COMPARABLE] += 1
        return MISMATCH

    def _use(self, record: Record, tally: Tally, alleles: list[Allele]) -> str:
        """Add a record's alleles; return why none could be used."""
        fields = info_fields(record.info)
        if self.only_common and not is_common(fields):
            return NOT_COMMON
        if unlisted_filter(record.filters, self.plan.filters):
            return FILTERED
        if record.alternates == ["."]:
            return NO_ALTERNATE
        plain = [why_not_plain(alternate) for alternate in record.alternates]
        if all(plain):
            return _drop_alleles([reason for reason in plain if reason], tally)
        means = mean_frequencies(self.plan, fields, len(record.alternates))
        for reason in means.dropped:
            tally.reasons[SOURCES, PLACE_OF_REASON[reason]] += 1
        if means.reason:
            return means.reason
        reasons = [
            why or self._add_allele(record, alternate, frequency, alleles)
            for why, alternate, frequency in zip(
                plain, record.alternates, means.values, strict=True
            )
        ]
        dropped = [reason for reason in reasons if reason]
        unused = _drop_alleles(dropped, tally)
        if len(dropped) == len(reasons):
            return unused
        self._count_fields(means, tally)
        return ""

    def _count_fields(self, means: Means, tally: Tally) -> None:
        for place, one in enumerate(self.plan.fields):
            if one.name in means.fields:
                tally.fields[place] += 1

    def _add_allele(
        self, record: Record, alternate: str, frequency: float | None, alleles: list[Allele]
    ) -> str:
        from pybmfm.variants import _record_kernels as kernels

        if frequency is None:
            return NO_FREQUENCY
        if frequency <= self.cutoff:
            return BELOW_CUTOFF
        if alternate == record.reference:
            return SAME_AS_REFERENCE
        start, reference, alternate = trim(record.start, record.reference, alternate)
        before = self.codes[start - 1] if start else None
        states = allele_states(start, reference, alternate, before)
        if not states:
            return BEFORE_CONTIG
        letters = np.frombuffer(alternate.encode(), dtype=np.uint8)
        identity = kernels.identity(
            letters, 0, len(letters), np.frombuffer(self.codes, np.uint8), start, len(reference)
        )
        kind = KINDS.index(kind_of(reference, alternate))
        alleles.append(Allele((identity[0], int(identity[1])), kind, states, frequency))
        return ""


def _drop_alleles(reasons: list[str], tally: Tally) -> str:
    """Count dropped alleles; return the reason for the record should none be left."""
    for reason in reasons:
        tally.reasons[ALLELES, PLACE_OF_REASON[reason]] += 1
    return BELOW_CUTOFF if BELOW_CUTOFF in reasons else next(iter(reasons), "")
