"""Real windows of a contig as a promoter-like task, to be encoded with variants in four ways.

Positives are the windows of 300 nt with more CpG than the median window, as promoters have, and
negatives the others; all have their locus. Blocks of the contig are train, dev or test, so that no
locus is on two sides. These are not promoters: they show how far variants alone, or their places,
tell the classes apart on real sequence.

    python benchmarks/real_windows.py --fasta genome.fa.gz --contig chr20 --rows 2000 --out windows
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pybmfm.genome import N_CODE, Genome
from pybmfm.variants import codes_to_text

LENGTH = 300
BLOCK = 20_000
SPLITS = ("train", "dev", "test")
SHARES = (0.7, 0.15, 0.15)


def windows(fasta: Path, contig: str) -> Iterator[tuple[int, str]]:
    """Start and sequence of every window without N, end to end."""
    with Genome(fasta) as genome:
        codes = genome.codes(contig)
    for start in range(0, len(codes) - LENGTH + 1, LENGTH):
        window = codes[start : start + LENGTH]
        if not (window == N_CODE).any():
            yield start, codes_to_text(window)


def task_rows(fasta: Path, contig: str, rows: int, seed: int) -> pd.DataFrame:
    """``id, sequence, label, contig, start, end, strand, split`` of so many windows."""
    rng = np.random.default_rng(seed)
    found = list(windows(fasta, contig))
    median = np.median([sequence.count("CG") for _, sequence in found])
    blocks = {start // BLOCK: None for start, _ in found}
    split_of = dict(zip(blocks, rng.choice(SPLITS, len(blocks), p=SHARES), strict=True))
    table = []
    for index in np.sort(rng.permutation(len(found))[:rows]).tolist():
        start, sequence = found[index]
        table.append(
            {
                "id": f"{contig}-{start}",
                "sequence": sequence,
                "label": int(sequence.count("CG") > median),
                "contig": contig,
                "start": start,
                "end": start + LENGTH,
                "strand": "+",
                "split": split_of[start // BLOCK],
            }
        )
    return pd.DataFrame(table)


def main() -> None:
    """Write OUT/train.csv, dev.csv and test.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fasta", type=Path, required=True)
    parser.add_argument("--contig", default="chr20")
    parser.add_argument("--rows", type=int, default=2000, help="windows in all splits together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    table = task_rows(given.fasta, given.contig, given.rows, given.seed)
    for split in SPLITS:
        part = table[table["split"] == split].drop(columns="split")
        part.to_csv(given.out / f"{split}.csv", index=False)
        print(f"{split}: {len(part)} rows, {int(part['label'].sum())} positives")


if __name__ == "__main__":
    main()
