"""Several folders of task tables as one, with test tables of bounded size.

    python benchmarks/join_tasks.py --test-rows 2000 --out tasks bench mpra variants

A task that an earlier folder has is left out. Dev and test tables are drawn down to --test-rows,
groups whole; all rows without it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from pybmfm.core import read_table, write_table
from pybmfm.tasks import read_task_sheet, read_task_table
from pybmfm.tasks.table import sample_rows


def main() -> None:
    """Write OUT/tasks.csv and OUT/TASK/{train,dev,test}.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--test-rows", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    known: set[str] = set()
    rows = []
    for folder in given.folders:
        for entry in read_task_sheet(folder / "tasks.csv"):
            task = entry.task
            if task in known:
                continue
            known.add(task)
            (given.out / task).mkdir(parents=True)
            for split in ("train", "dev", "test"):
                source = getattr(entry, split)
                most = None if split == "train" else given.test_rows
                copy_table(source, given.out / task / f"{split}.csv", entry.kind, most, given.seed)
            tables = [f"{task}/{split}.csv" for split in ("train", "dev", "test")]
            rows.append((task, entry.kind, *tables, entry.metric))
    columns = ["task", "kind", "train", "dev", "test", "metric"]
    write_table(pd.DataFrame(rows, columns=columns), given.out / "tasks.csv")
    print(f"{len(rows)} tasks: {', '.join(row[0] for row in rows)}")


def copy_table(source: Path, target: Path, kind: str, most: int | None, seed: int) -> None:
    """Copy a table; a longer one is drawn down to ``most`` rows, its ids kept."""
    frame = read_table(source)
    table = read_task_table(source, kind)
    if "id" not in frame:
        frame.insert(0, "id", table.ids)
    if most is not None and len(frame) > most:
        frame = frame.iloc[sample_rows(table, most, seed)]
    write_table(frame, target)


if __name__ == "__main__":
    main()
