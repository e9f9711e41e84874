"""SNPs of a VCF or table against the reference genome: where they lie, or why they do not count."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pybmfm.core import UserError
from pybmfm.genome import BASES, N_CODE, Genome, match_contigs

NOT_IN_FASTA = "contig_not_in_fasta"
BEYOND_END = "beyond_contig_end"
NOT_SNV = "not_snv"
NO_ALTERNATE = "no_alternate"
REFERENCE_N = "reference_n"
MISMATCH = "reference_mismatch"
BAD_POSITION = "no_position"
# As for variants elsewhere: a file of another assembly is refused, single slips are counted.
COMPARABLE_TO_JUDGE, MAX_MISMATCHES = 200, 0.01


class Snp(NamedTuple):
    """A position of the genome and its alleles; 0-based, plus strand, no alternate if unknown."""

    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]


class SnpSites:
    """Places the records of one file on a genome.

    Parameters
    ----------
    genome
        The reference.
    file
        Where the records stand, for messages.
    aliases
        Other name -> FASTA name of contigs; before all other matching.
    lengths
        Contig lengths that the file gives.
    """

    def __init__(
        self,
        genome: Genome,
        file: Path,
        aliases: Mapping[str, str] | None = None,
        lengths: Mapping[str, int] | None = None,
    ) -> None:
        self.genome = genome
        self.file = file
        # All at once: a length says nothing where two contigs have it.
        known = dict(lengths or {})
        matched = match_contigs(genome.lengths, known, known)
        together = {name: matched.get(name) for name in known}
        self._contigs: dict[str, str | None] = {**together, **(aliases or {})}
        self._comparable = self._mismatches = 0

    def contig(self, name: str) -> str | None:
        """Return the FASTA's name of a contig, None if it has none."""
        if name not in self._contigs:
            alone = match_contigs(self.genome.lengths, [name], beside=self._contigs)
            self._contigs[name] = alone.get(name)
        return self._contigs[name]

    def base(self, contig: str, position: int) -> str:
        """Return the reference base, upper case; empty outside the contig."""
        if not 0 <= position < self.genome.lengths[contig]:
            return ""
        return BASES[self.genome.codes(contig)[position]]

    def snp(self, contig_name: str, pos1: str, ref: str, alt: str) -> Snp | str:
        """Return the SNP of a VCF record, or the reason why it is none.

        Of several alternates those of one base are kept.
        """
        contig = self.contig(contig_name)
        if contig is None:
            return NOT_IN_FASTA
        if alt in (".", ""):
            return NO_ALTERNATE
        alts = tuple(one for one in alt.upper().split(",") if one in ("A", "C", "G", "T"))
        if len(ref) != 1 or not alts:
            return NOT_SNV
        return self._compared(contig, int(pos1) - 1, ref.upper(), alts)

    def at_position(self, contig_name: str, pos1: str) -> Snp | str:
        """Return the place of a table's coordinates, alternate unknown, or the reason."""
        contig = self.contig(contig_name)
        if not contig_name or not pos1.isdigit() or pos1 == "0":
            return BAD_POSITION
        if contig is None:
            return NOT_IN_FASTA
        base = self.base(contig, int(pos1) - 1)
        if base in ("", BASES[N_CODE]):
            return REFERENCE_N if base else BEYOND_END
        return Snp(contig, int(pos1) - 1, base, ())

    def check_assembly(self) -> None:
        """Refuse a file that disagrees with the genome.

        Raises
        ------
        UserError
            If more than 1 % of at least 200 comparable records have another reference base.
        """
        if self._comparable < COMPARABLE_TO_JUDGE:
            return
        if self._mismatches > MAX_MISMATCHES * self._comparable:
            raise UserError(
                f"disagrees with {self.genome.path} at {self._mismatches:,} of "
                f"{self._comparable:,} comparable records",
                file=self.file,
                remedy="give the FASTA of the file's assembly",
            )

    def _compared(self, contig: str, position: int, ref: str, alts: tuple[str, ...]) -> Snp | str:
        base = self.base(contig, position)
        if base in ("", BASES[N_CODE]):
            return REFERENCE_N if base else BEYOND_END
        self._comparable += 1
        if base != ref:
            self._mismatches += 1
            return MISMATCH
        others = tuple(one for one in alts if one != ref)
        return Snp(contig, position, ref, others) if others else NO_ALTERNATE


def record_columns(line: bytes, number: int, path: Path) -> list[str]:
    """Split a VCF record into its first eight columns.

    Raises
    ------
    UserError
        If there are fewer, or POS is no number.
    """
    columns = line.decode("utf-8", "replace").split("\t", 8)[:8]
    place, remedy = f"line {number}", "give a VCF with tab-separated columns"
    if len(columns) < 8:
        problem = f"has {len(columns)} tab-separated columns, a record 8 or more"
        raise UserError(problem, file=path, place=place, remedy=remedy)
    if not columns[1].isdigit():
        raise UserError(
            f"POS '{columns[1]}' is not a number", file=path, place=place, remedy=remedy
        )
    return columns
