"""Nextflow itself is killed while several tasks run: what was finished is not run again."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .pretraining_runs import kill_below, kill_engine, wait_until

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the engine's processes in /proc"),
]

# Tasks of one kind, as many at once as there are processors, wait for a file.
GATED = """
process {{
    withName: BASELINE {{
        beforeScript = 'while [ ! -e {gate} ]; do sleep 0.1; done'
    }}
}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A launch folder in which nothing runs on after the test."""
    yield tmp_path
    kill_below(tmp_path)


def finished(folder: Path) -> set[str]:
    """Names of the tasks that Nextflow saw end well, or found finished."""
    trace = folder / "results/pipeline_info/trace.txt"
    if not trace.exists():
        return set()
    with trace.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["name"] for row in rows if row["status"] in ("COMPLETED", "CACHED")}


def waiting(folder: Path) -> list[Path]:
    """Work folders of the tasks that wait for the file."""
    begun = [path.parent for path in folder.glob("work/*/*/.command.begin")]
    baselines = [path for path in begun if ":BASELINE " in (path / ".command.run").read_text()]
    return [path for path in baselines if not (path / ".exitcode").exists()]


def test_finished_tasks_outlive_an_engine_that_was_killed(stub_run, folder):
    (folder / "gated.config").write_text(GATED.format(gate=folder / "gate"))
    flags = ["-c", "gated.config", "--encodings", "ref", "--max_cpus", "1"]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(stub_run, folder, *flags)
        wait_until(lambda: finished(folder) and len(waiting(folder)) > 1)
        kill_engine(folder)
        assert running.result().code != 0
    before = finished(folder)
    (folder / "gate").touch()
    outcome = stub_run(folder, *flags, "-resume")
    assert outcome.code == 0, outcome.text
    again = {line.split(" > ")[1] for line in outcome.text.splitlines() if "Submitted pro" in line}
    assert not before & again
    assert sum("BASELINE" in name for name in again) == 12
    assert before < finished(folder)
    assert (folder / "results/report.html").exists()
