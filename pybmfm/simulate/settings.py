"""What a demo world is made of, and how large."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pybmfm.core import UserError

SLOT_LENGTH = 2_400
MIN_CONTIG_LENGTH = 20_000
MIN_CONTROLS = 40_000
DEFAULT_CONTIGS = (("chr1", 600_000), ("chr2", 400_000), ("chrX", 200_000))


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of :func:`pybmfm.simulate.simulate`.

    Parameters
    ----------
    out
        Folder to write, whole or not at all.
    seed
        Seed of all randomness; the same seed gives the same bytes.
    contigs
        Name and length of each contig; the number of genes follows from the lengths.
    variant_density
        VCF records per base that is not N.
    task_rows
        Rows of the promoter and TF tables; the other tables have two thirds of it.
        Small genomes hold fewer rows: one positive per gene.
    controls
        Bases of a further genome with the control experiments; 0 for none.
    """

    out: Path
    seed: int = 0
    contigs: tuple[tuple[str, int], ...] = DEFAULT_CONTIGS
    variant_density: float = 0.01
    task_rows: int = 900
    controls: int = 0

    def check(self) -> None:
        """Refuse sizes that no world can be made of.

        Raises
        ------
        UserError
            On a repeated contig, a contig too short, or a number out of range.
        """
        names = [name for name, _ in self.contigs]
        if not names or len(set(names)) != len(names):
            raise UserError(
                f"contigs must have different names, got {', '.join(names) or 'none'}",
                remedy="name each contig once in --contig-length",
            )
        for name, length in self.contigs:
            if length < MIN_CONTIG_LENGTH:
                raise UserError(
                    f"contig {name} of {length:,} bases is too short for genes",
                    remedy=f"use at least {MIN_CONTIG_LENGTH:,}",
                )
        if not 0 < self.variant_density <= 0.1:
            raise UserError(
                f"--variant-density {self.variant_density} is out of range",
                remedy="use a number above 0 and at most 0.1",
            )
        if self.controls and self.controls < MIN_CONTROLS:
            raise UserError(
                f"--controls {self.controls:,} is too small a genome",
                remedy=f"use 0 for none, or at least {MIN_CONTROLS:,}",
            )
        if self.task_rows < 30:
            raise UserError(f"--task-rows {self.task_rows} is too few", remedy="use at least 30")
