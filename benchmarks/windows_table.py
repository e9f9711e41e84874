"""Memory of the windows table of a human genome: ten passes, both strands, 11 million rows."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

from pybmfm.core import write_manifest
from pybmfm.corpus.build import divide_windows
from pybmfm.corpus.cutting import ContigLayout, WindowSettings, cut_windows
from pybmfm.corpus.intervals import IntervalSet
from pybmfm.corpus.splits import default_block_size
from pybmfm.corpus.windows_table import WINDOWS_FILE, WindowColumns, read_windows, write_windows

# GRCh38, megabases of chromosomes 1 to 22, X and Y.
MEGABASES = (
    *(249, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133),
    *(114, 107, 102, 90, 83, 80, 59, 64, 47, 51, 156, 57),
)


@click.command()
@click.option("--passes", default=10, show_default=True, help="Times the genome is cut.")
@click.option("--scale", default=1.0, show_default=True, help="Of the chromosomes' lengths.")
@click.option("--part", type=click.Choice(["cut", "read"]), help="Run one part, in this process.")
@click.option("--folder", type=click.Path(path_type=Path), help="Of the table, for --part.")
def main(passes: int, scale: float, part: str | None, folder: Path | None) -> None:
    """Cut a genome of human size without its sequence, write the table, read it to build from.

    Each part runs in a process of its own and prints its seconds and its peak memory; "import"
    is what a process takes that has only loaded the package.

    \b
    Example:
      python benchmarks/windows_table.py
    """
    if part and folder:
        _run(part, passes, scale, folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        click.echo(f"{'':8}{'rows':>14}{'seconds':>10}{'import MB':>11}{'peak MB':>10}")
        for name in ("cut", "read"):
            options = ["--part", name, "--passes", str(passes), "--scale", str(scale)]
            command = [sys.executable, __file__, *options, "--folder", temporary]
            subprocess.run(command, check=True)


def _run(part: str, passes: int, scale: float, folder: Path) -> None:
    # A first row of nothing loads what the libraries load late.
    _cut(1, 1e-4, folder / "warm")
    _read(folder / "warm")
    loaded, began = _peak(), time.perf_counter()
    rows = _cut(passes, scale, folder / "whole") if part == "cut" else _read(folder / "whole")
    seconds = time.perf_counter() - began
    click.echo(f"{part:8}{rows:14,}{seconds:10.1f}{loaded:11,.0f}{_peak():10,.0f}")


def _cut(passes: int, scale: float, folder: Path) -> int:
    lengths = {f"chr{i}": int(mb * 1e6 * scale) for i, mb in enumerate(MEGABASES, start=1)}
    layouts = [
        ContigLayout(name, length, [(0, length)], IntervalSet(*np.array([[0], [length]])))
        for name, length in lengths.items()
    ]
    settings = WindowSettings(folder, folder, passes=passes)
    windows = cut_windows(settings, layouts, default_block_size(lengths), Counter())
    folder.mkdir(exist_ok=True)
    write_windows(windows, folder / WINDOWS_FILE)
    write_manifest(folder, artefact="windows", settings={})
    return 2 * sum(map(len, windows))


def _read(folder: Path) -> int:
    table, _ = read_windows(folder)
    shards = divide_windows(table, shard_rows=65_536)
    columns = WindowColumns.of(table)
    assert sum(shard.windows for shard in shards) == len(columns)
    return len(columns)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
