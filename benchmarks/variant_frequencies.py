"""From a VCF to a frequency table: this package beside the published way, in one run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from dbsnp_like import CONTIG, write_genome, write_variants
from peers.published_frequencies import published_frequencies

from pybmfm.variants.build import FrequencySettings, variant_frequencies

_PIECES = Path(__file__).parents[2] / "shared/data/bench/GRCh37"
# Printed by a process of its own: the peak of the call above what imports and kernels take.
_MEMORY = """
import sys
from pathlib import Path
from pybmfm.variants.build import FrequencySettings, variant_frequencies
def peak():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024
def read(folder, out):
    variant_frequencies(FrequencySettings(fasta=Path(folder, "genome.fa"),
        vcf=Path(folder, "variants.vcf.gz"), out=Path(out), threads=int(sys.argv[4])))
read(sys.argv[1], sys.argv[3])
before = peak()
read(sys.argv[2], sys.argv[3])
print(peak() - before)
"""


@click.command()
@click.option("--sizes", default="1,5,20", show_default=True, help="Megabases, comma-separated.")
@click.option("--threads", default="1,2", show_default=True, help="Thread counts of ours.")
@click.option("--repeats", default=3, show_default=True, help="Runs of ours; the median counts.")
@click.option(
    "--peer-up-to", default=20, show_default=True, help="Largest size the peer runs at, in Mb."
)
@click.option("--seed", default=0, show_default=True)
def main(sizes: str, threads: str, repeats: int, peer_up_to: int, seed: int) -> None:
    """Time `variant-frequencies` on dense VCFs such as dbSNP's (0.36 records per base, bgzip).

    Wall-clock seconds, both sides reading bgzip and writing their result; one warm-up of ours at
    1 Mb first, so that compiling is not counted. Memory is the peak of a process of its own
    above its peak after the warm-up, divided by the bases.

    \b
    Example:
      python benchmarks/variant_frequencies.py --sizes 1,5,20,100
    """
    counts = [int(number) for number in threads.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _make(folder / "warm", 1, seed)
        _ours(folder / "warm", counts[-1])
        click.echo("Mb  records     published s" + "".join(f"   {n} thr. s   x" for n in counts)
                   + "   bytes/base")  # fmt: skip
        for size in map(int, sizes.split(",")):
            world = folder / f"{size}"
            records = _make(world, size, seed)
            peer = _timed(lambda world=world: _peer(world)) if size <= peer_up_to else None
            line = f"{size:<3} {records:<11,} {peer or float('nan'):11.2f}"
            for number in counts:
                ours = _median(lambda world=world, n=number: _ours(world, n), repeats)
                line += f"   {ours:8.3f} {(peer or float('nan')) / ours:4.1f}"
            click.echo(f"{line}   {_memory(folder / 'warm', world, counts[0]) / size / 1e6:.1f}")
    _real_pieces(counts, repeats)


def _make(folder: Path, size: int, seed: int) -> int:
    folder.mkdir()
    letters = write_genome(folder / "genome.fa", size * 1_000_000, seed)
    return write_variants(folder / "variants.vcf.gz", letters, 0.36, 0.01, seed)


def _ours(folder: Path, threads: int) -> None:
    variant_frequencies(
        FrequencySettings(
            fasta=folder / "genome.fa",
            vcf=folder / "variants.vcf.gz",
            out=folder / "table",
            threads=threads,
        )
    )


def _peer(folder: Path) -> None:
    published_frequencies(
        folder / "genome.fa", folder / "variants.vcf.gz", folder / "rows.npz", [CONTIG]
    )


def _real_pieces(counts: list[int], repeats: int) -> None:
    """Print the ratio on 15 Mb of real variants, a sparse file where starting up weighs more."""
    vcf, fasta = _PIECES / "variants.dbsnp_style.vcf.gz", _PIECES / "reference.pieces.fa.gz"
    if not vcf.is_file():
        click.echo("real pieces of GRCh37: absent")
        return
    import pysam

    with tempfile.TemporaryDirectory() as folder, pysam.FastaFile(str(fasta)) as genome:
        out = Path(folder)
        contigs = list(genome.references)
        peer = _timed(lambda: published_frequencies(fasta, vcf, out / "rows.npz", contigs))
        for number in counts:
            settings = FrequencySettings(fasta=fasta, vcf=vcf, out=out / "t", threads=number)
            ours = _median(lambda settings=settings: variant_frequencies(settings), repeats)
            click.echo(
                f"real pieces of GRCh37, {number} threads: published {peer:.2f} s, "
                f"ours {ours:.3f} s, x {peer / ours:.1f}"
            )


def _memory(warm: Path, world: Path, threads: int) -> int:
    command = [sys.executable, "-c", _MEMORY, str(warm), str(world), str(world / "t"), str(threads)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _median(run: Callable[[], object], repeats: int) -> float:
    return sorted(_timed(run) for _ in range(repeats))[repeats // 2]


def _timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
