"""Drawing alleles and encoding a contig: ours, and one generator call per varying position."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from peers.published_draws import published_draws, published_encoding

from pybmfm.core import write_manifest
from pybmfm.genome import Genome, decode_bases
from pybmfm.variants import ALPHABET, FrequencyTable, WindowEncoder
from pybmfm.variants.draws import allele_key, draw_codes
from pybmfm.variants.encoder import ContigEncoder
from pybmfm.variants.symbols import PAIR_CODE
from pybmfm.variants.table import write_rows

WINDOW = 5000
REPEATS = 5
STATES_SHARE = (0.05, 0.86, 0.09)  # of the positions with one, two and three states


@click.command()
@click.option("--megabases", default=5.0, show_default=True, help="Length of the contig.")
@click.option("--common", default=0.01, show_default=True, help="Share of varying positions.")
@click.option("--threads", default=2, show_default=True, help="Also encode on so many threads.")
@click.option("--seed", default=0, show_default=True)
def main(megabases: float, common: float, threads: int, seed: int) -> None:
    """Compare seconds to draw every varying position, and to encode the whole contig.

    Both start from the reference and the rows in memory; ours encodes windows of 5 kb to codes,
    the peer the contig to text. Ours is the median of five runs after one that loads or
    compiles the kernels and is left out; the peer runs once. The ratio is of CPU seconds of one
    thread. Memory is ours while it encodes the plus strand, above what was held before.

    \b
    Example:
      python benchmarks/draw_and_encode.py --megabases 20
    """
    with _world(int(megabases * 1e6), common, seed) as encoder:
        contig = encoder.contig("chr1")
        contig.encode_many([0], [1], [False])  # loads the kernels
        held = _reset_peak()
        _encode(contig, "+", 1)
        per_base = (_peak_bytes() - held) / contig.length
        assert encoder.table is not None
        positions, p = encoder.table.rows("chr1")
        reference = decode_bases(encoder.genome.codes("chr1"))
        key = allele_key(seed, 0, "chr1")
        pairs = ALPHABET[PAIR_CODE:]
        click.echo(f"{contig.length:,} nt, {len(positions):,} varying")
        click.echo(f"{'':32}{'CPU s':>10}{'wall s':>10}{'M/CPU s':>10}{'ratio':>9}")
        for strategy in ("paper", "hardy-weinberg"):
            ours = _median(lambda s=strategy: draw_codes(positions, p, key, s))
            if strategy == "paper":
                peer = _timed(lambda: published_draws(p, pairs))
                _line("drawing, one call per position", peer, len(positions))
            _line(f"drawing, pybmfm {strategy}", ours, len(positions), peer[0])
        peer = _timed(lambda: published_encoding(reference, positions, p, pairs))
        _line("encoding, one call per position", peer, contig.length)
        for strand in "+-":
            ours = _median(lambda s=strand: _encode(contig, s, 1))
            _line(f"encoding, pybmfm {strand} strand", ours, contig.length, peer[0])
        several = _median(lambda: _encode(contig, "+", threads))
        _line(f"encoding, pybmfm {threads} threads", several, contig.length, peer[0])
        click.echo(f"peak memory {per_base:.2f} bytes per base, its result (1 per base) included")


@contextmanager
def _world(bases: int, common: float, seed: int) -> Iterator[WindowEncoder]:
    """A random contig with a frequency table: one, two or three states at varying positions."""
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", np.uint8)[rng.integers(4, size=bases)]
    with tempfile.TemporaryDirectory(prefix="draw-and-encode-") as name:
        folder = Path(name)
        (folder / "genome.fa").write_bytes(b">chr1\n" + letters.tobytes() + b"\n")
        with Genome(folder / "genome.fa") as genome:
            _write_table(folder, genome, common, rng)
            yield WindowEncoder(genome, FrequencyTable.open(folder), seed=seed)


def _write_table(folder: Path, genome: Genome, common: float, rng: np.random.Generator) -> None:
    codes = genome.codes("chr1")
    positions = np.flatnonzero(rng.random(len(codes)) < common).astype(np.int32)
    n, rows = len(positions), np.arange(len(positions))
    states = rng.choice([1, 2, 3], size=n, p=STATES_SHARE)
    minor = rng.beta(0.3, 2, n) / 3 + 0.002
    p = np.zeros((n, 11), np.float32)
    p[rows, codes[positions]] = np.where(states > 1, 1 - minor * (states - 1), 0)
    p[rows, (codes[positions] + 1) % 4] = np.where(states > 1, minor, 1)
    p[rows[states == 3], 5] = minor[states == 3]
    write_rows(
        folder, "chr1", positions, p,
        length=len(codes), sequence_digest=genome.sequence_digest("chr1"), haploid=False,
    )  # fmt: skip
    write_manifest(folder, artefact="frequency-table", settings={}, contigs={"chr1": {}})


def _encode(contig: ContigEncoder, strand: str, threads: int) -> None:
    starts = np.arange(0, contig.length, WINDOW)
    ends = np.minimum(starts + WINDOW, contig.length)
    minus = np.full(len(starts), strand == "-")
    parts = [np.array_split(column, threads) for column in (starts, ends, minus)]
    if threads == 1:
        contig.encode_many(starts, ends, minus)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(contig.encode_many, *parts))


def _median(work: Callable[[], Any]) -> tuple[float, float]:
    work()
    runs = [_timed(work) for _ in range(REPEATS)]
    return statistics.median(cpu for cpu, _ in runs), statistics.median(wall for _, wall in runs)


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    started, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - started, time.perf_counter() - wall


def _line(name: str, seconds: tuple[float, float], items: int, peer: float | None = None) -> None:
    cpu, wall = seconds
    ratio = "" if peer is None else f"{peer / cpu:9,.0f}"
    click.echo(f"{name:32}{cpu:10.4f}{wall:10.4f}{items / cpu / 1e6:10.2f}{ratio}")


def _reset_peak() -> int:
    """Start the measurement of peak memory anew; return what is held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
