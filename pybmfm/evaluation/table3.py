"""Table 3: promoters as they are and with variants in four ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SETS = {
    "none": "not encoded",
    "class1": "class 1: negatives encoded by alignment too",
    "class2": "class 2: random places and symbols",
    "class3": "class 3: random places, the positives' symbols",
    "class4": "class 4: the positives with their variants elsewhere",
}
# 'promoter.class4' is class 4 of the promoters.
TASK = re.compile(rf"(?P<base>.+)\.(?P<set>{'|'.join(SETS)})")
METRICS_SHOWN = ("f1", "mcc", "auroc")  # the paper's F1, and MCC beside it always
COLUMNS = ("base", "sequences", "model", "seeds", "metric", "mean", "low", "high", "published")


def table_3(table2: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of variant-encoded tasks, ``<base>.none`` and ``<base>.class1`` to ``4``.

    Returns
    -------
    DataFrame
        ``base, sequences`` (what is encoded, in words), and the columns of Table 2; empty where
        no task has such a name.
    """
    import pandas as pd

    rows = []
    for row in table2[table2["metric"].isin(METRICS_SHOWN)].to_dict("records"):
        match = TASK.fullmatch(str(row["task"]))
        if match:
            named = {"base": match["base"], "sequences": SETS[match["set"]]}
            rows.append({**named, **{str(key): value for key, value in row.items()}})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["base", "metric", "sequences", "model"], ignore_index=True)


def is_variant_set(task: str) -> bool:
    """Whether a task is one of Table 3."""
    return TASK.fullmatch(task) is not None
