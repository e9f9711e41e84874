"""Pretraining on a CPU: flat batches, and transformers' Trainer with the same model and windows."""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import click
import numpy as np
import pyarrow.parquet as pq
import torch
from pretrain_trainer import TrainerRun, train_padded
from small_world import SmallWorld, make_world
from torch.optim.optimizer import register_optimizer_step_post_hook

from pybmfm.corpus import CorpusSettings, TokenCorpus, build_corpus
from pybmfm.training import PretrainSettings, pretrain
from pybmfm.training.precision import computes_bf16

MAX_LENGTH = 2048
LENGTHS = range(1000, 11_000, 1000)  # nucleotides, as published
PADDED, GROUPED = "Trainer, padded to 2048, fp32", "Trainer, grouped by length, fp32"
OURS, OURS_BF16 = "pybmfm, flat, fp32", "pybmfm, flat, bf16"
# Name, ours, the other way, the least ratio that is wanted.
CLAIMS = (
    ("fp32 / padded", OURS, PADDED, 3.0),
    ("bf16 / padded fp32", OURS_BF16, PADDED, 4.0),
    ("fp32 / grouped", OURS, GROUPED, 1.5),
)


@dataclass
class Clock:
    """Wall and CPU time of every optimizer step, read when the optimizer has moved."""

    ends: list[tuple[float, float]] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to every optimizer of the process."""
        hook = register_optimizer_step_post_hook(
            lambda *_: self.ends.append((perf_counter(), process_time()))
        )
        try:
            yield
        finally:
            hook.remove()

    def seconds(self, first: int) -> tuple[float, float]:
        """Wall and CPU seconds from the end of step ``first`` to the end of the last one."""
        (wall, cpu), (last_wall, last_cpu) = self.ends[first - 1], self.ends[-1]
        return last_wall - wall, last_cpu - cpu


@dataclass(frozen=True)
class Speed:
    """Real tokens per second, of the wall clock and of the CPU."""

    wall: float
    cpu: float


@click.command()
@click.option("--preset", "presets", multiple=True, default=("tiny", "small"), show_default=True)
@click.option("--per-length", default=2, show_default=True, help="Windows of 1, 2, ... 10 kb each.")
@click.option("--batch", default=4, show_default=True, help="Windows per optimizer step.")
@click.option("--rounds", default=3, show_default=True, help="Times that all take their turn.")
@click.option("--megabases", default=1.0, show_default=True, help="Genome of the tokenizer.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=os.cpu_count() or 1, show_default=True)
def main(
    presets: tuple[str, ...],
    per_length: int,
    batch: int,
    rounds: int,
    megabases: float,
    seed: int,
    threads: int,
) -> None:
    """Compare real tokens per second: no padding, no special way for padding is counted.

    As many windows of 1, 2, ... 10 kb each, the published mix, of which 46 % would be padding at
    2,048 tokens; a vocabulary of 4,096, 15 % predicted. All train the same model with AdamW on the
    same windows with as many optimizer steps and threads, by turns; a turn is one pass after one
    step that is left out, reading and masking included, evaluation and saving not. Ours is
    pybmfm's own training loop. The Trainer runs ModernBertForMaskedLM with sdpa attention, once
    padding to 2,048 as published, once to the longest of batches of similar length. The ratio is
    the median over turns, by the CPU's clock, which other processes disturb less, and by the
    wall's. bf16 is left out on a CPU without 512-bit vectors, where torch only emulates it.

    \b
    Example:
      python benchmarks/pretrain_cpu.py --preset tiny --threads 2
    """
    logging.getLogger("pybmfm").setLevel(logging.ERROR)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        world = make_world(folder, int(megabases * 1e6), 0.01, 1, seed)
        _keep_some_windows(world.windows / "windows.parquet", per_length, seed)
        _build(world, folder / "corpus")
        for preset in presets:
            _compare(Bench(folder, world.tokenizer, preset, batch, seed, threads), rounds)


def _keep_some_windows(file: Path, per_length: int, seed: int) -> None:
    """Keep so many training windows of each length, and none of dev and test.

    A small genome has fewer long windows than the published corpus, whose lengths are uniform.
    """
    table = pq.read_table(file)
    order = np.random.default_rng(seed).permutation(len(table))
    train = np.array(table["split"].to_pylist()) == "train"
    lengths = table["end"].to_numpy() - table["start"].to_numpy()
    rows = [order[train[order] & (lengths[order] == nt)][:per_length] for nt in LENGTHS]
    pq.write_table(table.take(np.sort(np.concatenate(rows))), file)


def _build(world: SmallWorld, out: Path) -> None:
    build_corpus(
        CorpusSettings(
            fasta=world.fasta,
            windows=world.windows,
            tokenizer=world.tokenizer,
            frequencies=world.frequencies,
            out=out,
        )
    )


@dataclass
class Bench:
    """One model size on one corpus."""

    folder: Path
    tokenizer: Path
    preset: str
    batch: int
    seed: int
    threads: int
    turns: int = 0

    def __post_init__(self) -> None:
        self.corpus = TokenCorpus(self.folder / "corpus", "train")
        self.steps = -(-len(self.corpus) // self.batch)

    @property
    def ways(self) -> dict[str, Callable[[], Speed]]:
        """What takes its turn."""
        ways = {
            OURS: lambda: self.flat("fp32"),
            PADDED: lambda: self.padded(pad_to=MAX_LENGTH),
            GROUPED: lambda: self.padded(pad_to=None),
        }
        return ways | {OURS_BF16: lambda: self.flat("bf16")} if computes_bf16() else ways

    def flat(self, precision: str) -> Speed:
        """Train with pybmfm; as many tokens per step as the batches of the other way hold."""
        self.turns += 1
        clock, tokens = Clock(), int(self.corpus.lengths.sum())
        settings = PretrainSettings(
            corpora=(self.folder / "corpus",),
            tokenizer=self.tokenizer,
            out=self.folder / f"{self.preset}{self.turns}",
            preset=self.preset,
            steps=self.steps + 1,
            tokens_per_batch=max(MAX_LENGTH, tokens // self.steps),
            precision=precision,
            checkpoint_every=0,
            validate_every=0,
            seed=self.turns,
            threads=self.threads,
            device="cpu",
        )
        with clock.running():
            pretrain(settings)
        return _speed(clock, _tokens_of_steps(settings.out))

    def padded(self, pad_to: int | None) -> Speed:
        """Train with transformers' Trainer; grouped by length unless padded to one."""
        self.turns += 1
        clock = Clock()
        run = TrainerRun(
            tokenizer=self.tokenizer,
            preset=self.preset,
            grouped=pad_to is None,
            pad_to=pad_to,
            batch=self.batch,
            steps=self.steps + 1,
            max_length=MAX_LENGTH,
            seed=self.turns,
            out=self.folder / "trainer",
        )
        with clock.running():
            tokens = train_padded(run, self.corpus)
        return _speed(clock, tokens)


def _speed(clock: Clock, tokens: list[int]) -> Speed:
    wall, cpu = clock.seconds(first=1)
    real = sum(tokens[1:])
    return Speed(real / wall, real / cpu)


def _tokens_of_steps(folder: Path) -> list[int]:
    import pandas as pd

    log = pd.read_json(folder / "progress.jsonl", lines=True)
    return [int(tokens) for tokens in log["tokens"].dropna()]


def _compare(bench: Bench, rounds: int) -> None:
    lengths = np.minimum(bench.corpus.lengths, MAX_LENGTH)
    click.echo(
        f"{bench.preset}: {len(lengths)} windows of {lengths.mean():,.0f} tokens, "
        f"{1 - lengths.mean() / MAX_LENGTH:.0%} of 2,048 would be padding; "
        f"{bench.threads} threads, {bench.steps} steps per turn, {rounds} turns"
    )
    speeds: dict[str, list[Speed]] = {name: [] for name in bench.ways}
    for _ in range(rounds):
        for name, train in bench.ways.items():
            speeds[name].append(train())
    click.echo(f"  {'':36}{'tokens/CPU s':>14}{'tokens/s':>12}")
    for name, turns in speeds.items():
        cpu, wall = (statistics.median(getattr(s, clock) for s in turns) for clock in CLOCKS)
        click.echo(f"  {name:36}{cpu:14,.0f}{wall:12,.0f}")
    click.echo(f"  {'ratio':36}{'by CPU':>14}{'by wall':>12}{'wanted':>10}")
    for name, ours, theirs, wanted in CLAIMS:
        if ours not in speeds:
            continue
        by_cpu, by_wall = (_ratio(speeds[ours], speeds[theirs], clock) for clock in CLOCKS)
        click.echo(f"  {name:36}{by_cpu:14.2f}{by_wall:12.2f}{wanted:10.1f}")


CLOCKS = ("cpu", "wall")


def _ratio(ours: list[Speed], theirs: list[Speed], clock: str) -> float:
    pairs: Any = zip(ours, theirs, strict=True)
    return statistics.median(getattr(a, clock) / getattr(b, clock) for a, b in pairs)


if __name__ == "__main__":
    main()
