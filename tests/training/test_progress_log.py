"""The log of a run, on disks with room and without."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pybmfm.core import UserError
from pybmfm.training.progress_log import NAME, ProgressLog


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """The kernel refuses what would make a file larger, after it took what fitted."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / NAME).read_text().splitlines()]


def test_what_a_full_disk_did_not_take_comes_when_there_is_room(tmp_path, caplog):
    log = ProgressLog([tmp_path])
    log.write(step=1)
    whole = (tmp_path / NAME).read_text()
    with no_room_beyond(len(whole) + 5):
        log.write(step=2)
        log.write(step=3)
    assert (tmp_path / NAME).read_text() == whole
    assert caplog.text.count("cannot be written for now") == 1
    log.write(step=4)
    assert steps(tmp_path) == [1, 2, 3, 4]


def test_a_log_that_stays_incomplete_is_an_error_and_a_copy_is_none(tmp_path):
    log = ProgressLog([tmp_path / "durable", tmp_path / "out"])
    with no_room_beyond(5):
        log.write(step=1)
        with pytest.raises(UserError, match=r"progress\.jsonl: cannot be written to the end"):
            log.complete()
    log.complete()
    assert steps(tmp_path / "durable") == steps(tmp_path / "out") == [1]
    (tmp_path / "durable" / NAME).unlink()
    log.write(step=2)
    log.complete()
    assert steps(tmp_path / "out") == [1, 2]


def test_a_retry_begins_with_the_durable_copy_without_its_torn_line(tmp_path):
    ProgressLog([tmp_path / "durable"]).write(step=1)
    with (tmp_path / "durable" / NAME).open("a") as file:
        file.write('{"step": 2')
    ProgressLog([tmp_path / "durable", tmp_path / "out"]).write(step=2)
    assert steps(tmp_path / "durable") == steps(tmp_path / "out")[:2] == [1, 2]


@pytest.mark.parametrize("theirs", ["my notes", "my notes\n", '{"mine": 1}\n', "[1, 2]\n"])
@pytest.mark.parametrize("anew", [True, False])
def test_a_file_of_the_user_of_that_name_is_kept(tmp_path, theirs, anew):
    (tmp_path / NAME).write_text(theirs)
    ProgressLog([tmp_path], anew=anew).write(step=1)
    assert (tmp_path / f"{NAME}.kept").read_text() == theirs
    assert steps(tmp_path) == [1]
