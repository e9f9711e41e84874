"""Building a corpus end to end: genome, frequencies and windows in, token shards out."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from peers.published_corpus import published_build
from small_world import SmallWorld, make_world

from pybmfm.core import read_manifest
from pybmfm.corpus import CorpusSettings, build_corpus, read_windows
from pybmfm.variants import ALPHABET, VARIANT_CODE, FrequencyTable

HUMAN_NUCLEOTIDES = 2_940_000_000 * 10 * 2  # ACGT, ten passes, both strands
HUMAN_LIMIT = 30e9
PAIRS = ALPHABET[VARIANT_CODE:]


@click.command()
@click.option("--megabases", default=5.0, show_default=True, help="Size of the genome.")
@click.option("--passes", default=4, show_default=True, help="Times it is cut.")
@click.option("--common", default=0.01, show_default=True, help="Share of positions that vary.")
@click.option("--seed", default=0, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Work here and keep the files.")
def main(megabases: float, passes: int, common: float, seed: int, keep: Path | None) -> None:
    """Compare with drawing once row by row, Hugging Face's batch encoding and writing text.

    Figures are CPU and wall seconds from the FASTA on disk to the files on disk, one thread
    each; a warm-up build, which loads the compiled code, is left out. The other way draws the
    genome once for all passes, ours draws the alleles of every pass. The last line scales the
    bytes on disk to ten passes and both strands of a human genome.

    \b
    Example:
      python benchmarks/build_corpus.py --megabases 10
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        _run(folder, make_world(folder, int(megabases * 1e6), common, passes, seed))


def _run(folder: Path, world: SmallWorld) -> None:
    windows, _ = read_windows(world.windows)
    nucleotides = int((windows["end"] - windows["start"]).sum())
    rows = FrequencyTable.open(world.frequencies).rows("chr1")
    click.echo(f"{len(windows):,} windows, {nucleotides / 1e6:.0f} M nucleotides")
    click.echo(f"{'':32}{'CPU s':>9}{'wall s':>9}{'M nt/CPU s':>12}")

    def ours(threads: int) -> Callable[[], None]:
        return lambda: build_corpus(
            CorpusSettings(
                fasta=world.fasta,
                windows=world.windows,
                tokenizer=world.tokenizer,
                frequencies=world.frequencies,
                out=folder / "corpus",
                threads=threads,
            )
        )

    ours(1)()  # loads the compiled code
    here = _median("pybmfm, 1 thread", ours(1), nucleotides, 3)
    _median("pybmfm, 2 threads", ours(2), nucleotides, 3)
    peer = _median(
        "row by row, HF batch, text",
        lambda: published_build(
            world.fasta, rows, windows, world.tokenizer, PAIRS, folder / "text.arrow"
        ),
        nucleotides,
        1,
    )
    click.echo(f"ratio of CPU seconds: {peer / here:.1f}")
    _print_disk(read_manifest(folder / "corpus", "corpus"))


def _median(name: str, build: Callable[[], Any], nucleotides: int, times: int) -> float:
    figures = sorted(_measure(build) for _ in range(times))
    cpu, wall = figures[times // 2]
    click.echo(f"{name:32}{cpu:9.2f}{wall:9.2f}{nucleotides / cpu / 1e6:12.1f}")
    return cpu


def _measure(build: Callable[[], Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    build()
    return time.process_time() - cpu, time.perf_counter() - wall


def _print_disk(manifest: dict[str, Any]) -> None:
    human = manifest["bytes_per_nucleotide"] * HUMAN_NUCLEOTIDES
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    click.echo(
        f"{manifest['bytes_per_token']:.3f} bytes per token, "
        f"{manifest['bytes_per_window']:,.0f} per window; peak memory {peak:.2f} GiB\n"
        f"ten passes and both strands of a human genome: {human / 1e9:.1f} GB "
        f"of {HUMAN_LIMIT / 1e9:.0f} GB"
    )


if __name__ == "__main__":
    main()
