"""A chromosome of human size through every stage of the variant engine: time and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import pysam
from dbsnp_like import CONTIG, write_genome, write_variants

_HEADER = f"""##fileformat=VCFv4.2
##contig=<ID={CONTIG}>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone\ttwo
"""
_GENOTYPES = ("0|1\t1|0", "1|1\t0|0", "0|0\t0|1", "1|0\t1|1")
_PER_BATCH = 1_000_000
_WINDOW = 1_000


@click.command()
@click.option("--megabases", default=250, show_default=True)
@click.option("--varying", default=0.01, show_default=True, help="Share of positions that vary.")
@click.option("--threads", default=1, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(megabases: int, varying: float, threads: int, seed: int) -> None:
    """Run each command on one synthetic chromosome, as a process of its own.

    Peak memory is that of the process, imports and mapped files included.

    \b
    Example:
      python benchmarks/whole_chromosome.py --megabases 250
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # In a process of its own: a small one is to measure the stages, see `_run`.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            records = pool.submit(_make, folder, megabases, varying, seed).result()
        click.echo(f"{megabases} Mb, {records:,} records, {threads} threads")
        click.echo(f"{'stage':44}{'wall s':>8}{'peak MB':>9}")
        for stage, command in _stages(threads).items():
            seconds, peak = _run(folder, command)
            click.echo(f"{stage:44}{seconds:8.1f}{peak / 1e6:9.0f}")


def _make(folder: Path, megabases: int, varying: float, seed: int) -> int:
    """Write the genome, its variants, phased genotypes and loci; return the records."""
    letters = write_genome(folder / "genome.fa", megabases * 1_000_000, seed)
    _write_phased(folder / "phased.vcf.gz", letters, varying, seed)
    _write_loci(folder / "loci.bed", len(letters))
    return write_variants(folder / "variants.vcf.gz", letters, varying, varying, seed)


def _stages(threads: int) -> dict[str, str]:
    """Command lines by what they show."""
    genome, table = "--fasta genome.fa", "--frequencies table"
    phased = "--strategy haplotypes --haplotypes phased.vcf.gz"
    encode, loci = f"encode-genome {genome}", f"encode-sequences {genome} --input loci.bed"
    return {
        "list-contigs": f"list-contigs {genome} --vcf variants.vcf.gz --out contigs.tsv",
        "variant-frequencies": f"variant-frequencies {genome} --vcf variants.vcf.gz --out table "
        f"--threads {threads}",
        "merge-frequencies": "merge-frequencies --frequencies table --out merged",
        "encode-genome, text": f"{encode} {table} --out plus.fa",
        "encode-genome, text, minus strand": f"{encode} {table} --strand - --out minus.fa",
        "encode-genome, codes": f"{encode} {table} --format codes --out plus.npz",
        "encode-genome, codes, hardy-weinberg": f"{encode} {table} --format codes "
        "--strategy hardy-weinberg --out drawn.npz",
        "encode-genome, codes, haplotypes": f"{encode} {phased} --format codes --out person.npz",
        "encode-sequences, every locus once": f"{loci} {table} --out loci.parquet",
        "encode-sequences, haplotypes": f"{loci} {phased} --out person.parquet",
        "summarize (figures of the report)": "summarize --results table --out summary",
    }


def _run(folder: Path, command: str) -> tuple[float, int]:
    """Run ``pybmfm`` and return its seconds and the most bytes that it had in memory.

    A process begins with what the one that starts it holds, so the figure is never below that.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "pybmfm", *command.split()], cwd=folder, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: pybmfm {command}")
    return time.perf_counter() - started, usage.ru_maxrss * 1024


def _write_phased(path: Path, letters: bytes, varying: float, seed: int) -> None:
    """Write and index phased SNPs of two individuals."""
    rng = np.random.default_rng(seed + 2)
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(_HEADER.encode())
        for start in range(0, len(letters), _PER_BATCH):
            stop = min(start + _PER_BATCH, len(letters))
            places = start + np.flatnonzero(rng.random(stop - start) < varying)
            lines = [_phased_record(place, chr(letters[place])) for place in places.tolist()]
            out.write("".join(lines).encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)


def _phased_record(place: int, reference: str) -> str:
    alternate = "ACGT"["ACGT".index(reference) - 1]
    genotypes = _GENOTYPES[place % len(_GENOTYPES)]
    return f"{CONTIG}\t{place + 1}\t.\t{reference}\t{alternate}\t.\t.\t.\tGT\t{genotypes}\n"


def _write_loci(path: Path, length: int) -> None:
    """Write windows that cover the chromosome, on either strand in turn."""
    with path.open("w") as out:
        for number, start in enumerate(range(0, length - _WINDOW + 1, _WINDOW)):
            out.write(f"{CONTIG}\t{start}\t{start + _WINDOW}\t.\t0\t{'+-'[number % 2]}\n")


if __name__ == "__main__":
    main()
