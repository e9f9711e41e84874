"""What Nextflow wrote to run its tasks: whether each was to run in a container, and in whose."""

from __future__ import annotations

from pathlib import Path


def task_scripts(work: Path) -> list[str]:
    """Return Nextflow's script of every task in a work folder."""
    return [script.read_text() for script in work.glob("*/*/.command.run")]


def started_in(engine: str, script: str) -> bool:
    """Say whether a task's script starts a container of an engine."""
    return any(f"{engine} {verb} " in script for verb in ("run", "exec"))
