"""Write encoded regions of a genome as text or codes."""

from __future__ import annotations

import gzip
import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from pybmfm.core import output_file, progress
from pybmfm.genome import Genome, parse_region
from pybmfm.variants.encoder import WindowEncoder
from pybmfm.variants.frequencies import PASSED
from pybmfm.variants.symbols import codes_to_text

log = logging.getLogger("pybmfm")

LINE = 60
_PIECE = LINE << 14  # encoded at a time, so that memory does not grow with the region


@dataclass(frozen=True)
class EncodeSettings:
    """What `encode_genome` does.

    Parameters
    ----------
    fasta, out
        Reference genome and the file to write.
    frequencies, haplotypes
        The genome's frequency table or a phased VCF; without either the plain reference.
    regions
        ``chr20:1-5000``, 1-based inclusive; empty is every contig.
    strategy, pass_number, strand, seed
        As in `pybmfm.variants.WindowEncoder`.
    filters
        As in `pybmfm.variants.PhasedPanel`.
    output_format
        ``text``: FASTA of encoded characters, UTF-8, gzip when the name ends with ``.gz``.
        ``codes``: a numpy ``.npz`` archive with one uint8 array per region.
    """

    fasta: Path
    frequencies: Path | None
    out: Path
    haplotypes: Path | None = None
    regions: tuple[str, ...] = ()
    strategy: str = "paper"
    pass_number: int = 0
    strand: str = "+"
    output_format: str = "text"
    seed: int = 0
    filters: str = PASSED


def encode_genome(settings: EncodeSettings) -> None:
    """Encode regions, each a record named ``contig:start-end(strand)``, 1-based inclusive.

    Raises
    ------
    UserError
        If an input is missing or broken, a region is not on the genome, or ``out`` cannot be
        written.
    """
    with Genome(settings.fasta) as genome:
        encoder = WindowEncoder.open(
            genome,
            settings.frequencies,
            settings.haplotypes,
            seed=settings.seed,
            strategy=settings.strategy,
            filters=settings.filters,
        )
        asked = [parse_region(text, genome.lengths, genome.path) for text in settings.regions]
        # A region asked for twice, under whatever name of its contig, is one record.
        regions = list(dict.fromkeys(asked)) or [
            (contig, 0, length) for contig, length in genome.lengths.items() if length
        ]
        write = _write_text if settings.output_format == "text" else _write_codes
        with output_file(settings.out) as staging:
            write(staging, encoder, regions, settings)
            encoder.check_used()
        genome.note_replaced_letters()
    log.info(
        "encoded %s nucleotides in %d regions%s",
        f"{sum(end - start for _, start, end in regions):,}",
        len(regions),
        describe_losses(encoder),
    )


def describe_losses(encoder: WindowEncoder) -> str:
    """Say in a few words what an encoder could not keep: marks, and genotypes of a panel."""
    marks = sum(encoder.dropped_marks.values())
    said = f"; insertion marks dropped {marks:,} {dict(encoder.dropped_marks)}" if marks else ""
    if encoder.haplotypes is not None:
        said += f"; genotypes {encoder.haplotypes.counts()}"
    return said


def record_name(contig: str, start: int, end: int, strand: str) -> str:
    """Name a region ``contig:start-end(strand)``, from 0-based half-open to 1-based inclusive."""
    return f"{contig}:{start + 1}-{end}({strand})"


def _write_text(
    path: Path,
    encoder: WindowEncoder,
    regions: list[tuple[str, int, int]],
    settings: EncodeSettings,
) -> None:
    with _create(path, compress=settings.out.suffix == ".gz") as out:
        for contig, start, end in progress(regions, "encoding", unit="regions"):
            out.write(f">{record_name(contig, start, end, settings.strand)}\n".encode())
            for text in _pieces(encoder, contig, start, end, settings):
                lines = [text[i : i + LINE] for i in range(0, len(text), LINE)]
                out.write(("\n".join(lines) + "\n").encode())


def _pieces(
    encoder: WindowEncoder, contig: str, start: int, end: int, settings: EncodeSettings
) -> Iterator[str]:
    """Encode a region piece by piece in reading order; every piece but the last fills its lines."""
    for offset in range(0, end - start, _PIECE):
        size = min(_PIECE, end - start - offset)
        first = start + offset if settings.strand == "+" else end - offset - size
        codes = encoder.encode(
            contig,
            first,
            first + size,
            strand=settings.strand,
            pass_number=settings.pass_number,
        )
        yield codes_to_text(codes)


def _write_codes(
    path: Path,
    encoder: WindowEncoder,
    regions: list[tuple[str, int, int]],
    settings: EncodeSettings,
) -> None:
    # numpy.savez would hold all contigs at once; this is the same format one by one.
    with zipfile.ZipFile(path, "w") as archive:
        for contig, start, end in progress(regions, "encoding", unit="regions"):
            codes = encoder.encode(
                contig,
                start,
                end,
                strand=settings.strand,
                pass_number=settings.pass_number,
            )
            # A fixed date, so that equal content is equal bytes.
            name = f"{record_name(contig, start, end, settings.strand)}.npy"
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as out:
                np.lib.format.write_array(out, codes)


@contextmanager
def _create(path: Path, compress: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as raw:
        if not compress:
            yield raw
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as out:
            yield out  # type: ignore[misc]
