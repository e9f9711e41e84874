"""Training a BPE vocabulary on 20-kb lines: ours and Hugging Face's trainer, merges compared."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from pybmfm.simulate.background import background, repeat_families
from pybmfm.tokenizer import TokenizerSettings
from pybmfm.tokenizer.dna_tokenizer import SPECIAL_TOKENS
from pybmfm.tokenizer.lines import join_lines
from pybmfm.tokenizer.training import learn_tokenizer
from pybmfm.variants import ALPHABET, VARIANT_CODE, codes_to_text, text_to_codes

LETTERS = "ACGT"  # as the simulated background codes them
REPEAT_SHARE = 0.4
LINE = 20_000
PIECE = 5_000_000  # nt made at once


@click.command()
@click.option("--megabases", default=10.0, show_default=True, help="Letters in all lines.")
@click.option("--vocab-size", default=4096, show_default=True)
@click.option("--variants", default=0.0, show_default=True, help="Share of letters that vary.")
@click.option("--peer/--no-peer", default=True, show_default=True, help="Train Hugging Face's.")
@click.option("--seed", default=0, show_default=True)
def main(megabases: float, vocab_size: int, variants: float, peer: bool, seed: int) -> None:
    """Compare CPU seconds of all threads, from lines in memory to a trained tokenizer.

    Ours reads codes, the peer text. A first training on little text, which loads or compiles
    the kernels, is left out. Peak memory is ours, above what the process held before with the
    lines in it, so per nt of the lines one more byte is held.

    \b
    Example:
      python benchmarks/bpe_training.py --megabases 5 --variants 0.01
    """
    settings = TokenizerSettings(out=Path(), encoding="ref", vocab_size=vocab_size)
    lines = _lines(int(megabases * 1e6), variants, seed)
    learn_tokenizer(settings, join_lines(lines[:3]))  # loads the kernels
    held = _reset_peak()
    ours = _timed(lambda: learn_tokenizer(settings, join_lines(lines)))
    memory = _peak_bytes() - held
    nucleotides = sum(map(len, lines))
    click.echo(f"{nucleotides / 1e6:.1f} M nt, lines of {LINE:,}, {vocab_size:,} tokens")
    click.echo(f"{'':16}{'CPU s':>10}{'wall s':>10}")
    click.echo(f"{'pybmfm':16}{ours[1]:10.2f}{ours[2]:10.2f}")
    if peer:
        texts = [codes_to_text(line) for line in lines]
        theirs = _timed(lambda: _train_peer(texts, settings))
        click.echo(f"{'Hugging Face':16}{theirs[1]:10.2f}{theirs[2]:10.2f}")
        same = _model(ours[0]) == _model(theirs[0])
        click.echo(f"ratio of CPU seconds {theirs[1] / ours[1]:.1f}, models equal: {same}")
    click.echo(f"peak memory {memory / 1e9:.2f} GB, {memory / nucleotides:.1f} bytes per nt")


def _lines(bases: int, variants: float, seed: int) -> list[NDArray[np.uint8]]:
    """Lines of sequence, variant symbols at random places."""
    rng = np.random.default_rng(seed)
    lines = []
    for start in range(0, bases, PIECE):
        codes = _sequence(min(PIECE, bases - start), seed, f"piece{start}", rng)
        varying = rng.integers(len(codes), size=int(len(codes) * variants))
        codes[varying] = rng.integers(VARIANT_CODE, len(ALPHABET), size=len(varying))
        lines += [codes[first : first + LINE] for first in range(0, len(codes), LINE)]
    return lines


def _sequence(bases: int, seed: int, name: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Background with copies of repeat families."""
    sequence = background(seed, name, bases)
    families = repeat_families(seed)
    place = 0
    while True:
        copy = families[rng.integers(len(families))].copy(rng, 6000)
        place += int(rng.exponential(len(copy) * (1 - REPEAT_SHARE) / REPEAT_SHARE))
        if place + len(copy) > bases:
            return text_to_codes(LETTERS)[sequence]
        sequence[place : place + len(copy)] = copy
        place += len(copy)


def _train_peer(texts: list[str], settings: TokenizerSettings) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL_TOKENS[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        min_frequency=settings.min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        limit_alphabet=1000,
        initial_alphabet=list(ALPHABET),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _model(tokenizer: Any) -> dict[str, Any]:
    return dict(json.loads(tokenizer.to_str())["model"])


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what the work returns, its CPU seconds over all threads, and its wall seconds."""
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result, cpu, time.perf_counter() - wall


def _reset_peak() -> int:
    """Forget the peak so far (Linux), and return the bytes held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak_bytes() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if name in x)
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
