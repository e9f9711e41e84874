from __future__ import annotations

from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.tasks import read_task_sheet, task_of_table, write_task_sheet

HEADER = "task,kind,train,dev,test,metric\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split in ("train", "dev", "test"):
        path = tmp_path / "a" / f"{split}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("sequence,label\nAC,1\n")
    return tmp_path


def test_what_is_written_is_read_with_paths_beside_the_sheet(folder: Path) -> None:
    write_task_sheet(folder, [("a", "binary", "f1")])
    (entry,) = read_task_sheet(folder / "tasks.csv")
    assert (entry.task, entry.kind, entry.metric) == ("a", "binary", "f1")
    assert entry.dev == folder / "a" / "dev.csv"
    assert task_of_table(entry.train) == "a"


def test_an_empty_metric_is_the_kinds_own(folder: Path) -> None:
    sheet = folder / "tasks.csv"
    sheet.write_text(HEADER + "a,multilabel,a/train.csv,a/dev.csv,a/test.csv,\n")
    assert read_task_sheet(sheet)[0].metric == "auroc_macro"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,binry,a/train.csv,a/dev.csv,a/test.csv,f1", "line 2: unknown kind 'binry'"),
        ("a,binary,a/train.csv,a/dev.csv,a/test.csv,pearson", "no metric 'pearson'"),
        ("a,binary,a/train.csv,a/deev.csv,a/test.csv,f1", "no such file"),
        ("../a,binary,a/train.csv,a/dev.csv,a/test.csv,f1", "cannot name a folder"),
        ("", "lists no tasks"),
    ],
)
def test_broken_sheets_are_refused(folder: Path, line: str, message: str) -> None:
    sheet = folder / "tasks.csv"
    sheet.write_text(HEADER + line + "\n")
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        read_task_sheet(sheet)


def test_a_task_listed_twice_is_refused(folder: Path) -> None:
    sheet = folder / "tasks.csv"
    sheet.write_text(HEADER + 2 * "a,binary,a/train.csv,a/dev.csv,a/test.csv,f1\n")
    with pytest.raises(UserError, match="listed twice"):
        read_task_sheet(sheet)
