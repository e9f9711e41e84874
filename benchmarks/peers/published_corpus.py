"""The published way to a corpus: one drawn text of the genome, cut, tokenized, stored as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pysam
from numpy.typing import NDArray
from tokenizers import Tokenizer

STATES = ("A", "G", "T", "C", "N", "DEL", "AI", "GI", "TI", "CI", "NI")
LONE = "AGTCNXBHUDO"
MAX_TOKENS = 2048
BATCH = 1000


def published_build(
    fasta: Path, rows: tuple[NDArray[Any], NDArray[Any]], windows: pd.DataFrame, tokenizer: Path,
    alphabet: str, out: Path,
) -> int:  # fmt: skip
    """Draw once, cut the windows, encode them in batches and write the text; return tokens.

    Parameters
    ----------
    rows
        Varying positions and their probabilities of 11 states.
    windows
        Columns contig, start, end, strand; minus strands are complemented as plain DNA.
    tokenizer
        Folder.
    alphabet
        The 121 pair characters, in order.
    """
    with pysam.FastaFile(str(fasta)) as genome:
        letters = list(genome.fetch("chr1").upper())
    rng = np.random.default_rng(42)
    for position, p in zip(*rows, strict=True):
        letters[position] = _draw(rng, p, alphabet)
    text = "".join(letters)
    complement = str.maketrans("ACGT", "TGCA")
    encoder = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    schema = pa.schema([("sequence", pa.string())])
    tokens = 0
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for first in range(0, len(windows), BATCH):
            batch = []
            for row in windows.iloc[first : first + BATCH].itertuples():
                piece = text[row.start : row.end]
                batch.append(piece if row.strand == "+" else piece.translate(complement)[::-1])
            tokens += sum(len(encoding.ids) for encoding in encoder.encode_batch(batch))
            writer.write_batch(pa.record_batch([pa.array(batch)], schema=schema))
    return tokens


def _draw(rng: np.random.Generator, p: NDArray[np.float32], alphabet: str) -> str:
    """Two states without replacement, in the order of their names, as one character."""
    mass = p.astype(np.float64) / p.sum(dtype=np.float64)
    if mass.max() > 0.999:
        return LONE[int(mass.argmax())]
    one, two = sorted(STATES[i] for i in rng.choice(len(STATES), size=2, replace=False, p=mass))
    return alphabet[11 * STATES.index(one) + STATES.index(two)]


def published_collate(tokenizer: Any, texts: list[str]) -> Any:
    """Tokenize stored text for every batch of every epoch, padded to the longest allowed."""
    return tokenizer(
        texts, padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
    )
