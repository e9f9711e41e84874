"""Make a frequency table from a VCF and its reference genome."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from pybmfm.core import UserError, output_directory, progress, write_manifest
from pybmfm.genome import Genome, chromosome_of, find_contig, match_contigs
from pybmfm.variants.alleles import (
    BEFORE_CONTIG,
    SAME_AS_REFERENCE,
    allele_states,
    trim,
    why_not_plain,
)
from pybmfm.variants.frequencies import NO_FREQUENCY, FrequencyReader, info_fields, is_common
from pybmfm.variants.rows import ROUNDING, RowBuilder
from pybmfm.variants.table import ARTEFACT, write_rows
from pybmfm.variants.vcf import Record, VcfReader, no_shared_contig

log = logging.getLogger("pybmfm")

NOT_IN_FASTA = "contig_not_in_fasta"
MISMATCH = "reference_mismatch"
REFERENCE_N = "reference_n"
NOT_ACGT = "reference_not_acgt"
BEYOND_END = "beyond_contig_end"
BEFORE_START = "before_contig_start"
NOT_COMMON = "not_common"
NO_ALTERNATE = "no_alternate"
BELOW_CUTOFF = "below_min_frequency"

MAX_MISMATCHES = 0.01
SHOWN_MISMATCHES = 3
# Bases as Genome codes them; 255 is a letter that no reference base equals.
_CODES = bytes({65: 0, 71: 1, 84: 2, 67: 3}.get(byte, 255) for byte in range(256))
_N = b"\x04"


@dataclass(frozen=True)
class FrequencySettings:
    """What `variant_frequencies` does.

    Parameters
    ----------
    fasta, vcf, out
        Reference genome, variants, and the table folder to write.
    contigs
        Contigs to read, under any alias; empty is all.
    min_frequency
        Alleles at or below it are dropped, and the reference too.
    records
        ``common`` takes records flagged COMMON, ``all`` all, ``auto`` common ones if any record
        of the VCF has the key.
    frequency_field
        ``auto``, ``FREQ``, ``CAF``, ``AF``, or comma-separated names of INFO fields.
    haploid
        Chromosomes of which one copy is drawn, under any alias.
    """

    fasta: Path
    vcf: Path
    out: Path
    contigs: tuple[str, ...] = ()
    min_frequency: float = 0.001
    records: str = "auto"
    frequency_field: str = "auto"
    haploid: tuple[str, ...] = ("Y", "MT")


@dataclass
class Counts:
    """Records read, used and dropped, and alleles dropped from used records."""

    read: int = 0
    used: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    alleles_dropped: Counter[str] = field(default_factory=Counter)
    sources_dropped: Counter[str] = field(default_factory=Counter)
    rows_scaled: int = 0

    def add(self, other: Counts) -> None:
        """Add another contig's counts."""
        self.read += other.read
        self.used += other.used
        self.dropped += other.dropped
        self.alleles_dropped += other.alleles_dropped
        self.sources_dropped += other.sources_dropped
        self.rows_scaled += other.rows_scaled

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Counts:
        """Read what `to_json` wrote."""
        return cls(
            content["read"],
            content["used"],
            Counter(content["dropped"]),
            Counter(content["alleles_dropped"]),
            Counter(content["sources_dropped"]),
            content["rows_scaled"],
        )

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, reasons in alphabetical order."""
        return {
            "read": self.read,
            "used": self.used,
            "dropped": dict(sorted(self.dropped.items())),
            "alleles_dropped": dict(sorted(self.alleles_dropped.items())),
            "sources_dropped": dict(sorted(self.sources_dropped.items())),
            "rows_scaled": self.rows_scaled,
        }


def variant_frequencies(settings: FrequencySettings) -> dict[str, Any]:
    """Read a VCF into a frequency table (paper, section on the frequency matrix).

    Returns
    -------
    dict
        The manifest's counts.

    Raises
    ------
    UserError
        If an input is missing or malformed, FASTA and VCF share no contig, or more than 1 % of
        the comparable records disagree with the FASTA. No output appears then.
    """
    with Genome(settings.fasta) as genome, output_directory(settings.out) as folder:
        table = _TableBuilder(settings, genome, VcfReader(settings.vcf), folder)
        sections = table.build()
        write_manifest(
            folder,
            artefact=ARTEFACT,
            settings=table_settings(settings),
            inputs=[settings.fasta, settings.vcf],
            **sections,
        )
    # Not before: an error is to be the only line.
    if settings.records == "auto":
        which = "those flagged COMMON" if table.only_common else "all, none has the key COMMON"
        log.info("records taken (--records auto): %s", which)
    log.info(
        "variant frequencies: records read %s, used %s%s; positions %s",
        f"{table.total.read:,}",
        f"{table.total.used:,}",
        "".join(f", {reason} {n:,}" for reason, n in sorted(table.total.dropped.items())),
        f"{sum(one['positions'] for one in sections['contigs'].values()):,}",
    )
    return sections


def table_settings(settings: FrequencySettings) -> dict[str, Any]:
    """Return the settings that a manifest keeps: no paths, JSON types."""
    kept = asdict(settings)
    for name in ("fasta", "vcf", "out"):
        del kept[name]
    return {**kept, "contigs": list(settings.contigs), "haploid": list(settings.haploid)}


def count_sections(total: Counts) -> dict[str, Any]:
    """Return a manifest's counts: the record counts stand at the top and under ``records``."""
    counts = total.to_json()
    return {"records": {key: counts[key] for key in ("read", "used", "dropped")}, **counts}


class _TableBuilder:
    """One pass over the VCF, contig by contig."""

    def __init__(
        self, settings: FrequencySettings, genome: Genome, reader: VcfReader, folder: Path
    ) -> None:
        self.settings = settings
        self.genome = genome
        self.reader = reader
        self.folder = folder
        self.wanted = {find_contig(genome.lengths, c, genome.path) for c in settings.contigs}
        self.matched = match_contigs(genome.lengths, reader.header.contigs, reader.header.lengths)
        self.haploid = _haploid_contigs(genome, settings.haploid)
        self.only_common = settings.records == "common" or (
            settings.records == "auto" and reader.has_common_key()
        )
        self.total = Counts()
        self.contigs: dict[str, dict[str, Any]] = {}
        self.mismatches: list[str] = []
        self.comparable = 0

    def build(self) -> dict[str, Any]:
        for vcf_name, records in self._by_contig():
            contig = self._match(vcf_name)
            if contig is None:
                number = sum(1 for _ in records)
                self.total.add(Counts(number, 0, Counter({NOT_IN_FASTA: number})))
            else:
                self._contig(contig, vcf_name, records)
        self._check_shared()
        for vcf_name, contig in self.matched.items():
            # A contig that the header names has a file also when no record is on it.
            if contig not in self.contigs and self._is_wanted(contig):
                self._contig(contig, vcf_name, iter(()))
        self._check_mismatches()
        assert self.total.read == self.total.used + self.total.dropped.total()
        shared = set(self.matched.values())
        return {
            **count_sections(self.total),
            "record_choice": "common" if self.only_common else "all",
            "contigs": dict(sorted(self.contigs.items(), key=lambda item: item[1]["place"])),
            "contigs_only_in_fasta": [c for c in self.genome.lengths if c not in shared],
            "contigs_only_in_vcf": [c for c in self._vcf_names() if c not in self.matched],
        }

    def _by_contig(self) -> Iterator[tuple[str, Iterator[Record]]]:
        """Group the records by contig; with --contig the others are not looked at."""
        wanted = self.reader.records(lambda name: self._is_wanted(self._match(name)))
        records = progress(wanted, "reading variants", unit="records")
        yield from groupby(records, key=lambda record: record.contig)

    def _match(self, vcf_name: str) -> str | None:
        if vcf_name not in self.matched:
            self.matched.update(match_contigs(self.genome.lengths, [vcf_name]))
        return self.matched.get(vcf_name)

    def _is_wanted(self, contig: str | None) -> bool:
        return not self.wanted or contig in self.wanted

    def _vcf_names(self) -> list[str]:
        return list({**self.reader.header.contigs, **self.reader.contigs_seen})

    def _contig(self, contig: str, vcf_name: str, records: Iterator[Record]) -> None:
        if contig in self.contigs:
            raise UserError(
                f"has contig {contig} under two names, {self.contigs[contig]['vcf_name']} and "
                f"{vcf_name}",
                file=self.settings.vcf,
                remedy="give every contig one name",
            )
        codes = self.genome.codes(contig)
        reading = _ContigReading(self, contig, memoryview(codes))  # type: ignore[arg-type]
        for record in records:
            reading.add(record)
        position, p, reading.counts.rows_scaled = reading.rows.rows(
            codes, self.settings.min_frequency
        )
        digest = self.genome.sequence_digest(contig)
        path = write_rows(
            self.folder,
            contig,
            position,
            p,
            length=len(codes),
            sequence_digest=digest,
            haploid=contig in self.haploid,
        )
        self.total.add(reading.counts)
        self.comparable += reading.comparable
        self.contigs[contig] = {
            "place": list(self.genome.lengths).index(contig),
            "vcf_name": vcf_name,
            "file": path.name,
            "length": len(codes),
            "sequence_digest": digest,
            "haploid": contig in self.haploid,
            "replaced_letters": self.genome.replaced_letters[contig],
            "positions": len(position),
            **reading.counts.to_json(),
        }

    def _check_shared(self) -> None:
        matched = set(self.matched.values())
        if not matched:
            raise no_shared_contig(
                self.genome.path, self.genome.lengths, self.reader.path, self._vcf_names()
            )
        missing = [contig for contig in self.wanted if contig not in matched]
        if missing:
            raise UserError(
                f"has no contig {sorted(missing)[0]} under any name",
                file=self.reader.path,
                remedy="leave that --contig out",
            )

    def _check_mismatches(self) -> None:
        wrong = self.total.dropped[MISMATCH]
        if not wrong:
            return
        summary = (
            f"{wrong:,} of {self.comparable:,} comparable records disagree with the FASTA, "
            f"first {'; '.join(self.mismatches)}"
        )
        if wrong > MAX_MISMATCHES * self.comparable:
            raise UserError(
                f"{wrong:,} of {self.comparable:,} comparable records have another REF than "
                f"{self.genome.path}, first {self.mismatches[0]}",
                file=self.reader.path,
                remedy="give the VCF and the FASTA of the same assembly",
            )
        log.warning("%s", summary)


class _ContigReading:
    """Judges the records of one contig and collects what their alleles change."""

    def __init__(self, table: _TableBuilder, contig: str, codes: memoryview) -> None:
        self.table = table
        self.contig = contig
        self.codes = codes
        self.cutoff = table.settings.min_frequency + ROUNDING
        self.frequencies = FrequencyReader(
            table.settings.frequency_field, table.reader.header.info_numbers
        )
        self.counts = Counts(sources_dropped=self.frequencies.sources_dropped)
        self.rows = RowBuilder()
        self.comparable = 0

    def add(self, record: Record) -> None:
        self.counts.read += 1
        reason = self._against_reference(record) or self._use(record)
        if reason:
            self.counts.dropped[reason] += 1
        else:
            self.counts.used += 1

    def _against_reference(self, record: Record) -> str:
        """Compare REF with the FASTA first: a wrong assembly must show whatever is dropped."""
        end = record.start + len(record.reference)
        if record.start < 0:
            return BEFORE_START
        if end > len(self.codes):
            return BEYOND_END
        expected = self.codes[record.start : end]
        given = record.reference.encode("ascii", "replace").translate(_CODES)
        if expected == given:
            self.comparable += 1
            return ""
        if _N in bytes(expected):
            return REFERENCE_N
        if b"\xff" in given:
            return NOT_ACGT
        self.comparable += 1
        self._show_mismatch(record, bytes(expected))
        return MISMATCH

    def _show_mismatch(self, record: Record, expected: bytes) -> None:
        if len(self.table.mismatches) < SHOWN_MISMATCHES:
            letters = "".join("AGTCN"[code] for code in expected[:20])
            self.table.mismatches.append(
                f"{record.contig}:{record.start + 1} (line {record.line}) "
                f"REF {record.reference[:20]}, FASTA {letters}"
            )

    def _use(self, record: Record) -> str:
        """Add a record's alleles; return why none could be used."""
        fields = info_fields(record.info)
        if self.table.only_common and not is_common(fields):
            return NOT_COMMON
        if record.alternates == ["."]:
            return NO_ALTERNATE
        plain = [why_not_plain(alternate) for alternate in record.alternates]
        if all(plain):
            return self._drop_alleles([reason for reason in plain if reason])
        means, reason = self.frequencies.alternates(fields, len(record.alternates))
        if reason:
            return reason
        reasons = [
            why or self._add_allele(record, alternate, frequency)
            for why, alternate, frequency in zip(plain, record.alternates, means, strict=True)
        ]
        dropped = [reason for reason in reasons if reason]
        unused = self._drop_alleles(dropped)
        return unused if len(dropped) == len(reasons) else ""

    def _drop_alleles(self, reasons: list[str]) -> str:
        """Count dropped alleles; return the reason for the record should none be left."""
        self.counts.alleles_dropped.update(reasons)
        return BELOW_CUTOFF if BELOW_CUTOFF in reasons else next(iter(reasons), "")

    def _add_allele(self, record: Record, alternate: str, frequency: float | None) -> str:
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
        for position, state in states:
            self.rows.add(position, state, frequency)
        return ""


def _haploid_contigs(genome: Genome, names: tuple[str, ...]) -> set[str]:
    """Return the FASTA contigs that are one of ``names``, by name or chromosome."""
    chromosomes = {chromosome_of(name) for name in names} - {None}
    return {
        contig
        for contig in genome.lengths
        if contig in names or chromosome_of(contig) in chromosomes
    }
