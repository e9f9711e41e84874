"""Read a FASTA as base codes: plain, gzip or bgzip, indexed or not, from read-only folders."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError, check_contigs
from pybmfm.genome.bases import complement_bases, decode_bases, encode_bases
from pybmfm.genome.compression import broken_file, compression_of, has_bgzip_end, open_bytes
from pybmfm.genome.formats import foreign_format
from pybmfm.genome.quiet import quiet_htslib

log = logging.getLogger("pybmfm")

_FETCH = 1 << 24


class Genome:
    """A reference genome as codes 0-4 (A G T C N); a context manager.

    Parameters
    ----------
    path
        FASTA, plain, gzip or bgzip. An index beside it is used when it is not older than the
        FASTA; otherwise one is made in a temporary folder, never beside the user's file.

    Attributes
    ----------
    path : Path
    lengths : dict of str to int
        Nucleotides per contig, in the order of the file.
    replaced_letters : dict of str to int
        Letters outside ACGTN that became N, for each contig read so far.

    Raises
    ------
    UserError
        If the file is missing, empty, truncated, or not a FASTA, or a contig has a name that
        SAM does not allow.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.replaced_letters: dict[str, int] = {}
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._cached: tuple[str, NDArray[np.uint8]] | None = None
        self._digests: dict[str, str] = {}
        _check_is_fasta(self.path)
        try:
            self._fasta = self._open()
        except BaseException:
            self._remove_temporary()
            raise
        self.lengths: dict[str, int] = dict(
            zip(self._fasta.references, self._fasta.lengths, strict=True)
        )
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
        self.close()

    def close(self) -> None:
        """Close the file and remove temporary indexes."""
        self._fasta.close()
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
        """Return, and log if any, how many letters of the contigs read so far became N."""
        replaced = sum(self.replaced_letters.values())
        if replaced:
            log.info("%s letters outside ACGTN were read as N", f"{replaced:,}")
        return replaced

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
        length = self.lengths[contig]
        codes = np.empty(length, dtype=np.uint8)
        replaced = 0
        for start in range(0, length, _FETCH):
            end = min(start + _FETCH, length)
            try:
                letters = self._fasta.fetch(contig, start, end)
            except (OSError, ValueError, KeyError) as error:
                raise broken_file(self.path, f"contig {contig}") from error
            if len(letters) != end - start:
                raise broken_file(self.path, f"contig {contig}")
            codes[start:end], unknown = encode_bases(letters)
            replaced += unknown
        codes.flags.writeable = False
        self.replaced_letters[contig] = replaced
        return codes

    def _open(self) -> Any:
        path, kind = self.path, compression_of(self.path)
        if kind == "bgzip" and not has_bgzip_end(path):
            raise broken_file(path)
        if kind != "gzip":
            index, block_index = Path(f"{path}.fai"), Path(f"{path}.gzi")
            needed = [index, block_index] if kind == "bgzip" else [index]
            if all(_is_current(file, path) for file in needed):
                return _open_indexed(path, index, block_index if kind == "bgzip" else None)
        _refuse_repeated_names(self.path)
        self._temporary = tempfile.TemporaryDirectory(prefix="pybmfm-fasta-")
        folder = Path(self._temporary.name)
        if kind == "gzip":
            # Plain gzip has no random access: read it once into the temporary folder.
            path, kind = folder / "genome.fa", "plain"
            _rewrite(self.path, path)
        index, block_index = folder / "genome.fai", folder / "genome.gzi"
        compressed = block_index if kind == "bgzip" else None
        if not _make_index(path, index, compressed):
            # Ragged line lengths are legal FASTA that an index cannot describe.
            path, compressed = folder / "even.fa", None
            _rewrite(self.path, path)
            if not _make_index(path, index, None):
                raise _no_sequence(self.path)
        return _open_indexed(path, index, compressed)

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


def _check_is_fasta(path: Path) -> None:
    with open_bytes(path) as handle:
        head = handle.read(1 << 16)
    foreign = foreign_format(head)
    if foreign is not None:
        raise UserError(f"is {foreign.name}, not a FASTA", file=path, remedy=foreign.remedy)
    head = head.lstrip()
    if not head:
        raise UserError("is empty", file=path, remedy="give a FASTA with sequence")
    if not head.startswith(b">"):
        raise UserError(
            "is not a FASTA, its first line does not start with '>'",
            file=path,
            place="line 1",
            remedy="give a FASTA (.fa, .fa.gz)",
        )


def _refuse_repeated_names(path: Path) -> None:
    """An index keeps the first of two contigs of one name: the second would be lost unseen."""
    seen: set[bytes] = set()
    with open_bytes(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith(b">"):
                name = (line[1:].split() or [b""])[0]
                if name in seen:
                    raise UserError(
                        f"names contig {name.decode(errors='replace')} twice",
                        file=path,
                        place=f"line {number}",
                        remedy="give every contig a name of its own",
                    )
                seen.add(name)


def _no_sequence(path: Path) -> UserError:
    return UserError("holds no sequence", file=path, remedy="give a whole FASTA")


def _is_current(index: Path, path: Path) -> bool:
    return index.is_file() and index.stat().st_mtime >= path.stat().st_mtime


def _open_indexed(path: Path, index: Path, block_index: Path | None) -> Any:
    import pysam

    with quiet_htslib():
        try:
            return pysam.FastaFile(
                str(path),
                filepath_index=str(index),
                filepath_index_compressed=None if block_index is None else str(block_index),
            )
        except (OSError, ValueError) as error:
            raise broken_file(path) from error


def _make_index(path: Path, index: Path, block_index: Path | None) -> bool:
    import pysam
    from pysam.utils import SamtoolsError

    blocks = [] if block_index is None else ["--gzi-idx", str(block_index)]
    with quiet_htslib():
        try:
            pysam.faidx("--fai-idx", str(index), *blocks, str(path))
        except SamtoolsError:
            return False
    return index.is_file() and index.stat().st_size > 0


def _rewrite(source: Path, target: Path) -> None:
    """Write ``source`` decompressed, each sequence on one line, without white space."""
    try:
        with open_bytes(source) as lines, target.open("wb") as out:
            first = True
            for line in lines:
                line = line.strip()
                if line.startswith(b">"):
                    out.write((b"" if first else b"\n") + line + b"\n")
                    first = False
                else:
                    out.write(line.replace(b" ", b""))
            out.write(b"\n")
    except OSError as error:
        shutil.rmtree(target.parent, ignore_errors=True)
        raise UserError(
            f"cannot be decompressed into {target.parent} ({error.strerror or error})",
            file=source,
            remedy="set TMPDIR to a folder with space, or compress the FASTA with bgzip",
        ) from error
