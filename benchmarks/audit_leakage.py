"""Shared canonical 32-mers of two splits: ours, and sets of strings in plain Python."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from pybmfm.evaluation.leakage_kmers import MOST_HELD, KmerSet
from pybmfm.evaluation.leakage_profiles import profile_split
from pybmfm.evaluation.leakage_sequences import Batch, SequenceSplit, row_groups
from pybmfm.genome import decode_bases

K = 32
WINDOW = 5000
SHARED = 0.1  # share of the second split that is cut from the first
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@click.command()
@click.option("--megabases", default=60.0, show_default=True, help="Letters of the first split.")
@click.option("--peer-megabases", default=1.0, show_default=True, help="Letters for the peer.")
@click.option("--threads", default=1, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(megabases: float, peer_megabases: float, threads: int, seed: int) -> None:
    """Compare CPU seconds from codes (ours) or text (peer) in memory to shared 32-mers.

    Ours digests the rows of both strands as well, as the audit does. Splits are random DNA in
    windows of 5 kb, the second a fifth as long as the first and a tenth of it cut from the
    first. A run on little text, which loads or compiles the kernels, is left out. Peak memory
    is ours, above what the process held before with the windows in it.

    \b
    Example:
      python benchmarks/audit_leakage.py --megabases 120 --threads 2
    """
    _shared(*_splits(0.1, seed), threads)  # loads the kernels
    a, b = _splits(megabases, seed)
    held = _reset_peak()
    shared, seconds, wall = _timed(lambda: _shared(a, b, threads))
    memory = _peak_bytes() - held
    speed = (a.size + b.size) / seconds / 1e6
    few_a, few_b = _splits(peer_megabases, seed)
    same, peer_seconds, _ = _timed(lambda: len(_strings(few_a) & _strings(few_b)))
    peer_speed = (few_a.size + few_b.size) / peer_seconds / 1e6
    ours_on_few = _shared(few_a, few_b, threads).estimate
    truth = b.size * SHARED * (WINDOW - K + 1) / WINDOW
    click.echo(f"{'':16}{'M letters':>12}{'CPU s':>9}{'wall s':>9}{'M letters/CPU s':>18}")
    click.echo(
        f"{'pybmfm':16}{(a.size + b.size) / 1e6:12.1f}{seconds:9.2f}{wall:9.2f}{speed:18.2f}"
    )
    click.echo(
        f"{'Python sets':16}{(few_a.size + few_b.size) / 1e6:12.1f}{peer_seconds:9.2f}"
        f"{peer_seconds:9.2f}{peer_speed:18.2f}"
    )
    click.echo(f"ratio {speed / peer_speed:.1f}; same count on the peer's: {same == ours_on_few}")
    click.echo(
        f"shared 32-mers {shared.estimate:,} (planted {truth:,.0f}), one in {shared.one_in} kept; "
        f"peak memory {memory / 1e9:.2f} GB for at most {MOST_HELD / 1e6:.0f} M 32-mers a split"
    )


def _splits(megabases: float, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Windows of both splits, uint8[windows, WINDOW]."""
    rng = np.random.default_rng(seed)
    number = max(50, int(megabases * 1e6) // WINDOW)
    a = rng.integers(4, size=(number, WINDOW), dtype=np.uint8)
    b = rng.integers(4, size=(number // 5, WINDOW), dtype=np.uint8)
    copied = round(len(b) * SHARED)
    b[:copied] = a[:copied]
    return a, b


def _shared(a: NDArray[np.uint8], b: NDArray[np.uint8], threads: int) -> KmerSet:
    one, two = (profile_split(_split(windows), "split", threads).kmers for windows in (a, b))
    assert one is not None
    assert two is not None
    return one.shared_with(two)


def _split(windows: NDArray[np.uint8]) -> SequenceSplit:
    lengths = np.full(len(windows), WINDOW, dtype=np.int64)
    batches = (
        Batch(first, windows[first:end].ravel(), np.arange(end - first + 1) * WINDOW)
        for first, end in row_groups(lengths)
    )
    return SequenceSplit("split", len(windows), lambda: batches, str)


def _strings(windows: NDArray[np.uint8]) -> set[str]:
    """Canonical 32-mers as strings."""
    found: set[str] = set()
    for row in windows:
        text = decode_bases(row)
        turned = text.translate(COMPLEMENT)[::-1]
        for place in range(len(text) - K + 1):
            end = len(text) - place
            found.add(min(text[place : place + K], turned[end - K : end]))
    return found


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    started, wall = _cpu(), time.perf_counter()
    result = work()
    return result, _cpu() - started, time.perf_counter() - wall


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _reset_peak() -> int:
    """Start the measurement of peak memory anew; return what is held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
