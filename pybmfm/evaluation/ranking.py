"""AUROC and average precision of one or many classes, for thousands of weightings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pybmfm.evaluation.weighted import Floats, ratio

DRAWS_AT_ONCE = 32  # a row's weights then fill two cache lines


@dataclass(frozen=True)
class RankedLists:
    """Lists of rows, best score first, with what is a hit; sorted once for all weightings.

    Attributes
    ----------
    offsets
        int64[lists + 1].
    rows, positive, starts
        int32, bool, bool: the row of each place, whether it is a hit, and whether its score
        differs from the one before it.
    """

    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    positive: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.bool_]

    @classmethod
    def per_class(
        cls,
        hot: npt.NDArray[np.bool_],
        scores: npt.NDArray[np.floating],
        known: npt.NDArray[np.bool_] | None = None,
    ) -> RankedLists:
        """One list per column of ``[rows, classes]``: for means over classes (macro).

        Cells that are not ``known`` are in no list; None: all are.
        """
        rows, classes = hot.shape
        ranked = -scores.T if known is None else np.where(known, -scores, np.inf).T
        order = np.argsort(ranked, axis=1, kind="stable")
        ordered = np.take_along_axis(scores.T, order, axis=1)
        starts = np.ones((classes, rows), dtype=bool)
        starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        positive = np.take_along_axis(hot.T, order, axis=1)
        if known is None:
            offsets = np.arange(classes + 1, dtype=np.int64) * rows
            return cls(offsets, order.astype(np.int32).ravel(), positive.ravel(), starts.ravel())
        sizes = known.sum(axis=0)
        kept = np.arange(rows) < sizes[:, None]  # the others stand last
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return cls(offsets, order.astype(np.int32)[kept], positive[kept], starts[kept])

    @classmethod
    def pooled(
        cls,
        hot: npt.NDArray[np.bool_],
        scores: npt.NDArray[np.floating],
        known: npt.NDArray[np.bool_] | None = None,
    ) -> RankedLists:
        """One list of all cells of ``[rows, classes]`` (micro), or of those that are known."""
        flat = scores.ravel()
        places = np.argsort(-flat, kind="stable")
        if known is not None:
            places = places[known.ravel()[places]]
        ordered = flat[places]
        starts = np.append(True, ordered[1:] != ordered[:-1])[: len(places)]
        return cls(
            np.array([0, len(places)], dtype=np.int64),
            (places // hot.shape[1]).astype(np.int32),
            hot.ravel()[places],
            starts,
        )

    def mean_areas(self, weights: Floats, threads: int = 1) -> tuple[Floats, Floats]:
        """AUROC and average precision, each the mean over the lists that define it.

        Parameters
        ----------
        weights
            Copies of each row, ``[draws, rows]``.
        threads
            Never changes the result.

        Returns
        -------
        auroc, average_precision
            ``[draws]``; NaN where no list has both hits and misses, or any hit.
        """
        from pybmfm.evaluation._ranking_kernels import add_ranked_areas

        sums = np.zeros((2, len(weights)))
        defined = np.zeros((2, len(weights)), dtype=np.int64)

        def work(first: int) -> None:
            part = slice(first, first + DRAWS_AT_ONCE)
            block = np.ascontiguousarray(weights[part].T, dtype=np.int32)
            own_sums, own_defined = sums[:, part].copy(), defined[:, part].copy()
            add_ranked_areas(
                self.offsets, self.rows, self.positive, self.starts, block, own_sums, own_defined
            )
            sums[:, part], defined[:, part] = own_sums, own_defined

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(0, len(weights), DRAWS_AT_ONCE)))
        means = ratio(sums, defined.astype(np.float64))
        return means[0], means[1]
