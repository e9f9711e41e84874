"""One prediction per sequence where a table holds both strands of it."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from pybmfm.tasks import TaskTable
from pybmfm.tasks.strands import REVERSED

Array = TypeVar("Array", bound=np.ndarray)


def average_orientations(table: TaskTable, scores: Array) -> tuple[TaskTable, Array]:
    """Average the scores of rows ``X`` and ``X/rc``, and keep the rows ``X``.

    Parameters
    ----------
    table
        One split; ids ending in ``/rc`` mark the other strand of the row of the same name.
    scores
        ``[n, classes]`` probabilities or values, rows as in the table.

    Returns
    -------
    TaskTable, array
        The rows without their other strands, and their scores, in the same order; both as
        given where no row has one. A row ``X/rc`` without ``X`` stays.
    """
    place = {name: row for row, name in enumerate(table.ids)}
    pairs = [
        (place[name.removesuffix(REVERSED)], row)
        for name, row in place.items()
        if name.endswith(REVERSED) and name.removesuffix(REVERSED) in place
    ]
    if not pairs:
        return table, scores
    forward, backward = np.array(pairs).T
    averaged = scores.copy()
    averaged[forward] = (scores[forward] + scores[backward]) / 2
    kept = np.setdiff1d(np.arange(len(table)), backward)
    return table.take(kept, "orientations_averaged"), averaged[kept]
