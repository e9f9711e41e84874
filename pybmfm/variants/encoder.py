"""Windows of the genome with drawn alleles, each rebuilt alone, in any order."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from pybmfm.core import UserError
from pybmfm.genome import Genome
from pybmfm.variants.draws import STRATEGIES, draw_codes, uniform_draws
from pybmfm.variants.strands import reverse_complement_codes
from pybmfm.variants.table import FrequencyTable

log = logging.getLogger("pybmfm")


class WindowEncoder:
    """Encode windows of a genome with the alleles of a frequency table.

    Parameters
    ----------
    genome
        The reference that the table was made from.
    table
        State frequencies; None gives the plain reference.
    seed
        Seed of the alleles: the same (seed, pass, contig, position) always draws the same.
    strategy
        ``paper`` or ``hardy-weinberg``, see `pybmfm.variants.draws.draw_codes`.

    Attributes
    ----------
    dropped_marks : Counter
        Insertion marks that the minus strand could not keep, by reason, summed over all calls.

    Raises
    ------
    UserError
        If the strategy is not available, or table and genome differ on a contig.
    """

    def __init__(
        self,
        genome: Genome,
        table: FrequencyTable | None,
        *,
        seed: int = 0,
        strategy: str = "paper",
    ) -> None:
        if strategy not in STRATEGIES:
            raise UserError(
                f"strategy '{strategy}' is not available in this version"
                + (" (it needs a phased VCF)" if strategy == "haplotypes" else ""),
                remedy=f"use {' or '.join(STRATEGIES)}",
            )
        self.genome = genome
        self.table = table
        self.seed = seed
        self.strategy = strategy
        self.dropped_marks: Counter[str] = Counter()
        self._rows: tuple[str, NDArray[np.int32], NDArray[np.float32]] | None = None
        self._checked: set[str] = set()

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
        if strand == "+":
            return self._plus(contig, start, end, pass_number)
        if strand != "-":
            raise ValueError(f"strand is '+' or '-', not {strand!r}")
        left = max(start - 1, 0)
        right = min(end + 1, self.genome.lengths.get(contig, end))
        codes = self._plus(contig, left, right, pass_number)
        window = codes[start - left : end - left]
        return reverse_complement_codes(
            window,
            int(codes[0]) if left < start else None,
            int(codes[-1]) if right > end else None,
            self.dropped_marks,
        )

    def _plus(self, contig: str, start: int, end: int, pass_number: int) -> NDArray[np.uint8]:
        codes = self.genome.codes(contig, start, end).copy()
        if self.table is None:
            return codes
        positions, p = self._contig_rows(contig)
        first, last = np.searchsorted(positions, (start, end))
        if first < last:
            varying = positions[first:last]
            codes[varying - start] = draw_codes(
                p[first:last],
                uniform_draws(self.seed, pass_number, contig, varying),
                self.strategy,
                haploid=contig in self.table.haploid,
            )
        return codes

    def _contig_rows(self, contig: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        assert self.table is not None
        if self._rows is None or self._rows[0] != contig:
            self._check(contig, self.table)
            self._rows = (contig, *self.table.rows(contig))
        return self._rows[1], self._rows[2]

    def _check(self, contig: str, table: FrequencyTable) -> None:
        if contig in self._checked:
            return
        self._checked.add(contig)
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
