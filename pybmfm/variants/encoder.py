"""Windows of the genome with drawn alleles, each rebuilt alone, in any order, on any thread."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.variants.draws import STRATEGIES, allele_key, draw_mode
from pybmfm.variants.frequencies import PASSED
from pybmfm.variants.haplotypes import PhasedPanel
from pybmfm.variants.strands import count_marks
from pybmfm.variants.symbols import N_STATES
from pybmfm.variants.table import FrequencyTable

log = logging.getLogger("pybmfm")


class WindowEncoder:
    """Encode windows of a genome with the alleles of a frequency table or of phased genotypes.

    May be used from several threads at once. What it returns does not depend on their number;
    threads that work on different contigs should each hold a `contig`, so that the reference is
    not read again whenever they take turns.

    Parameters
    ----------
    genome
        The reference that the table was made from.
    table
        State frequencies; None gives the plain reference.
    seed
        Seed of the alleles: the same (seed, pass, contig, position) always draws the same.
    strategy
        ``paper`` or ``hardy-weinberg``, see `pybmfm.variants.draws.draw_codes`, or
        ``haplotypes``: one individual of ``haplotypes`` per (seed, pass).
    haplotypes
        Phased genotypes; needed by the strategy ``haplotypes``, which takes no table.

    Attributes
    ----------
    dropped_marks : Counter
        Insertion marks that the minus strand could not keep, by reason, summed over all calls.

    Raises
    ------
    UserError
        If strategy and sources do not fit, or table and genome differ on a contig.
    """

    def __init__(
        self,
        genome: Genome,
        table: FrequencyTable | None,
        *,
        seed: int = 0,
        strategy: str = "paper",
        haplotypes: PhasedPanel | None = None,
    ) -> None:
        _check_sources(strategy, table, haplotypes)
        self.genome = genome
        self.table = table
        self.seed = seed
        self.strategy = strategy
        self.haplotypes = haplotypes
        self.dropped_marks: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._rows: tuple[str, NDArray[np.int32], NDArray[np.float32]] | None = None
        self._checked: set[str] = set()

    @classmethod
    def open(
        cls,
        genome: Genome,
        frequencies: Path | None,
        haplotypes: Path | None = None,
        *,
        seed: int = 0,
        strategy: str = "paper",
        filters: str = PASSED,
    ) -> WindowEncoder:
        """Open the sources of variants by their paths and make an encoder.

        Without a source every strategy gives the plain reference, so that one set of options
        serves both encodings.

        Raises
        ------
        UserError
            If a source cannot be read, or strategy and sources do not fit.
        """
        if frequencies is None and haplotypes is None:
            if strategy != STRATEGIES[0]:
                log.info("no variants are given: strategy %s leaves the reference plain", strategy)
            return cls(genome, None, seed=seed)
        table = None if frequencies is None else FrequencyTable.open(frequencies)
        panel = None if haplotypes is None else PhasedPanel(haplotypes, filters=filters)
        return cls(genome, table, seed=seed, strategy=strategy, haplotypes=panel)

    def contig(self, contig: str, pass_number: int = 0) -> ContigEncoder:
        """Return an immutable encoder of one contig in one pass.

        It keeps the contig's reference in memory (1 byte per nucleotide) as long as it lives.
        """
        with self._lock:
            reference = self.genome.codes(contig)
            return ContigEncoder(
                contig, reference, self._sites(contig, reference, pass_number), self._count
            )

    def encode(
        self, contig: str, start: int, end: int, *, strand: str = "+", pass_number: int = 0
    ) -> NDArray[np.uint8]:
        """Encode ``[start, end)`` of a contig.

        Parameters
        ----------
        contig
            A contig of the genome.
        start, end
            0-based half-open, on the plus strand.
        strand
            ``-`` gives the reverse complement of the whole window, the same alleles drawn.
        pass_number
            Alleles are drawn anew in every pass.

        Returns
        -------
        uint8[end - start]
            Codes 0-131; the same symbols whether the window is encoded alone or within a
            longer one.
        """
        if strand not in ("+", "-"):
            raise ValueError(f"strand is '+' or '-', not {strand!r}")
        return self.encode_many(contig, [start], [end], [strand == "-"], pass_number)[0]

    def encode_many(
        self,
        contig: str,
        starts: ArrayLike,
        ends: ArrayLike,
        minus: ArrayLike,
        pass_number: int = 0,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Encode windows of a contig, see `ContigEncoder.encode_many`."""
        return self.contig(contig, pass_number).encode_many(starts, ends, minus)

    def check_used(self) -> None:
        """Refuse phased genotypes of which none was used, see `PhasedPanel.check_used`."""
        if self.haplotypes is not None:
            self.haplotypes.check_used()

    def _count(self, on_deletion: int, at_end: int, not_kept: int) -> None:
        with self._lock:
            count_marks(self.dropped_marks, on_deletion, at_end, not_kept)

    def _sites(self, contig: str, reference: NDArray[np.uint8], pass_number: int) -> _Sites:
        key = allele_key(self.seed, pass_number, contig)
        if self.haplotypes is not None:
            pair = self.haplotypes.pair(self.genome, contig, self.seed, pass_number)
            return _Sites(pair.positions, _NO_ROWS, pair.codes, key, 0)
        if self.table is None:
            return _Sites(_NO_POSITIONS, _NO_ROWS, _NO_CODES, key, 0)
        positions, p = self._contig_rows(contig, len(reference), self.table)
        mode = draw_mode(self.strategy, contig in self.table.haploid)
        return _Sites(positions, p, _NO_CODES, key, mode)

    def _contig_rows(
        self, contig: str, length: int, table: FrequencyTable
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        if self._rows is None or self._rows[0] != contig:
            self._check(contig, table)
            positions, p = table.rows(contig)
            # The compiled loop trusts them.
            if len(positions) and not (
                positions[0] >= 0 and positions[-1] < length and (np.diff(positions) > 0).all()
            ):
                raise UserError(
                    f"holds positions of contig {contig} that do not ascend within its length",
                    file=table.folder,
                    remedy="make the table again",
                )
            self._rows = (contig, _read_only(positions), _read_only(p))
        return self._rows[1], self._rows[2]

    def _check(self, contig: str, table: FrequencyTable) -> None:
        if contig in self._checked:
            return
        if contig not in table.digests:
            # A contig without a record in the VCF is plain by right; any other was left out.
            if contig not in table.manifest.get("contigs_only_in_fasta", ()):
                log.warning("the frequency table leaves out contig %s: it stays plain", contig)
        elif table.digests[contig] != self.genome.sequence_digest(contig):
            raise UserError(
                f"was made from another sequence of contig {contig} than {self.genome.path}",
                file=table.folder,
                remedy="make the table again with this FASTA",
            )
        self._checked.add(contig)


class ContigEncoder:
    """Encodes windows of one contig in one pass; made by `WindowEncoder.contig`.

    Immutable, so any number of threads may share it; the loops run without the GIL.

    Attributes
    ----------
    contig : str
    length : int
        Nucleotides of the contig.
    """

    def __init__(
        self,
        contig: str,
        reference: NDArray[np.uint8],
        sites: _Sites,
        count: Callable[[int, int, int], None],
    ) -> None:
        self.contig = contig
        self.length = len(reference)
        self._reference = reference
        self._sites = sites
        self._count = count

    def encode_many(
        self, starts: ArrayLike, ends: ArrayLike, minus: ArrayLike
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Encode windows, in the order given.

        Parameters
        ----------
        starts, ends
            int64[m], 0-based half-open, on the plus strand.
        minus
            bool[m], whether a window is written as its reverse complement.

        Returns
        -------
        codes : uint8[total]
            Window ``i`` is ``codes[offsets[i]:offsets[i + 1]]``, equal to `WindowEncoder.encode`
            of it alone.
        offsets : int64[m + 1]

        Raises
        ------
        ValueError
            If a window does not lie on the contig, or the three differ in length.
        """
        from pybmfm.variants import _encode_kernels as kernels

        first = np.ascontiguousarray(starts, dtype=np.int64)
        last = np.ascontiguousarray(ends, dtype=np.int64)
        strand = np.ascontiguousarray(minus, dtype=np.bool_)
        if not first.shape == last.shape == strand.shape or first.ndim != 1:
            raise ValueError("starts, ends and minus must be of one length")
        outside = (first < 0) | (first > last) | (last > self.length)
        if outside.any():
            worst = int(np.argmax(outside))
            raise ValueError(
                f"{self.contig}:{first[worst]}-{last[worst]} lies outside its "
                f"{self.length} nucleotides"
            )
        offsets = np.zeros(len(first) + 1, dtype=np.int64)
        np.cumsum(last - first, out=offsets[1:])
        codes = np.empty(int(offsets[-1]), dtype=np.uint8)
        sites = self._sites
        dropped = kernels.encode_windows(
            self._reference,
            sites.positions,
            sites.p,
            sites.known,
            sites.key,
            sites.mode,
            first,
            last,
            strand,
            offsets,
            codes,
        )
        self._count(*dropped)
        return codes, offsets


@dataclass(frozen=True)
class _Sites:
    """The varying positions of a contig, with rows to draw from or codes known already."""

    positions: NDArray[np.int32]
    p: NDArray[np.float32]
    known: NDArray[np.uint8]
    key: np.uint64
    mode: int


def _check_sources(
    strategy: str, table: FrequencyTable | None, haplotypes: PhasedPanel | None
) -> None:
    if strategy not in STRATEGIES:
        raise UserError(
            f"unknown strategy '{strategy}'", remedy=f"use one of {', '.join(STRATEGIES)}"
        )
    if strategy == "haplotypes" and haplotypes is None:
        raise UserError(
            "the strategy haplotypes needs a phased VCF with genotypes",
            remedy="give it with --haplotypes",
        )
    if strategy != "haplotypes" and haplotypes is not None:
        raise UserError(
            f"the strategy {strategy} does not read haplotypes",
            file=haplotypes.path,
            remedy="add --strategy haplotypes, or give --frequencies instead",
        )
    if haplotypes is not None and table is not None:
        raise UserError(
            "--frequencies and --haplotypes exclude each other",
            remedy="leave one of them out",
        )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """View an array as the memory-mapped ones are, so that one compiled version serves all."""
    view = array.view()
    view.flags.writeable = False
    return view


_NO_POSITIONS = _read_only(np.empty(0, np.int32))
_NO_ROWS = _read_only(np.empty((0, N_STATES), np.float32))
_NO_CODES = _read_only(np.empty(0, np.uint8))
