"""Where sequences lie in a genome: `bwa mem`, or the SAM or BAM file that it wrote.

Reads are named by a digest of their letters, so that one file serves any table that holds the
same sequences, in any order.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pybmfm.core import UserError
from pybmfm.genome.contigs import describe_names, match_contigs
from pybmfm.genome.quiet import quiet_htslib

log = logging.getLogger("pybmfm")

UNALIGNED = "unaligned"
NOT_AMONG_ALIGNMENTS = "not_among_alignments"
MULTI_MAPPING = "multi_mapping"
CLIPPED = "clipped"
BEYOND_END = "beyond_contig_end"
INDEX_ENDINGS = (".amb", ".ann", ".bwt", ".pac", ".sa")
# Bases per batch: without it bwa takes more per thread, and its output may depend on that.
BATCH_BASES = 100_000_000
SOFT_CLIP, HARD_CLIP = 4, 5


@dataclass(frozen=True)
class AlignmentSettings:
    """How sequences without coordinates find their locus.

    Parameters
    ----------
    align
        Call bwa, which must be on the PATH.
    alignments
        SAM or BAM made by bwa from what `pybmfm extract-sequences` wrote, instead.
    keep_multi_mapping
        Keep a sequence that fits several places equally well (mapping quality 0), at the one
        that bwa chose.
    keep_clipped
        Keep a sequence of which bwa left an end unaligned; its locus has its whole length.
    threads
        Of bwa; never changes the result.
    """

    align: bool = False
    alignments: Path | None = None
    keep_multi_mapping: bool = False
    keep_clipped: bool = False
    threads: int = 1

    @property
    def wanted(self) -> bool:
        """Whether there is a way to place a sequence without coordinates."""
        return self.align or self.alignments is not None

    @property
    def described(self) -> dict[str, bool]:
        """The settings for a manifest; none where nothing is aligned."""
        if not self.wanted:
            return {}
        return {
            "align": True,
            "keep_multi_mapping": self.keep_multi_mapping,
            "keep_clipped": self.keep_clipped,
        }


@dataclass(frozen=True)
class Alignment:
    """The primary alignment of a sequence.

    Attributes
    ----------
    contig, start, end, strand
        The locus, 0-based half-open on the plus strand, clipped ends added; an empty contig
        where there is none.
    problems
        All that speaks against it; empty if nothing does.
    """

    contig: str
    start: int
    end: int
    strand: str
    problems: tuple[str, ...] = ()

    def reason(self, settings: AlignmentSettings) -> str:
        """Why it is not used, ``""`` if it is."""
        kept = {MULTI_MAPPING: settings.keep_multi_mapping, CLIPPED: settings.keep_clipped}
        return next((problem for problem in self.problems if not kept.get(problem)), "")


def name_of_sequence(sequence: str) -> str:
    """Return the read name of a sequence: a digest of its upper-case letters."""
    return hashlib.blake2b(_as_read(sequence).encode(), digest_size=12).hexdigest()


def write_reads(sequences: Iterable[str], path: Path) -> int:
    """Write each distinct sequence once, as FASTA, in order of appearance; return their number."""
    reads = dict.fromkeys(_as_read(sequence) for sequence in sequences if sequence)
    with path.open("w") as handle:
        handle.writelines(f">{name_of_sequence(read)}\n{read}\n" for read in reads)
    return len(reads)


def _as_read(sequence: str) -> str:
    """Return upper-case letters, U as T: bwa takes it for N."""
    return sequence.upper().replace("U", "T")


def align_sequences(
    sequences: Sequence[str],
    lengths: Mapping[str, int],
    fasta: Path,
    settings: AlignmentSettings,
) -> list[Alignment]:
    """Place sequences on a genome.

    Parameters
    ----------
    sequences
        Plain DNA.
    lengths
        Nucleotides of each contig of the FASTA.
    fasta
        The genome; bwa's index beside it is used if there is one, else made for this call.
    settings
        bwa itself or its output.

    Returns
    -------
    list of Alignment
        One per sequence, in order.

    Raises
    ------
    UserError
        If bwa is not there or fails, or the alignments cannot be read or are of another genome.
    """
    with tempfile.TemporaryDirectory(prefix="pybmfm-sam-") as folder:
        path = settings.alignments
        if path is None:
            path = Path(folder) / "reads.sam"
            run_bwa(sequences, fasta, path, settings.threads)
        found = read_alignments(path, lengths)
    absent = Alignment("", 0, 0, "+", (NOT_AMONG_ALIGNMENTS,))
    return [found.get(name_of_sequence(sequence), absent) for sequence in sequences]


def read_alignments(path: Path, lengths: Mapping[str, int]) -> dict[str, Alignment]:
    """Read the primary alignment of every read of a SAM or BAM file.

    Raises
    ------
    UserError
        If the file is missing, broken, or shares no contig with the genome.
    """
    import pysam

    if not path.is_file():
        raise UserError("no such file", file=path, remedy="check the path")
    try:
        with quiet_htslib(), pysam.AlignmentFile(str(path), check_sq=False) as records:
            matched = match_contigs(lengths, records.references)
            if not matched:
                raise UserError(
                    f"shares no contig with the FASTA: it has {describe_names(records.references)}",
                    file=path,
                    remedy="align to the same genome",
                )
            return {
                str(record.query_name): _alignment_of(record, matched, lengths)
                for record in records.fetch(until_eof=True)
                if not (record.is_secondary or record.is_supplementary)
            }
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot be read as SAM or BAM ({error})", file=path, remedy="make it again"
        ) from error


def _alignment_of(record: Any, matched: dict[str, str], lengths: Mapping[str, int]) -> Alignment:
    if record.is_unmapped or record.reference_name not in matched:
        return Alignment("", 0, 0, "+", (UNALIGNED,))
    contig = matched[record.reference_name]
    left, right = (_clipped(record.cigartuples[end]) for end in (0, -1))
    start, end = record.reference_start - left, record.reference_end + right
    signs = {
        BEYOND_END: not 0 <= start < end <= lengths[contig],
        CLIPPED: left or right,
        MULTI_MAPPING: record.mapping_quality == 0,
    }
    problems = tuple(problem for problem, found in signs.items() if found)
    return Alignment(contig, start, end, "-" if record.is_reverse else "+", problems)


def _clipped(operation: tuple[int, int]) -> int:
    kind, length = operation
    return length if kind in (SOFT_CLIP, HARD_CLIP) else 0


def run_bwa(sequences: Iterable[str], fasta: Path, sam: Path, threads: int = 1) -> None:
    """Align sequences by bwa mem, into a SAM file.

    An index beside the FASTA is used if there is one, else made for this call, in a temporary
    folder.

    Raises
    ------
    UserError
        If bwa is not on the PATH, or fails.
    """
    bwa = shutil.which("bwa")
    if bwa is None:
        raise UserError(
            "bwa is not on the PATH, so sequences without coordinates cannot be placed",
            remedy="install bwa (Debian package bwa), or give --alignments",
        )
    with tempfile.TemporaryDirectory(prefix="pybmfm-bwa-") as temporary:
        folder = Path(temporary)
        number = write_reads(sequences, folder / "reads.fa")
        index = fasta
        if not all(Path(f"{fasta}{ending}").is_file() for ending in INDEX_ENDINGS):
            index = folder / "genome"
            _call([bwa, "index", "-p", str(index), str(fasta)], fasta, folder / "index.log")
        options = ["-t", str(threads), "-K", str(BATCH_BASES), "-o", str(sam)]
        reads = str(folder / "reads.fa")
        _call([bwa, "mem", *options, str(index), reads], fasta, folder / "mem.log")
        log.info("%s sequences aligned by bwa mem", f"{number:,}")


def _call(command: list[str], fasta: Path, messages: Path) -> None:
    with messages.open("w") as handle:
        done = subprocess.run(command, stdout=handle, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        last = (messages.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise UserError(
            f"bwa {command[1]} failed ({last.strip()})",
            file=fasta,
            remedy="check the FASTA and the space in TMPDIR",
        )
