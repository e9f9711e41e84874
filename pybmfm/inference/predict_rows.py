"""What a fine-tuned model is applied to: rows of a table, each with its text or a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.inference.sequences import read_sequences
from pybmfm.inference.vcf_reference import ReferenceCheck
from pybmfm.inference.vcf_text import VcfRecord, VcfText, open_vcf
from pybmfm.tasks.snp_sites import NO_ALTERNATE, NOT_SNV, Snp
from pybmfm.tasks.snp_windows import snp_windows

VCF_COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT")
CHECK_EVERY = 64


@dataclass(frozen=True)
class Row:
    """A row of the output before its scores.

    Attributes
    ----------
    columns
        What identifies it.
    text
        What the model reads; empty where it cannot be used.
    note
        Why not.
    has_note
        Whether the table has a column for it.
    """

    columns: dict[str, str]
    text: str
    note: str = ""
    has_note: bool = False


def sequence_rows(path: Path, alphabet: str, counts: dict[str, int]) -> Iterator[Row]:
    """Yield the sequences of a FASTA or table, by their ``id``.

    ``counts`` gets ``letters_replaced`` and ``uracils_read_as_t``.
    """
    read = read_sequences(path, alphabet)
    counts |= {"letters_replaced": read.replaced_letters, "uracils_read_as_t": read.uracils}
    for name, text in zip(read.ids, read.sequences, strict=True):
        yield Row({"id": name}, text)


def variant_rows(
    stack: ExitStack, fasta: Path, vcf: Path, flank: int, encoded: bool
) -> Iterator[Row]:
    """Yield a row for each record and alternate of a VCF, with the window of a SNP.

    Parameters
    ----------
    stack
        Closes the files.
    encoded
        Whether the middle is the symbol of REF and ALT, or the reference base.

    Raises
    ------
    UserError
        If a file is missing or malformed, has no record, or the two are of different assemblies.
    """
    text = stack.enter_context(open_vcf(vcf))
    genome = stack.enter_context(Genome(fasta))
    return _variant_rows(text, genome, ReferenceCheck(genome, fasta, text), flank, encoded)


def _variant_rows(
    vcf: VcfText, genome: Genome, reference: ReferenceCheck, flank: int, encoded: bool
) -> Iterator[Row]:
    number = 0
    for number, record in enumerate(vcf.records(), start=1):
        reason = reference.why_unusable(record)
        contig = reference.contig(record)
        for alt in record.alts or ["."]:
            note = reason or _why_no_snp(record.ref, alt)
            window = ""
            if not note and contig is not None:
                snp = Snp(contig, record.start, record.ref, (alt,))
                (window,) = snp_windows(genome, [snp], flank, encoded)
            yield Row(_columns(record, alt), window, note, has_note=True)
        if number % CHECK_EVERY == 0:
            reference.stop_early()
    if number == 0:
        raise UserError("has no record", file=vcf.path, remedy="give a VCF with variants")
    reference.stop_early()
    reference.stop_at_end()


def _columns(record: VcfRecord, alt: str) -> dict[str, str]:
    fields = [column.decode("utf-8", "replace") for column in record.columns[:4]]
    return dict(zip(VCF_COLUMNS, [*fields, alt], strict=True))


def _why_no_snp(ref: str, alt: str) -> str:
    if alt == ".":
        return NO_ALTERNATE
    return "" if len(ref) == 1 and alt in ("A", "C", "G", "T") and alt != ref else NOT_SNV
