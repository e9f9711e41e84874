"""Reading a corpus: windows in random order into batches for a model."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from peers.published_corpus import published_collate
from small_world import make_world
from transformers import PreTrainedTokenizerFast

from pybmfm.corpus import CorpusSettings, TokenCorpus, build_corpus
from pybmfm.model import FlatBatch
from pybmfm.tokenizer import DnaTokenizer

BATCH = 40  # of the published models


@click.command()
@click.option("--megabases", default=2.0, show_default=True, help="Size of the genome.")
@click.option("--passes", default=8, show_default=True, help="Times it is cut.")
@click.option("--peer-batches", default=25, show_default=True, help="Batches of the other way.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, help="Of the other way's tokenizer.")
def main(megabases: float, passes: int, peer_batches: int, seed: int, threads: int) -> None:
    """Compare with a loader that stores text, tokenizes it every epoch and pads it.

    Windows of 1-10 kb per second of CPU, batches of 40 in random order, files in the page cache,
    the median of several epochs after one that is left out. The other way has its text in
    memory already and gives tensors of 40 x 2048; ours reads memory-mapped shards and gives
    tokens laid end to end, as they are stored and as the model's int64 tensors with positions.

    \b
    Example:
      python benchmarks/read_corpus.py --megabases 5
    """
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        world = make_world(folder, int(megabases * 1e6), 0.01, passes, seed)
        build_corpus(
            CorpusSettings(
                fasta=world.fasta,
                windows=world.windows,
                tokenizer=world.tokenizer,
                frequencies=world.frequencies,
                out=folder / "corpus",
            )
        )
        _run(folder, world.tokenizer, peer_batches, seed)


def _run(folder: Path, tokenizer_folder: Path, peer_batches: int, seed: int) -> None:
    corpus = TokenCorpus(folder / "corpus", "train")
    order = np.random.default_rng(seed).permutation(len(corpus))
    batches = np.array_split(order, max(1, len(order) // BATCH))
    tokens = int(corpus.lengths.sum())
    click.echo(f"{len(corpus):,} windows, {tokens / len(corpus):,.0f} tokens each")
    click.echo(f"{'':44}{'windows/s':>12}{'M tokens/s':>12}")

    def show(name: str, read: Callable[[Any], Any], chosen: list[Any], epochs: int) -> float:
        seconds = _median(read, chosen, epochs)
        windows = sum(len(batch) for batch in chosen) / seconds
        click.echo(f"{name:44}{windows:12,.0f}{windows * tokens / len(corpus) / 1e6:12.1f}")
        return windows

    stored = show("pybmfm, flat batch as stored", corpus.flat, batches, 7)
    tensors = show(
        "pybmfm, int64 tensors with positions",
        lambda rows: _flat_batch(*corpus.flat(rows)),
        batches,
        7,
    )
    texts = _texts(corpus, tokenizer_folder, batches[:peer_batches])
    file = str(tokenizer_folder / "tokenizer.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=file, pad_token="[PAD]")
    peer = show(
        "text tokenized per batch, padded to 2048",
        lambda batch: published_collate(tokenizer, batch),
        texts,
        1,
    )
    click.echo(f"ratios: {stored / peer:,.0f} as stored, {tensors / peer:,.0f} as tensors")


def _median(read: Callable[[Any], Any], batches: list[Any], epochs: int) -> float:
    for batch in batches:
        read(batch)
    times = []
    for _ in range(epochs):
        began = time.process_time()
        for batch in batches:
            read(batch)
        times.append(time.process_time() - began)
    return float(np.median(times))


def _flat_batch(tokens: NDArray[np.uint16], offsets: NDArray[np.int64]) -> FlatBatch:
    places = np.arange(len(tokens))
    places -= np.repeat(offsets[:-1], np.diff(offsets))
    columns = (tokens.astype(np.int64), places, offsets)
    return FlatBatch(*map(torch.from_numpy, columns))


def _texts(corpus: TokenCorpus, folder: Path, batches: list[NDArray[np.int64]]) -> list[list[str]]:
    """Return the text that the other way would have stored."""
    tokenizer = DnaTokenizer.load(folder)
    return [[tokenizer.decode(corpus.tokens(int(row))) for row in rows] for rows in batches]


if __name__ == "__main__":
    main()
