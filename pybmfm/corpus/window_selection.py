"""Rows of a windows table: whether they fit a genome, and which train a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pybmfm.core import UserError, derive_seed
from pybmfm.genome import Genome

if TYPE_CHECKING:
    import pandas as pd


def check_windows_fit(windows: pd.DataFrame, genome: Genome, folder: Path) -> None:
    """Refuse windows of another genome.

    Raises
    ------
    UserError
        If a window's contig is unknown or ends before the window does.
    """
    last = windows.groupby("contig", sort=False)["end"].max()
    for contig, end in last.items():
        length = genome.lengths.get(str(contig))
        if length is None or end > length:
            reason = "is not in" if length is None else f"has {length:,} nt in"
            raise UserError(
                f"{reason} {Path(genome.path).name}, windows reach {end:,}",
                file=folder,
                place=f"contig {contig}",
                remedy="give the FASTA that the windows were cut from",
            )


def draw_training_windows(
    windows: pd.DataFrame, *, max_bases: int, seed: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Choose training windows at random until ``max_bases`` nt; both strands are candidates.

    Returns
    -------
    DataFrame, dict
        The chosen rows in their order in the genome, and counts of windows and bases.

    Raises
    ------
    UserError
        If the split ``train`` is empty.
    """
    train = windows[windows["split"] == "train"].reset_index(drop=True)
    if train.empty:
        raise UserError("no window is in the split train", remedy="sample more windows")
    lengths = (train["end"] - train["start"]).to_numpy(dtype=np.int64)
    order = np.random.default_rng(derive_seed(seed, "tokenizer")).permutation(len(train))
    number = int(np.searchsorted(np.cumsum(lengths[order]), max_bases, side="right"))
    chosen = np.sort(order[: max(number, 1)])
    counts = {
        "windows": len(train),
        "windows_used": len(chosen),
        "bases": int(lengths.sum()),
        "bases_used": int(lengths[chosen].sum()),
    }
    return train.iloc[chosen], counts
