from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pybmfm.variants import ALPHABET, STATES


def test_the_benchmark_runs_and_names_its_peer(repository: Path) -> None:
    script = repository / "benchmarks" / "draw_and_encode.py"
    result = subprocess.run(
        [sys.executable, str(script), "--megabases", "0.02"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert "drawing, one call per position" in lines
    assert "drawing, pybmfm paper" in lines
    assert "encoding, pybmfm - strand" in lines


def test_the_peer_draws_what_the_publication_says(repository: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(repository / 'benchmarks')!r})\n"
        "import numpy as np\n"
        "from peers.published_draws import published_encoding\n"
        "from pybmfm.variants import ALPHABET\n"
        "p = np.zeros((2, 11), np.float32); p[0, [0, 1]] = 0.9, 0.1; p[1, 8] = 1\n"
        "sys.stdout.buffer.write(published_encoding('ACTG', [0, 2], p, ALPHABET[11:]).encode())\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    pair = ALPHABET[11 + 11 * STATES.index("A") + STATES.index("G")]
    assert run.stdout.decode() == f"{pair}CUG"
