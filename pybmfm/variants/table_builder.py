"""Build a frequency table contig by contig while its VCF is gone through."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import UserError
from pybmfm.genome import Genome, assembly_of, chromosome_of, find_contig, match_contigs
from pybmfm.variants.contig_records import (
    Changed,
    ContigRecords,
    ParsedBlock,
    SkippedContig,
    add_up,
    compile_plan,
)
from pybmfm.variants.counts import (
    COMPARABLE,
    READ,
    Counts,
    Tally,
    check_used,
    count_sections,
)
from pybmfm.variants.density import Density, density_of, write_density
from pybmfm.variants.frequencies import frequency_plan
from pybmfm.variants.judge import MISMATCH
from pybmfm.variants.record_walk import RecordWalk, shown
from pybmfm.variants.table import write_rows
from pybmfm.variants.vcf import MAX_LEFT_OUT, VcfReader, no_shared_contig, records_left_out

if TYPE_CHECKING:
    from pybmfm.variants.build import FrequencySettings

log = logging.getLogger("pybmfm")

MAX_MISMATCHES = 0.01
SHOWN_MISMATCHES = 3
_ASSEMBLY_WORDS = {"GRCh37": "GRCh37", "hg19": "GRCh37", "b37": "GRCh37", "hs37": "GRCh37",
                   "GRCh38": "GRCh38", "hg38": "GRCh38", "hs38": "GRCh38"}  # fmt: skip


class TableBuilder:
    """One pass over a VCF; a visitor of `RecordWalk`.

    Parameters
    ----------
    settings
        What is to be done.
    genome
        The reference.
    reader
        The VCF.
    aliases
        VCF name -> FASTA name, before any other way to match contigs.
    folder
        Where the files of the table are written.
    """

    def __init__(
        self,
        settings: FrequencySettings,
        genome: Genome,
        reader: VcfReader,
        aliases: Mapping[str, str],
        folder: Path,
    ) -> None:
        self.settings = settings
        self.genome = genome
        self.reader = reader
        self.folder = folder
        self.wanted = {find_contig(genome.lengths, c, genome.path) for c in settings.contigs}
        self.aliases = aliases
        self.left_out: Counter[str] = Counter()
        self.matched: dict[str, str] = {}
        self.matched |= self._matches(reader.header.contigs)
        self.haploid = _haploid_contigs(genome, settings.haploid)
        self.plan = frequency_plan(
            settings.frequency_field,
            reader.header.info_numbers,
            settings.sources,
            settings.filters,
        )
        self.compiled_plan = compile_plan(self.plan)
        self.field_names = [one.name for one in self.plan.fields]
        self.assembly = assembly_of(genome.lengths)
        self._check_assembly(reader.header.contigs)
        self.only_common = settings.records == "common" or (
            settings.records == "auto" and reader.has_common_key()
        )
        self.total = Counts()
        self.contigs: dict[str, dict[str, Any]] = {}
        self.density: dict[str, Density] = {}
        self.mismatches: list[str] = []
        self.comparable = 0
        self._starts = reader.starts if self.wanted else None
        self._walk = RecordWalk(reader.blocks, self, settings.threads, self._first_start())
        self._name = b""
        self._contig: str | None = None
        self._skipped = False
        self._tally = Tally.empty(len(self.field_names))
        self._changes: list[Changed] = []

    def build(self) -> dict[str, Any]:
        """Read the VCF, write the files, and return the sections of the manifest."""
        self._walk.run()
        self._check_shared()
        for vcf_name, contig in self.matched.items():
            # A contig that the header names has a file also when no record is on it.
            if contig not in self.contigs and self._is_wanted(contig):
                self.open(vcf_name.encode())
                self.close()
        self._check_mismatches()
        self._check_sources()
        if not self.wanted:
            # A contig alone may be without: the table that its part goes into may not.
            check_used(self.total, self.reader.path)
        self._tell_mismatches()
        assert self.total.read == self.total.used + sum(self.total.dropped.values())
        shared = set(self.matched.values())
        in_order = [contig for contig in self.genome.lengths if contig in self.contigs]
        write_density(self.folder, {contig: self.density[contig] for contig in in_order})
        return {
            **count_sections(self.total),
            "record_choice": "common" if self.only_common else "all",
            "assembly": self.assembly or _assembly_of_words(self.reader.header.reference),
            "contigs": {contig: self.contigs[contig] for contig in in_order},
            "contigs_only_in_fasta": [c for c in self.genome.lengths if c not in shared],
            "contigs_only_in_vcf": [c for c in self._vcf_names() if c not in self.matched],
            "records_only_in_vcf": self._records_left_out(),
        }

    def open(self, name: bytes) -> ContigRecords | SkippedContig | None:
        """Begin a contig; with ``--contig`` the others are not looked at."""
        vcf_name = shown(name)
        self._check_assembly({vcf_name: None})
        # The header's contigs were matched together, which one alone cannot make better.
        if vcf_name not in self.matched and vcf_name not in self.reader.header.contigs:
            self.matched.update(self._matches([vcf_name]))
        self._name, self._contig = name, self.matched.get(vcf_name)
        self._skipped = not self._is_wanted(self._contig)
        if self._skipped:
            return None if self._is_complete() else SkippedContig(name)
        if self._contig in self.contigs:
            raise UserError(
                f"has contig {self._contig} under two names, "
                f"{self.contigs[self._contig]['vcf_name']} and {vcf_name}",
                file=self.settings.vcf,
                remedy="give every contig one name",
            )
        codes = None if self._contig is None else self.genome.codes(self._contig)
        self._tally = Tally.empty(len(self.field_names))
        return ContigRecords(
            name,
            codes,
            self.plan,
            self.compiled_plan,
            self.only_common,
            self.settings.min_frequency,
        )

    def absorb(self, block: ParsedBlock, line: int) -> None:
        """Take the records of a block; ``line`` is the number of its first line."""
        if block.tally is None:
            if self._skipped and self._contig is None:
                self.left_out[shown(self._name)] += block.lines
            return
        self._tally.add(block.tally)
        if block.changes is not None and len(block.changes.start):
            self._changes.append(block.changes)
        for mismatch in block.mismatches:
            if len(self.mismatches) < SHOWN_MISMATCHES:
                self._show_mismatch(mismatch.start, mismatch.reference, line + mismatch.line)

    def close(self) -> None:
        """End a contig: write its rows and keep its counts."""
        if self._skipped:
            return
        if self._contig is None:
            records = int(self._tally.totals[READ])
            self.left_out[shown(self._name)] += records
            self.total.add(Counts.not_in_fasta(records))
            return
        self._write_contig(self._contig)
        self.comparable += int(self._tally.totals[COMPARABLE])

    def _write_contig(self, contig: str) -> None:
        codes = self.genome.codes(contig)
        rows = add_up(self._changes, codes, self.settings.min_frequency)
        counts = Counts.of_contig(self._tally, self.field_names, rows)
        digest = self.genome.sequence_digest(contig)
        haploid = contig in self.haploid
        path = write_rows(
            self.folder,
            contig,
            rows.position,
            rows.p,
            length=len(codes),
            sequence_digest=digest,
            haploid=haploid,
        )
        self.total.add(counts)
        self.density[contig] = density_of(rows.position, len(codes))
        self.contigs[contig] = {
            "place": list(self.genome.lengths).index(contig),
            "vcf_name": shown(self._name),
            "file": path.name,
            "length": len(codes),
            "sequence_digest": digest,
            "haploid": haploid,
            "replaced_letters": self.genome.replaced_letters[contig],
            "positions": len(rows.position),
            **counts.to_json(),
        }

    def _matches(self, names: Collection[str]) -> dict[str, str]:
        header = self.reader.header
        beside = [*header.contigs, *self.matched, *self.left_out]
        matched = match_contigs(self.genome.lengths, names, header.lengths, beside)
        return {
            name: self.aliases.get(name) or matched[name]
            for name in names
            if name in self.aliases or name in matched
        }

    def _is_wanted(self, contig: str | None) -> bool:
        return not self.wanted or contig in self.wanted

    def _first_start(self) -> tuple[int, int]:
        """Where the first wanted contig begins, by the index; the file's start without one."""
        if self._starts is None:
            return 0, 0
        names = {shown(name): start for name, start in self._starts.items()}
        self.matched.update(self._matches(list(names)))
        wanted = [names[name] for name in names if self.matched.get(name) in self.wanted]
        return min(wanted, default=(0, 0))

    def _is_complete(self) -> bool:
        """Whether an index says that no wanted contig is still to come."""
        if self._starts is None:
            return False
        coming = list(self._starts)
        after = coming[coming.index(self._name) :] if self._name in coming else coming
        return not any(self.matched.get(shown(name)) in self.wanted for name in after)

    def _records_left_out(self) -> dict[str, int] | None:
        """Return the records of contigs that the FASTA lacks; None where nobody counted them."""
        if self._starts is None:
            return dict(self.left_out)
        matched = self.matched | self._matches(self._vcf_names())
        left_out: dict[str, int] = {}
        for name, span in (self.reader.spans or {}).items():
            if shown(name) in matched:
                continue
            if span.records is None:
                return None
            left_out[shown(name)] = span.records
        return left_out

    def _vcf_names(self) -> list[str]:
        seen = self._starts if self._starts is not None else self._walk.contigs_seen
        return list(dict.fromkeys([*self.reader.header.contigs, *map(shown, seen)]))

    def _show_mismatch(self, start: int, reference: str, line: int) -> None:
        assert self._contig is not None
        codes = self.genome.codes(self._contig)[start : start + len(reference)]
        letters = "".join("AGTCN"[code] for code in codes[:20])
        self.mismatches.append(
            f"{shown(self._name)}:{start + 1} (line {self._walk.line_number(line)}) "
            f"REF {reference[:20]}, FASTA {letters}"
        )

    def _check_assembly(self, contigs: Mapping[str, int | None]) -> None:
        """Refuse a VCF whose accessions or lengths are those of the other assembly."""
        of_vcf = assembly_of(contigs)
        if of_vcf and self.assembly and of_vcf != self.assembly:
            raise UserError(
                f"is of {of_vcf} ({next(iter(contigs))} ...), but {self.genome.path} is of "
                f"{self.assembly}",
                file=self.reader.path,
                remedy="give the VCF and the FASTA of the same assembly",
            )
        self.assembly = self.assembly or of_vcf

    def _check_shared(self) -> None:
        matched = set(self.matched.values())
        if not matched:
            raise no_shared_contig(
                self.genome.path,
                self.genome.lengths,
                self.reader.path,
                self._vcf_names(),
                by_alias=True,
            )
        missing = [contig for contig in self.wanted if contig not in matched]
        if missing:
            raise UserError(
                f"has no contig {sorted(missing)[0]} under any name",
                file=self.reader.path,
                remedy="leave that --contig out",
            )

        left_out = self.left_out.total()
        if not self.wanted and left_out > MAX_LEFT_OUT * self.total.read:
            raise records_left_out(
                self.genome.path,
                self.genome.lengths,
                self.reader.path,
                self.reader.header.lengths,
                self.left_out,
                self.total.read,
                by_alias=True,
            )

    def _check_mismatches(self) -> None:
        wrong = self.total.dropped.get(MISMATCH, 0)
        if wrong > MAX_MISMATCHES * self.comparable:
            raise UserError(
                f"{wrong:,} of {self.comparable:,} comparable records have another REF than "
                f"{self.genome.path}, first {self.mismatches[0]}",
                file=self.reader.path,
                remedy="give the VCF and the FASTA of the same assembly",
            )

    def _tell_mismatches(self) -> None:
        if self.mismatches:
            log.warning(
                "%s of %s comparable records disagree with the FASTA, first %s",
                f"{self.total.dropped[MISMATCH]:,}",
                f"{self.comparable:,}",
                "; ".join(self.mismatches),
            )

    def _check_sources(self) -> None:
        """Refuse a --source that the file does not have; which it has takes another pass."""
        seen = self.compiled_plan[-1]
        if np.all(seen):
            return
        present = self.reader.source_names()
        missing = [name for name in self.settings.sources if name not in present]
        if missing:
            raise UserError(
                f"has no frequency source {missing[0]}",
                file=self.reader.path,
                remedy=f"give --source one of {', '.join(present[:20]) or 'none: no FREQ there'}",
            )


def _haploid_contigs(genome: Genome, names: tuple[str, ...]) -> set[str]:
    """Return the FASTA contigs that are one of ``names``, by name or chromosome."""
    chromosomes = {chromosome_of(name) for name in names} - {None}
    return {
        contig
        for contig in genome.lengths
        if contig in names or chromosome_of(contig) in chromosomes
    }


def _assembly_of_words(reference: str) -> str | None:
    found = {name for word, name in _ASSEMBLY_WORDS.items() if word.lower() in reference.lower()}
    return found.pop() if len(found) == 1 else None
