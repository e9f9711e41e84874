"""Where the letters of windows come from: the reference, a frequency table, haplotypes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pybmfm.corpus.mixture import name_encoding, stays_plain
from pybmfm.corpus.windows_table import WindowColumns
from pybmfm.genome import Genome
from pybmfm.variants import FrequencyTable, PhasedPanel, WindowEncoder
from pybmfm.variants.encoder import ContigEncoder
from pybmfm.variants.frequencies import PASSED

CONTIGS_KEPT = 2  # batches of different splits cross from one contig to the next in turn


def open_encoder(
    genome: Genome,
    frequencies: Path | None,
    *,
    seed: int,
    strategy: str,
    haplotypes: Path | None = None,
    filters: str = PASSED,
) -> tuple[WindowEncoder, str]:
    """Make an encoder, and say which encoding it gives: ``"ref"`` or ``"snp"``.

    Without frequencies and haplotypes every strategy gives the plain reference.

    Raises
    ------
    UserError
        If frequencies, haplotypes and strategy do not fit together, or cannot be read.
    """
    if frequencies is None and haplotypes is None:
        return WindowEncoder(genome, None, seed=seed), "ref"
    table = None if frequencies is None else FrequencyTable.open(frequencies)
    panel = None if haplotypes is None else PhasedPanel(haplotypes, filters=filters)
    encoder = WindowEncoder(genome, table, seed=seed, strategy=strategy, haplotypes=panel)
    return encoder, "snp"


class WindowSource:
    """Encoders of the contigs and passes of a genome, a share of the windows kept plain.

    Parameters
    ----------
    genome
        The reference.
    encoder
        Draws the alleles.
    varies
        Whether the encoder has alleles to draw.
    ref_share
        Share of the windows that keep the reference all the same.
    seed
        Of the choice of these windows.

    Attributes
    ----------
    encoding : str
        ``"ref"``, ``"snp"`` or ``"mixed"``.
    """

    def __init__(
        self, genome: Genome, encoder: WindowEncoder, *, varies: bool, ref_share: float, seed: int
    ) -> None:
        self.encoding = name_encoding(varies, ref_share)
        self._share = {"ref": 1.0, "snp": 0.0}.get(self.encoding, ref_share)
        self._seed = seed
        self._varying = encoder
        self._plain = WindowEncoder(genome, None)
        self._made: dict[str, dict[tuple[bool, int], ContigEncoder]] = {}

    def counts(self) -> dict[str, Any]:
        """Return what was left out so far, for a manifest.

        ``marks_dropped``: insertion marks that the minus strand could not keep, by reason; with
        haplotypes also ``genotypes``: the individuals' records read, used and dropped.
        """
        counts: dict[str, Any] = {
            "marks_dropped": dict(sorted(self._varying.dropped_marks.items()))
        }
        if self._varying.haplotypes is not None:
            counts["genotypes"] = self._varying.haplotypes.counts()
        return counts

    def check_used(self) -> None:
        """Refuse phased genotypes of which none was used, see `PhasedPanel.check_used`."""
        self._varying.check_used()

    def expect(self, windows: WindowColumns) -> None:
        """Say which windows will be asked for, so that phased genotypes are read once for all."""
        if self._varying.haplotypes is None:
            return
        n_passes = int(windows.passes.max(initial=0)) + 1
        found = np.unique(windows.contigs.astype(np.int64) * n_passes + windows.passes)
        passes: dict[str, list[int]] = {}
        for contig, number in zip(*np.divmod(found, n_passes), strict=True):
            passes.setdefault(windows.names[contig], []).append(int(number))
        self._varying.haplotypes.expect(passes)

    def stays_plain(self, windows: WindowColumns) -> npt.NDArray[np.bool_]:
        """Return, for each window, whether it keeps the reference."""
        if self.encoding != "mixed":
            return np.full(len(windows), self.encoding == "ref")
        plain = np.empty(len(windows), bool)
        for contig in np.unique(windows.contigs):
            here = windows.contigs == contig
            name = windows.names[contig]
            starts, passes = windows.starts[here], windows.passes[here]
            plain[here] = stays_plain(self._share, self._seed, name, starts, passes)
        return plain

    def encoder(self, contig: str, plain: bool, pass_number: int) -> ContigEncoder:
        """Return the encoder of a contig in a pass; those of the last two contigs are kept."""
        made = self._made.pop(contig, {})
        self._made[contig] = made
        if len(self._made) > CONTIGS_KEPT:
            del self._made[next(iter(self._made))]
        if (plain, pass_number) not in made:
            encoder = self._plain if plain else self._varying
            made[plain, pass_number] = encoder.contig(contig, pass_number)
        return made[plain, pass_number]
