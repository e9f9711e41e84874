"""Count records, alleles and sources by what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import nothing_used

if TYPE_CHECKING:
    from pybmfm.variants.contig_records import Rows

NOT_IN_FASTA = "contig_not_in_fasta"

# Why a record, an allele or a source is dropped; the kernel knows them by their places here.
REASONS = (
    "before_contig_start",
    "beyond_contig_end",
    "reference_n",
    "reference_not_acgt",
    "reference_mismatch",
    "not_common",
    "no_alternate",
    "no_frequency",
    "ragged_frequency",
    "not_a_frequency",
    "symbolic_allele",
    "iupac_allele",
    "below_min_frequency",
    "same_as_reference",
    "insertion_before_contig_start",
)
PLACE_OF_REASON = {reason: place for place, reason in enumerate(REASONS)}
RECORDS, ALLELES, SOURCES = range(3)
# Records that their FILTER dropped, by its name. A file may hold any number of names: those that
# come first are counted apart.
FILTER = "filter: "
MAX_FILTERS = 50
OTHER_FILTERS = FILTER + "others"
_FILTER_LETTERS = 64
# What to do where a reason, by what it begins with, took all records.
_REMEDIES = {
    NOT_IN_FASTA: "give a VCF of this genome, or a table of its names with --alias",
    "no_frequency": "name the INFO field of the frequencies with --frequency-field",
    "ragged_frequency": "give one frequency for each alternate",
    "not_common": "take all records with --records all",
    "below_min_frequency": "lower --min-frequency",
    FILTER: "name the filters that records may have with --filters",
    "reference": "give the VCF and the FASTA of the same assembly",
}
READ, USED, COMPARABLE = range(3)

# Kinds of used alleles; the first two are both of class snv.
KINDS = ("transition", "transversion", "mnv", "insertion", "deletion", "complex")
CLASSES = ("snv", "mnv", "insertion", "deletion", "complex")
# Upper ends of the bins of the frequency spectrum, which begin above 0.
EDGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Tally:
    """Counts as plain arrays, which a kernel and the judge of odd records both add to.

    Attributes
    ----------
    totals : int64[3]
        Records read, used, and comparable with the FASTA.
    reasons : int64[3, reasons]
        Dropped records, alleles and sources by reason.
    fields : int64[fields]
        Used records by INFO field that reported, in the order of the plan.
    filters : dict of str to int
        Records dropped by the first name of their FILTER that is not taken.
    """

    totals: NDArray[np.int64]
    reasons: NDArray[np.int64]
    fields: NDArray[np.int64]
    filters: dict[str, int]

    @classmethod
    def empty(cls, n_fields: int) -> Tally:
        """Return zeros for a plan of so many fields."""
        reasons = np.zeros((3, len(REASONS)), dtype=np.int64)
        return cls(np.zeros(3, dtype=np.int64), reasons, np.zeros(n_fields, dtype=np.int64), {})

    def add(self, other: Tally) -> None:
        """Add another tally of the same plan."""
        for mine, theirs in (
            (self.totals, other.totals),
            (self.reasons, other.reasons),
            (self.fields, other.fields),
        ):
            mine += theirs
        add_counts(self.filters, other.filters)

    def add_filter(self, name: str, records: int) -> None:
        """Count records that a name in FILTER drops."""
        add_counts(self.filters, {filter_reason(name): records})


@dataclass
class Counts:
    """Counts by name, as the manifest has them, of a contig or of a whole table."""

    read: int = 0
    used: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    alleles_dropped: dict[str, int] = field(default_factory=dict)
    sources_dropped: dict[str, int] = field(default_factory=dict)
    rows_scaled: int = 0
    repeated_alleles: int = 0
    frequency_fields: dict[str, int] = field(default_factory=dict)
    variant_classes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    transitions: int = 0
    transversions: int = 0
    spectrum: list[int] = field(default_factory=lambda: [0] * len(EDGES))

    @classmethod
    def of_contig(cls, tally: Tally, fields: Sequence[str], rows: Rows) -> Counts:
        """Give the counts of a contig their names; ``fields`` are those of the plan."""
        transitions, transversions, *others = map(int, rows.kinds)
        return cls(
            read=int(tally.totals[READ]),
            used=int(tally.totals[USED]),
            dropped={**_named(tally.reasons[RECORDS], REASONS), **tally.filters},
            alleles_dropped=_named(tally.reasons[ALLELES], REASONS),
            sources_dropped=_named(tally.reasons[SOURCES], REASONS),
            rows_scaled=rows.scaled,
            repeated_alleles=rows.repeated,
            frequency_fields=_named(tally.fields, fields),
            variant_classes=dict(zip(CLASSES, (transitions + transversions, *others), strict=True)),
            transitions=transitions,
            transversions=transversions,
            spectrum=rows.spectrum.tolist(),
        )

    @classmethod
    def not_in_fasta(cls, records: int) -> Counts:
        """Return the counts of a contig that the FASTA lacks."""
        return cls(read=records, dropped={NOT_IN_FASTA: records} if records else {})

    def add(self, other: Counts) -> None:
        """Add the counts of other records."""
        self.read += other.read
        self.used += other.used
        self.rows_scaled += other.rows_scaled
        self.repeated_alleles += other.repeated_alleles
        self.transitions += other.transitions
        self.transversions += other.transversions
        self.spectrum = [a + b for a, b in zip(self.spectrum, other.spectrum, strict=True)]
        for name in (
            "dropped",
            "alleles_dropped",
            "sources_dropped",
            "frequency_fields",
            "variant_classes",
        ):
            add_counts(getattr(self, name), getattr(other, name))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Counts:
        """Read what `to_json` wrote."""
        return cls(
            content["read"],
            content["used"],
            dict(content["dropped"]),
            dict(content["alleles_dropped"]),
            dict(content["sources_dropped"]),
            content["rows_scaled"],
            content["repeated_alleles"],
            dict(content["frequency_fields"]),
            dict(content["variant_classes"]),
            content["transitions"],
            content["transversions"],
            list(content["frequency_spectrum"]["counts"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries, reasons and fields in alphabetical order."""
        return {
            "read": self.read,
            "used": self.used,
            "dropped": dict(sorted(self.dropped.items())),
            "alleles_dropped": dict(sorted(self.alleles_dropped.items())),
            "sources_dropped": dict(sorted(self.sources_dropped.items())),
            "rows_scaled": self.rows_scaled,
            "repeated_alleles": self.repeated_alleles,
            "frequency_fields": dict(sorted(self.frequency_fields.items())),
            "variant_classes": {name: self.variant_classes[name] for name in CLASSES},
            "transitions": self.transitions,
            "transversions": self.transversions,
            "titv": _ratio(self.transitions, self.transversions),
            "frequency_spectrum": {"edges": [0.0, *EDGES], "counts": list(self.spectrum)},
        }


def filter_reason(name: str) -> str:
    """Return the reason under which records are counted that a name in FILTER drops."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return FILTER + printable[:_FILTER_LETTERS]


def add_counts(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add counts by name; of names in FILTER the first ones only, the others together."""
    for name, number in more.items():
        known = name in counts or not name.startswith(FILTER)
        if not known and sum(one.startswith(FILTER) for one in counts) >= MAX_FILTERS:
            name = OTHER_FILTERS
        counts[name] = counts.get(name, 0) + number


def check_used(counts: Counts, vcf: str | Path) -> None:
    """Refuse a VCF of which no record is used: a table of it would be plain reference.

    Raises
    ------
    UserError
        With the reason that took most records.
    """
    if not counts.used:
        raise nothing_used("records", counts.dropped, file=vcf, remedies=_REMEDIES)


def count_sections(total: Counts) -> dict[str, Any]:
    """Return a manifest's counts: the record counts stand at the top and under ``records``."""
    counts = total.to_json()
    return {
        "records": {key: counts[key] for key in ("read", "used", "dropped")},
        **counts,
        "repeated_alleles_rule": "largest frequency",
    }


def _named(numbers: NDArray[np.int64], names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, number in zip(names, numbers.tolist(), strict=True):
        if number:
            found[name] = found.get(name, 0) + number
    return found


def _ratio(transitions: int, transversions: int) -> float | None:
    return round(transitions / transversions, 4) if transversions else None
