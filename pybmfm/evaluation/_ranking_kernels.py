"""Compiled loops over ranked scores: areas under ROC and precision-recall of many weightings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pybmfm.core.compiled import njit


@njit
def add_ranked_areas(
    offsets: NDArray[np.int64],
    rows: NDArray[np.int32],
    positive: NDArray[np.bool_],
    starts: NDArray[np.bool_],
    weights: NDArray[np.int32],
    sums: NDArray[np.float64],
    defined: NDArray[np.int64],
) -> None:
    """Add up AUROC and average precision of every ranked list, for each weighting.

    Parameters
    ----------
    offsets
        List ``i`` is ``offsets[i]:offsets[i + 1]``, best score first.
    rows, positive, starts
        Of each place: whose weight it has, whether it is a hit, and whether its score differs
        from the one before.
    weights
        int32[rows, draws], copies of each row; few draws, so that a row of them fits a register.
    sums, defined
        float64 and int64[2, draws]: AUROC and average precision are added where they are
        defined, and counted.
    """
    draws = weights.shape[1]
    for one in range(len(offsets) - 1):
        hit = np.zeros(draws, np.int64)
        miss = np.zeros(draws, np.int64)
        run_hit = np.zeros(draws, np.int64)
        run_miss = np.zeros(draws, np.int64)
        misses_above = np.zeros(draws)
        precision = np.zeros(draws)
        place, end = offsets[one], offsets[one + 1]
        while place < end:
            after = place + 1
            any_hit = positive[place]
            while after < end and not starts[after]:
                any_hit = any_hit or positive[after]
                after += 1
            # Nearly all runs hold no positive: they only add to the misses.
            if not any_hit:
                for at in range(place, after):
                    row = rows[at]
                    for draw in range(draws):
                        miss[draw] += weights[row, draw]
                place = after
                continue
            for draw in range(draws):
                run_hit[draw] = 0
                run_miss[draw] = 0
            for at in range(place, after):
                row = rows[at]
                if positive[at]:
                    for draw in range(draws):
                        run_hit[draw] += weights[row, draw]
                else:
                    for draw in range(draws):
                        run_miss[draw] += weights[row, draw]
            for draw in range(draws):
                misses_above[draw] += run_hit[draw] * (miss[draw] + run_miss[draw] / 2)
                hit[draw] += run_hit[draw]
                miss[draw] += run_miss[draw]
                if run_hit[draw] > 0:
                    precision[draw] += run_hit[draw] * (hit[draw] / (hit[draw] + miss[draw]))
            place = after
        for draw in range(draws):
            if hit[draw] > 0:
                sums[1, draw] += precision[draw] / hit[draw]
                defined[1, draw] += 1
                if miss[draw] > 0:
                    sums[0, draw] += 1 - misses_above[draw] / hit[draw] / miss[draw]
                    defined[0, draw] += 1
