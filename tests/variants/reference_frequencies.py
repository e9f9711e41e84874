"""Frequency tables in plain Python, one record at a time: what the compiled reader must equal.

Written from the fine print of the contracts (reading variants, frequencies), with dictionaries
and strings alone, so that it can be checked by reading it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

STATES = ("A", "G", "T", "C", "N", "DEL", "AI", "GI", "TI", "CI", "NI")
# Frequencies are printed with few digits: 1 - 0.999 is "at" a cutoff of 0.001.
ROUNDING = 1e-9
JOINT = ("AF_joint",)
POPULATION = re.compile(r"AF[_-][A-Z]+|[A-Z]+_AF", re.IGNORECASE)
TRANSITIONS = {("A", "G"), ("G", "A"), ("C", "T"), ("T", "C")}
CLASSES = ("snv", "mnv", "insertion", "deletion", "complex")
EDGES = [0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
NO_FREQUENCY, RAGGED, NOT_A_NUMBER = "no_frequency", "ragged_frequency", "not_a_frequency"
BELOW_CUTOFF = "below_min_frequency"


@dataclass(frozen=True)
class Choices:
    """The options of ``variant-frequencies`` that change what is read."""

    min_frequency: float = 0.001
    records: str = "auto"
    frequency_field: str = "auto"
    sources: tuple[str, ...] = ()
    filters: str = "PASS,."


@dataclass(frozen=True)
class _Allele:
    """A used alternate as a record spells it, trimmed."""

    reference: str
    alternate: str
    states: dict[int, str]
    frequency: float


@dataclass
class ContigTable:
    """Rows and counts of one contig, or of the whole VCF."""

    rows: dict[int, list[float]] = field(default_factory=dict)
    read: int = 0
    used: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    alleles_dropped: Counter[str] = field(default_factory=Counter)
    sources_dropped: Counter[str] = field(default_factory=Counter)
    frequency_fields: Counter[str] = field(default_factory=Counter)
    variant_classes: Counter[str] = field(default_factory=Counter)
    transitions: int = 0
    transversions: int = 0
    alternate_frequencies: list[float] = field(default_factory=list)
    alleles: dict[tuple[int, str, str], _Allele] = field(default_factory=dict)
    rows_scaled: int = 0
    repeated_alleles: int = 0
    comparable: int = 0

    def counts(self) -> dict[str, object]:
        """The counts as a manifest has them."""
        return {
            "read": self.read,
            "used": self.used,
            "dropped": dict(self.dropped),
            "alleles_dropped": dict(self.alleles_dropped),
            "sources_dropped": dict(self.sources_dropped),
            "rows_scaled": self.rows_scaled,
            "repeated_alleles": self.repeated_alleles,
            "frequency_fields": dict(self.frequency_fields),
            "variant_classes": {name: self.variant_classes[name] for name in CLASSES},
            "transitions": self.transitions,
            "transversions": self.transversions,
            "frequency_spectrum": {"edges": EDGES, "counts": _spectrum(self.alternate_frequencies)},
        }

    def add(self, other: ContigTable) -> None:
        """Add another contig's counts; rows stay with their contig."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            elif name not in ("rows", "alleles"):
                setattr(self, name, getattr(self, name) + value)


@dataclass
class Table:
    """What a VCF comes to: a table per FASTA contig, and the sums."""

    contigs: dict[str, ContigTable]
    total: ContigTable
    record_choice: str

    @property
    def refused(self) -> str:
        """What the message says where the VCF as a whole is refused; empty where it is not."""
        total = self.total
        if total.dropped["reference_mismatch"] > 0.01 * total.comparable:
            wrong = total.dropped["reference_mismatch"]
            return f"{wrong:,} of {total.comparable:,} comparable"
        if total.dropped["contig_not_in_fasta"] > 0.5 * total.read:
            return "records lie on contigs that"
        return "" if total.used else "none of .* records can be used|holds no records"


def reference_table(
    vcf: str, genome: Mapping[str, str], names: Mapping[str, str], choices: Choices
) -> Table:
    """Read a well-formed VCF; ``names`` is VCF contig -> FASTA contig, others are elsewhere."""
    only_common = choices.records == "common" or (
        choices.records == "auto" and any("COMMON" in info_of(line[7]) for line in records_of(vcf))
    )
    reader = _FrequencyFields(vcf, choices)
    cutoff = choices.min_frequency + ROUNDING
    genome = {name: sequence.upper() for name, sequence in genome.items()}
    contigs: dict[str, ContigTable] = {}
    total = ContigTable()
    for columns in records_of(vcf):
        name = names.get(columns[0])
        if name is None:
            total.add(ContigTable(read=1, dropped=Counter(["contig_not_in_fasta"])))
            continue
        one = contigs.setdefault(name, ContigTable())
        judge = _Judge(genome[name], one, cutoff, only_common, choices.filters.split(","), reader)
        reason = judge.why_not_used(columns)
        one.read += 1
        one.used += not reason
        if reason:
            one.dropped[reason] += 1
    for name, one in contigs.items():
        _count_alleles(one)
        _finish_rows(one, genome[name], cutoff)
        total.add(one)
    return Table(contigs, total, "common" if only_common else "all")


def records_of(vcf: str) -> Iterator[list[str]]:
    """Columns of each record line: neither empty nor a comment."""
    for line in vcf.split("\n"):
        line = line.removesuffix("\r")
        if line and not line.startswith("#"):
            yield line.split("\t", 8)


def info_of(info: str) -> dict[str, str]:
    """INFO by key; a flag is empty; of a key given twice the last counts."""
    return {item.partition("=")[0]: item.partition("=")[2] for item in info.split(";")}


def trimmed(position: int, reference: str, alternate: str) -> tuple[int, str, str]:
    """Take away the shared suffix, then the shared prefix."""
    while reference and alternate and reference[-1] == alternate[-1]:
        reference, alternate = reference[:-1], alternate[:-1]
    while reference and alternate and reference[0] == alternate[0]:
        position, reference, alternate = position + 1, reference[1:], alternate[1:]
    return position, reference, alternate


def leftmost(position: int, reference: str, alternate: str, sequence: str) -> tuple[int, str, str]:
    """Move a trimmed insertion or deletion to the left as far as it spells the same sequence."""
    if reference and alternate:
        return position, reference, alternate
    indel = reference or alternate
    while position and sequence[position - 1] == indel[-1]:
        position, indel = position - 1, indel[-1] + indel[:-1]
    return position, indel if reference else "", indel if alternate else ""


def paired_states(position: int, reference: str, alternate: str, before: str) -> dict[int, str]:
    """State by position of a trimmed allele; ``before`` is the base before it, or empty."""
    states: dict[int, str] = {}
    paired = min(len(reference), len(alternate))
    for place, base in enumerate(reference):
        if place >= paired:
            states[position + place] = "DEL"
        elif base != alternate[place]:
            states[position + place] = alternate[place]
    if len(alternate) > len(reference):
        if paired:
            states[position + paired - 1] = alternate[paired - 1] + "I"
        elif before:
            states[position - 1] = (before if before in "ACGT" else "N") + "I"
    return states


def variant_class(reference: str, alternate: str) -> str:
    """Class of a trimmed allele."""
    if not reference:
        return "insertion"
    if not alternate:
        return "deletion"
    if len(reference) != len(alternate):
        return "complex"
    return "snv" if len(reference) == 1 else "mnv"


@dataclass
class _Judge:
    """Judges one record after the other against its contig."""

    sequence: str
    table: ContigTable
    cutoff: float
    only_common: bool
    filters: list[str]
    fields: _FrequencyFields

    def why_not_used(self, columns: list[str]) -> str:
        start, reference = int(columns[1]) - 1, columns[3].upper()
        reason = self._disagrees(start, reference)
        if reason:
            return reason
        info = info_of(columns[7])
        if self.only_common and info.get("COMMON") not in ("", "1"):
            return "not_common"
        unlisted = [name for name in columns[6].split(";") if name and name not in self.filters]
        if unlisted:
            return f"filter: {unlisted[0][:64]}"
        if columns[4] == ".":
            return "no_alternate"
        alternates = columns[4].upper().split(",")
        if all(map(_why_not_bases, alternates)):
            return self._dropped([_why_not_bases(alternate) for alternate in alternates])
        means, reason, names = self.fields.means(info, len(alternates), self.table.sources_dropped)
        if reason:
            return reason
        reasons = [
            _why_not_bases(alternate) or self._add(start, reference, alternate, mean)
            for alternate, mean in zip(alternates, means, strict=True)
        ]
        dropped = self._dropped([reason for reason in reasons if reason])
        if all(reasons):
            return dropped
        self.table.frequency_fields.update(names)
        return ""

    def _disagrees(self, start: int, reference: str) -> str:
        if start < 0:
            return "before_contig_start"
        if start + len(reference) > len(self.sequence):
            return "beyond_contig_end"
        expected = self.sequence[start : start + len(reference)]
        if re.search("[^ACGT]", expected):
            return "reference_n"
        if re.search("[^ACGT]", reference):
            return "reference_not_acgt"
        self.table.comparable += 1
        return "" if reference == expected else "reference_mismatch"

    def _add(self, start: int, reference: str, alternate: str, frequency: float | None) -> str:
        if frequency is None:
            return NO_FREQUENCY
        if frequency <= self.cutoff:
            return BELOW_CUTOFF
        if alternate == reference:
            return "same_as_reference"
        start, reference, alternate = trimmed(start, reference, alternate)
        before = self.sequence[start - 1] if start else ""
        states = paired_states(start, reference, alternate, before)
        if not states:
            return "insertion_before_contig_start"
        spelling = leftmost(start, reference, alternate, self.sequence)
        allele = _Allele(reference, alternate, states, frequency)
        other = self.table.alleles.get(spelling)
        self.table.repeated_alleles += other is not None
        if other is None or other.frequency < frequency:
            self.table.alleles[spelling] = allele
        return ""

    def _dropped(self, reasons: list[str]) -> str:
        self.table.alleles_dropped.update(reasons)
        return BELOW_CUTOFF if BELOW_CUTOFF in reasons else next(iter(reasons), "")


class _FrequencyFields:
    """Mean frequency of each alternate allele over the sources that report it."""

    def __init__(self, vcf: str, choices: Choices) -> None:
        header = re.findall(r"^##INFO=<ID=([^,>]+)(?:,Number=([^,>]+))?", vcf, re.MULTILINE)
        self.numbers = dict(header)
        self.sources = choices.sources
        if choices.frequency_field == "auto":
            populations = [name for name, _ in header if POPULATION.fullmatch(name)]
            joint = [name for name in populations if name in JOINT]
            parts = [name for name in populations if name not in JOINT]
            attempts = ["FREQ", "CAF", *joint, "AF", "AC/AN"]
            self.attempts = [[name] for name in attempts] + [parts]
        else:
            self.attempts = [choices.frequency_field.split(",")]

    def means(
        self, info: Mapping[str, str], alleles: int, sources_dropped: Counter[str]
    ) -> tuple[list[float | None], str, list[str]]:
        """Return the means, why there are none, and the fields that report."""
        reason = NO_FREQUENCY
        for names in self.attempts:
            sources: list[list[float | None]] = []
            reporting: list[str] = []
            for name in names:
                for values in self._sources(name, info):
                    why, numbers = _numbers(values, alleles)
                    reason = why or reason
                    sources_dropped.update([why] if why else [])
                    sources += [] if why else [numbers]
                    if set(numbers) - {None} and name not in reporting:
                        reporting.append(name)
            if reporting:
                columns = zip(*sources, strict=True)
                return [_mean(column) for column in columns], "", reporting
        return [None] * alleles, reason, []

    def _sources(self, name: str, info: Mapping[str, str]) -> list[list[str]]:
        """Split a field into sources, each the values of the alternates alone."""
        key, total = ("AC", info.get("AN", ".")) if name == "AC/AN" else (name, "1")
        text = info.get(key, ".")
        if total in ("", ".") or _number(total) == 0:
            return []
        if name == "FREQ":
            parts = [part.rpartition(":") for part in text.split("|")]
            chosen = [p for p in parts if not self.sources or p[0] in self.sources]
            return [values.split(",")[1:] for _, _, values in chosen if values not in ("", ".")]
        text = text.strip("[]")
        if text in ("", "."):
            return []
        values = text.split(",")
        number = self.numbers.get(key)
        if key == "CAF" or number == "R":
            values = values[1:]
        return [[_share(one, total) for one in values] if name == "AC/AN" else values]


def _share(count: str, total: str) -> str:
    """Divide an allele count by the number of chromosomes."""
    if count in ("", "."):
        return "."
    number, chromosomes = _number(count), _number(total)
    return "?" if number is None or chromosomes is None else repr(number / chromosomes)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _numbers(values: list[str], alleles: int) -> tuple[str, list[float | None]]:
    if len(values) != alleles:
        return RAGGED, []
    numbers: list[float | None] = []
    for value in values:
        number = _number(value)
        if value not in ("", ".") and (number is None or not 0 <= number <= 1):
            return NOT_A_NUMBER, []
        numbers.append(number)
    return "", numbers


def _mean(values: Sequence[float | None]) -> float | None:
    reported = [value for value in values if value is not None]
    return sum(reported) / len(reported) if reported else None


def _why_not_bases(alternate: str) -> str:
    if re.fullmatch("[ACGT]+", alternate):
        return ""
    return "iupac_allele" if re.fullmatch("[A-Z]+", alternate) else "symbolic_allele"


def _count_alleles(table: ContigTable) -> None:
    """Count the alleles that are left when each counts once."""
    for allele in table.alleles.values():
        table.alternate_frequencies.append(allele.frequency)
        kind = variant_class(allele.reference, allele.alternate)
        table.variant_classes[kind] += 1
        if kind == "snv":
            is_transition = (allele.reference, allele.alternate) in TRANSITIONS
            table.transitions += is_transition
            table.transversions += not is_transition


def _finish_rows(table: ContigTable, sequence: str, cutoff: float) -> None:
    """The reference is the rest; too full a row is scaled; a rare reference is dropped."""
    masses: dict[int, list[float]] = {}
    for allele in table.alleles.values():
        for position, state in allele.states.items():
            masses.setdefault(position, [0.0] * 11)[STATES.index(state)] += allele.frequency
    for position in sorted(masses):
        row = list(masses[position])
        total = sum(row)
        table.rows_scaled += total > 1 + ROUNDING
        if 1 - total > cutoff:
            base = sequence[position]
            row[STATES.index(base if base in "ACGT" else "N")] += 1 - total
        table.rows[position] = [mass / sum(row) for mass in row]


def _spectrum(frequencies: list[float]) -> list[int]:
    """Count frequencies by bin; an edge belongs to the bin below it."""
    return [
        sum(low + ROUNDING < frequency <= high + ROUNDING for frequency in frequencies)
        for low, high in pairwise(EDGES)
    ]
