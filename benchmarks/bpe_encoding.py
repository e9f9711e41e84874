"""Encoding sequences with a BPE vocabulary: ours and Hugging Face's, ids compared."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from pybmfm.genome import Genome
from pybmfm.simulate.background import background, repeat_families
from pybmfm.tokenizer import TokenizerSettings
from pybmfm.tokenizer.bpe_model import read_bpe_model
from pybmfm.tokenizer.fast_encoding import FastEncoding
from pybmfm.tokenizer.lines import join_lines
from pybmfm.tokenizer.training import learn_tokenizer
from pybmfm.variants import ALPHABET, VARIANT_CODE, codes_to_text, text_to_codes

LINE = 20_000
SEQUENCE_LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
LETTERS = "ACGT"  # as the simulated background codes them
REPEAT_SHARE = 0.4
RUNS = 5  # the median is given


@click.command()
@click.option("--megabases", default=4.0, show_default=True, help="Letters that ours encodes.")
@click.option("--peer-megabases", default=1.0, show_default=True, help="Letters for the peer.")
@click.option("--variants", default=0.01, show_default=True, help="Share that varies in SNP text.")
@click.option("--fasta", type=click.Path(path_type=Path, exists=True), help="Instead of synthetic.")
@click.option("--threads", default=2, show_default=True, help="Of the second figure of ours.")
@click.option("--seed", default=0, show_default=True)
def main(
    megabases: float,
    peer_megabases: float,
    variants: float,
    fasta: Path | None,
    threads: int,
    seed: int,
) -> None:
    """Compare letters per second, from codes (ours) or text (peer) in memory to ids in numpy.

    One thread is measured in CPU seconds, several in wall seconds. The vocabularies, 4,096
    tokens of plain and of varying sequence, are trained on what is encoded. Loading the kernels
    and making the tables is left out, and given apart.

    \b
    Example:
      python benchmarks/bpe_encoding.py --megabases 8 --threads 2
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    plain = _sequence(int(megabases * 1e6), fasta, seed)
    click.echo(
        f"{'text':6}{'letters':>10}{'MB/s':>9}{f'x{threads} MB/s':>12}{'peer MB/s':>12}"
        f"{'ratio':>8}  ids"
    )
    for name, codes in (("REF", plain), ("SNP", _varied(plain, variants, seed))):
        tokenizer = _train(codes)
        started = time.process_time()
        encoding = FastEncoding(read_bpe_model(json.loads(tokenizer.to_str())))
        tables = time.process_time() - started
        encoding.encode(codes[:LINE], np.array([0, LINE]))
        for length in SEQUENCE_LENGTHS:
            few = codes[: max(length, int(peer_megabases * 1e6))]
            _compare(name, tokenizer, encoding, codes, few, length, threads)
        click.echo(f"{name} tables (and loading the kernels, once): {tables:.2f} CPU s")


def _compare(
    name: str,
    tokenizer: Any,
    encoding: FastEncoding,
    codes: NDArray[np.uint8],
    few: NDArray[np.uint8],
    length: int,
    threads: int,
) -> None:
    offsets, some = _offsets(codes, length), _offsets(few, length)
    texts = [codes_to_text(few[start:end]) for start, end in pairwise(some)]
    clock = time.process_time
    ours, theirs = [], []
    for _ in range(RUNS):  # by turns, so that both meet the same machine
        ours.append(_seconds(lambda: encoding.encode(codes, offsets), clock))
        theirs.append(_seconds(lambda: _peer(tokenizer, texts), clock))
    wall = [
        _seconds(lambda: encoding.encode(codes, offsets, threads), time.perf_counter)
        for _ in range(RUNS)
    ]
    speed = len(codes) / statistics.median(ours) / 1e6
    threaded = len(codes) / statistics.median(wall) / 1e6
    peer = len(few) / statistics.median(theirs) / 1e6
    same = np.array_equal(encoding.encode(few, some)[0], np.concatenate(_peer(tokenizer, texts)))
    click.echo(
        f"{name:6}{length:10,}{speed:9.1f}{threaded:12.1f}{peer:12.2f}{speed / peer:8.1f}"
        f"  {'equal' if same else 'DIFFERENT'}"
    )


def _sequence(bases: int, fasta: Path | None, seed: int) -> NDArray[np.uint8]:
    if fasta is None:
        return _synthetic(bases, seed)
    with Genome(fasta) as genome:
        whole = np.concatenate([genome.codes(contig) for contig in genome.lengths])
    return whole[whole < len(LETTERS)][:bases]


def _synthetic(bases: int, seed: int) -> NDArray[np.uint8]:
    """Background with copies of repeat families."""
    sequence = background(seed, "benchmark", bases)
    rng = np.random.default_rng(seed)
    families = repeat_families(seed)
    place = 0
    while True:
        copy = families[rng.integers(len(families))].copy(rng, 6000)
        place += int(rng.exponential(len(copy) * (1 - REPEAT_SHARE) / REPEAT_SHARE))
        if place + len(copy) > bases:
            return text_to_codes(LETTERS)[sequence]
        sequence[place : place + len(copy)] = copy
        place += len(copy)


def _varied(codes: NDArray[np.uint8], variants: float, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    varied = codes.copy()
    places = np.flatnonzero(rng.random(len(codes)) < variants)
    varied[places] = rng.integers(VARIANT_CODE, len(ALPHABET), size=len(places))
    return varied


def _train(codes: NDArray[np.uint8]) -> Any:
    lines = [codes[start : start + LINE] for start in range(0, len(codes), LINE)]
    settings = TokenizerSettings(out=Path(), encoding="ref")
    return learn_tokenizer(settings, join_lines(lines))


def _offsets(codes: NDArray[np.uint8], length: int) -> NDArray[np.int64]:
    return np.append(np.arange(0, len(codes), length), len(codes)).astype(np.int64)


def _peer(tokenizer: Any, texts: list[str]) -> list[NDArray[np.uint16]]:
    found = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [np.array(encoding.ids, dtype=np.uint16) for encoding in found]


def _seconds(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return clock() - started


if __name__ == "__main__":
    main()
