"""Whether the records of a VCF belong to the reference they are used with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pybmfm.core import UserError
from pybmfm.genome import Genome, match_contigs
from pybmfm.inference.vcf_text import VcfRecord, VcfText
from pybmfm.tasks.snp_sites import BEYOND_END, MISMATCH, NOT_IN_FASTA, REFERENCE_N
from pybmfm.variants.vcf import MAX_LEFT_OUT, no_shared_contig, records_left_out

OTHER_LETTERS = "reference_letters_outside_acgt"

# A file for another assembly disagrees at most records, which shows early; at the end a share
# that is too large for a few odd records stops as well, in files large enough to tell.
COMPARABLE_BEFORE_STOP, MISMATCHES_TO_STOP = 20, 0.5
COMPARABLE_AT_END, MISMATCHES_AT_END = 200, 0.01


class ReferenceCheck:
    """Judges records one by one, and the file as a whole.

    Parameters
    ----------
    genome, fasta
        The reference, and its name for messages.
    vcf
        Opened.

    Attributes
    ----------
    comparable, mismatches
        Records whose REF could be compared, and those that disagree.
    first_mismatch
        A sentence on the first of them, or empty.
    """

    def __init__(self, genome: Genome, fasta: Path, vcf: VcfText) -> None:
        self._genome, self._fasta, self._vcf = genome, fasta, vcf
        # All at once: a length says nothing where two contigs have it.
        self._lengths = {name: n for name, n in vcf.contigs.items() if n is not None}
        matched = match_contigs(genome.lengths, vcf.contigs, self._lengths)
        self._contigs: dict[str, str | None] = {name: matched.get(name) for name in vcf.contigs}
        self._records: Counter[str] = Counter()
        self.comparable = self.mismatches = 0
        self.first_mismatch = ""

    def contig(self, record: VcfRecord) -> str | None:
        """Return the FASTA's name of a record's contig, None if it has none."""
        name = record.contig
        if name not in self._contigs:
            alone = match_contigs(self._genome.lengths, [name], beside=self._contigs)
            self._contigs[name] = alone.get(name)
        return self._contigs[name]

    def why_unusable(self, record: VcfRecord) -> str:
        """Return the reason why a record's place cannot be read, or an empty string.

        To be asked once of every record, for it counts them.
        """
        contig = self.contig(record)
        self._records[record.contig] += 1
        if contig is None:
            return NOT_IN_FASTA
        end = record.start + len(record.ref)
        if record.start < 0 or end > self._genome.lengths[contig]:
            return BEYOND_END
        reference = self._genome.text(contig, record.start, end)
        if "N" in reference or set(record.ref) - set("ACGT"):
            return REFERENCE_N if "N" in reference else OTHER_LETTERS
        self.comparable += 1
        if record.ref == reference:
            return ""
        self.mismatches += 1
        self.first_mismatch = self.first_mismatch or (
            f"{contig}:{record.start + 1} (line {record.line_number}) "
            f"REF {record.ref[:20]}, FASTA {reference[:20]}"
        )
        return MISMATCH

    def stop_early(self) -> None:
        """Stop as soon as it shows that the VCF is of another assembly.

        Raises
        ------
        UserError
            If REF disagrees at more than half of the records, once 20 could be compared.
        """
        self._stop_above(COMPARABLE_BEFORE_STOP, MISMATCHES_TO_STOP, "the first ")

    def stop_at_end(self) -> None:
        """Judge the whole file.

        Raises
        ------
        UserError
            If it shares no contig with the FASTA, most records lie on contigs that the FASTA has
            not, or REF disagrees at more than 1 % of at least 200 records.
        """
        self._stop_elsewhere()
        self._stop_above(COMPARABLE_AT_END, MISMATCHES_AT_END, "")

    def _stop_elsewhere(self) -> None:
        read = self._records.total()
        left_out = {name: n for name, n in self._records.items() if self._contigs[name] is None}
        if read and len(left_out) == len(self._records):
            raise no_shared_contig(
                self._fasta, self._genome.lengths, self._vcf.path, sorted(left_out)
            )
        if sum(left_out.values()) > MAX_LEFT_OUT * read:
            raise records_left_out(
                self._fasta, self._genome.lengths, self._vcf.path, self._lengths, left_out, read
            )

    def _stop_above(self, at_least: int, share: float, which: str) -> None:
        if self.comparable >= at_least and self.mismatches > share * self.comparable:
            raise UserError(
                f"REF disagrees with the FASTA at {self.mismatches:,} of {which}"
                f"{self.comparable:,} comparable records, first {self.first_mismatch}",
                file=self._vcf.path,
                remedy=f"give the VCF of the assembly in {self._fasta}",
            )
