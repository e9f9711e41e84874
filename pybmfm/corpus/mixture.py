"""Which windows of a mixed corpus stay plain: decided window by window, in any order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pybmfm.core import derive_seed

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def stays_plain(
    share: float,
    seed: int,
    contig: str,
    starts: npt.NDArray[np.int64],
    passes: npt.NDArray[np.int32],
) -> npt.NDArray[np.bool_]:
    """Draw which windows keep the reference; both strands of a window are drawn alike.

    Counter-based (splitmix64; Steele, Lea and Flood, 2014), keyed by seed, pass, contig and
    start: windows of one pass do not overlap, so a start names one of them.

    Parameters
    ----------
    share
        Of the windows, 0 to 1.
    seed
        The user's seed.
    contig, starts, passes
        Where windows lie and their pass, shape (n,).

    Returns
    -------
    bool[n]
    """
    numbers, place = np.unique(passes, return_inverse=True)
    keys = np.array(
        [derive_seed(seed, "ref-share", number, contig) for number in numbers], np.uint64
    )
    x = keys[place] + (starts.astype(np.uint64) + np.uint64(1)) * _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    x ^= x >> np.uint64(31)
    return np.asarray((x >> np.uint64(11)) * 2.0**-53 < share)


def name_encoding(varies: bool, share: float) -> str:
    """Name the encoding of a corpus: ``"ref"``, ``"snp"``, or ``"mixed"`` where it holds both."""
    if not varies or share >= 1:
        return "ref"
    return "mixed" if share > 0 else "snp"
