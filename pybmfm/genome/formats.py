"""What a file is that was given for something else, by its first bytes."""

from __future__ import annotations

from typing import NamedTuple

from pybmfm.core.text_files import BZIP2, UTF16_MARKS, XZ, ZIP, ZSTD

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Format(NamedTuple):
    """What a file is, and what to do about it."""

    name: str
    remedy: str


_UNPACK = "unpack it, or compress it with bgzip or gzip"
_OTHER = "give the file itself, not this one"
_AS_UTF8 = "save it as UTF-8"

# No text begins with one of these.
_PACKED = {
    BZIP2: Format("a bzip2 file", _UNPACK),
    XZ: Format("an xz file", _UNPACK),
    ZIP: Format("a zip file (or a spreadsheet)", _UNPACK),
    b"PK\5\6": Format("an empty zip file", _UNPACK),
    ZSTD: Format("a zstd file", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": Format("a 7z file", _UNPACK),
    b"\x1f\x9d": Format("a file of compress (.Z)", _UNPACK),
    **dict.fromkeys(UTF16_MARKS, Format("UTF-16 text", _AS_UTF8)),
}
_BINARY = {
    b"\x43\x27\x41\x1a": Format("a 2bit file", "turn it into FASTA with twoBitToFa"),
    b"\x1a\x41\x27\x43": Format("a 2bit file", "turn it into FASTA with twoBitToFa"),
    b"BAM\1": Format("a BAM file", "turn it into what is asked for with samtools"),
    b"CRAM": Format("a CRAM file", "turn it into what is asked for with samtools"),
    b"BCF\2": Format("a BCF file", "turn it into VCF with bcftools view"),
    b"BCF\4": Format("a BCF file", "turn it into VCF with bcftools view"),
    b"PAR1": Format("a Parquet file", "name it .parquet where a table is read"),
}
_TEXT = {
    b"##fileformat=VCF": Format("a VCF", "swap the files or the options"),
    b"##gff-version": Format("a GFF file", "swap the files or the options"),
    b"LOCUS ": Format("a GenBank file", "turn it into FASTA"),
    b"ID   ": Format("an EMBL file", "turn it into FASTA"),
    b"@HD\t": Format("a SAM file", "turn it into FASTA with samtools fasta"),
    b"@SQ\t": Format("a SAM file", "turn it into FASTA with samtools fasta"),
    b"version https://git-lfs": Format("a pointer of Git LFS", "fetch the file with git lfs pull"),
    b"<!DOCTYPE": Format("a web page", _OTHER),
    b"<!doctype": Format("a web page", _OTHER),
    b"<html": Format("a web page", _OTHER),
    b"<?xml": Format("an XML file", _OTHER),
}


def packed_format(head: bytes) -> Format | None:
    """Name a compression or text encoding that none of our readers takes; None for others."""
    return _begun_by(head, _PACKED)


def foreign_format(head: bytes) -> Format | None:
    """Name a format that people give for another one.

    Parameters
    ----------
    head
        The first bytes of the file, decompressed; a few hundred are enough.
    """
    known = packed_format(head) or _begun_by(head, _BINARY) or _begun_by(head.lstrip(), _TEXT)
    if known is None and _is_fastq(head.lstrip()):
        return Format("a FASTQ file", "turn it into FASTA with seqtk seq -A or samtools fasta")
    return known


def _begun_by(head: bytes, known: dict[bytes, Format]) -> Format | None:
    return next((form for begin, form in known.items() if head.startswith(begin)), None)


def _is_fastq(head: bytes) -> bool:
    lines = head.splitlines()
    return len(lines) > 2 and lines[0].startswith(b"@") and lines[2].startswith(b"+")
