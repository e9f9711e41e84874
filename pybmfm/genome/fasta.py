"""Read a FASTA as base codes: plain, gzip or bgzip, indexed or not, from read-only folders."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, check_contigs
from pybmfm.genome.bases import complement_bases, decode_bases
from pybmfm.genome.byte_ranges import BgzipRanges, ByteRanges
from pybmfm.genome.compression import broken_file, compression_of, has_bgzip_end, open_bytes
from pybmfm.genome.fasta_letters import check_head, read_letters
from pybmfm.genome.fasta_records import FastaRecord, IndexMisfit, find_records, read_index
from pybmfm.genome.formats import foreign_format

log = logging.getLogger("pybmfm")

_FETCH = 1 << 24
_HEAD = 1 << 16
_LINE_ENDS = b"\r\n"


class Genome:
    """A reference genome as codes 0-4 (A G T C N); a context manager.

    Parameters
    ----------
    path
        FASTA, plain, gzip or bgzip, with any line ends. A .fai beside it is used where its entries
        fit the file, whatever its date; otherwise a line says so and the file is read without it.

    Attributes
    ----------
    path : Path
    lengths : dict of str to int
        Nucleotides per contig, in the order of the file.
    replaced_letters : dict of str to int
        Letters outside ACGTUN that became N, for each contig read so far.
    uracils : dict of str to int
        U read as T, for each contig read so far.

    Raises
    ------
    UserError
        If the file is missing, empty, truncated, not a FASTA or no DNA, a name occurs twice, or
        SAM does not allow one.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.replaced_letters: dict[str, int] = {}
        self.uracils: dict[str, int] = {}
        self._told = (0, 0)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._cached: tuple[str, NDArray[np.uint8]] | None = None
        self._digests: dict[str, str] = {}
        _check_is_fasta(self.path)
        try:
            self._source, records = self._open()
        except BaseException:
            self._remove_temporary()
            raise
        self._records = {record.name: record for record in records}
        self.lengths: dict[str, int] = {record.name: record.length for record in records}
        try:
            check_contigs(self.lengths, self.path)
            if not sum(self.lengths.values()):
                raise _no_sequence(self.path)
        except UserError:
            self.close()
            raise

    def __enter__(self) -> Genome:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:  # an error is to be the only line
            self.note_replaced_letters()
        self.close()

    def close(self) -> None:
        """Close the file and remove temporary ones."""
        self._source.close()
        self._cached = None
        self._remove_temporary()

    def codes(self, contig: str, start: int = 0, end: int | None = None) -> NDArray[np.uint8]:
        """Return codes of ``[start, end)``, a read-only view of the cached contig.

        Parameters
        ----------
        contig
            A name of ``lengths``.
        start, end
            0-based half-open; ``end`` None is the contig's end.

        Raises
        ------
        UserError
            If the contig is unknown or the file is broken.
        ValueError
            If the coordinates lie outside the contig.
        """
        whole = self._contig(contig)
        end = len(whole) if end is None else end
        if not 0 <= start <= end <= len(whole):
            raise ValueError(f"{contig}:{start}-{end} lies outside its {len(whole)} nucleotides")
        return whole[start:end]

    def text(self, contig: str, start: int, end: int, strand: str = "+") -> str:
        """Return the letters of ``[start, end)``, read on a strand; errors as :meth:`codes`."""
        codes = self.codes(contig, start, end)
        return decode_bases(complement_bases(codes[::-1]) if strand == "-" else codes)

    def sequence_digest(self, contig: str) -> str:
        """Return the SHA-256 of a contig's upper-case ACGTN letters, in hexadecimal."""
        if contig not in self._digests:
            codes = self._contig(contig)
            digest = hashlib.sha256()
            for start in range(0, len(codes), _FETCH):
                digest.update(decode_bases(codes[start : start + _FETCH]).encode())
            self._digests[contig] = digest.hexdigest()
        return self._digests[contig]

    def note_replaced_letters(self) -> int:
        """Return how many letters of the contigs read so far became N, and log it once if any."""
        sentence = self.replaced_sentence()
        if sentence:
            log.info("%s", sentence)
        return sum(self.replaced_letters.values())

    def replaced_sentence(self) -> str:
        """Return what became of letters outside ACGTN, empty if there were none or it was told."""
        counts = replaced, uracils = (
            sum(self.replaced_letters.values()),
            sum(self.uracils.values()),
        )
        told, self._told = self._told, counts
        if counts == told:
            return ""
        sentence = f"{replaced:,} letters outside ACGTN were read as N"
        return f"{sentence}, {uracils:,} U as T" if uracils else sentence

    def _contig(self, contig: str) -> NDArray[np.uint8]:
        if self._cached is None or self._cached[0] != contig:
            if contig not in self.lengths:
                raise UserError(
                    f"has no contig {contig}", file=self.path, remedy="use a name of the FASTA"
                )
            self._cached = None
            self._cached = (contig, self._read(contig))
        return self._cached[1]

    def _read(self, contig: str) -> NDArray[np.uint8]:
        codes, counts = read_letters(self._source, self._records[contig])
        self.replaced_letters[contig] = counts["replaced"]
        self.uracils[contig] = counts["uracils"]
        return codes

    def _open(self) -> tuple[ByteRanges, list[FastaRecord]]:
        kind = compression_of(self.path)
        if kind == "bgzip" and not has_bgzip_end(self.path):
            raise broken_file(self.path)
        if kind == "gzip":
            # Plain gzip has no random access: read it once into the temporary folder.
            self._temporary = tempfile.TemporaryDirectory(prefix="pybmfm-fasta-")
            unpacked = Path(self._temporary.name) / "genome.fa"
            _unpack(self.path, unpacked)
            source = ByteRanges(unpacked, self.path)
        else:
            source = (BgzipRanges if kind == "bgzip" else ByteRanges)(self.path)
        try:
            return source, self._indexed_records(source, kind) or find_records(source)
        except BaseException:
            source.close()
            raise

    def _indexed_records(self, source: ByteRanges, kind: str) -> list[FastaRecord] | None:
        index = Path(f"{self.path}.fai")
        if kind == "gzip" or not index.is_file():
            return None
        try:
            return read_index(index, source)
        except IndexMisfit as misfit:
            log.warning("%s is not used, for it does not fit the FASTA: %s", index, misfit)
            return None

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


def _check_is_fasta(path: Path) -> None:
    with open_bytes(path) as handle:
        head = handle.read(_HEAD)
    foreign = foreign_format(head)
    if foreign is not None:
        raise UserError(f"is {foreign.name}, not a FASTA", file=path, remedy=foreign.remedy)
    head = head.lstrip(_LINE_ENDS)
    if not head.strip():
        raise UserError("is empty", file=path, remedy="give a FASTA with sequence")
    if head.startswith(b";"):
        raise UserError(
            "begins with a comment (';')", file=path, remedy="remove the lines that begin with ';'"
        )
    if not head.startswith(b">"):
        raise UserError(
            "is not a FASTA, its first line does not start with '>'",
            file=path,
            place="line 1",
            remedy="give a FASTA (.fa, .fa.gz)",
        )
    check_head(path, head)


def _no_sequence(path: Path) -> UserError:
    return UserError("holds no sequence", file=path, remedy="give a whole FASTA")


def _unpack(source: Path, target: Path) -> None:
    try:
        with open_bytes(source) as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out, _FETCH)
    except OSError as error:
        raise UserError(
            f"cannot be decompressed into {target.parent} ({error.strerror or error})",
            file=source,
            remedy="set TMPDIR to a folder with space, or compress the FASTA with bgzip",
        ) from error
