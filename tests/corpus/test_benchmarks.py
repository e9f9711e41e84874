"""A benchmark of this room runs and prints what it claims; times are not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_building_is_compared_at_a_tiny_size(repository: Path) -> None:
    script = str(repository / "benchmarks" / "build_corpus.py")
    command = [sys.executable, script, "--megabases", "0.1", "--passes", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "ratio of CPU seconds" in run.stdout
    assert "GB of 30 GB" in run.stdout
