"""Pretraining on a GPU: real tokens per second, share of the peak, memory, losses as on a CPU."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from pybmfm.core import is_out_of_memory
from pybmfm.model import build_config, build_model, hidden_states, masked_lm_logits
from pybmfm.training.batches import MaskedBatch, Pieces, Position, masked_batch, next_batch
from pybmfm.training.compiling import compile_layers
from pybmfm.training.masking import MaskPlan
from pybmfm.training.optimizer import BETAS, CLIP, EPSILON, WEIGHT_DECAY
from pybmfm.training.precision import autocast
from pybmfm.training.recipes import LAYERS, RECIPES
from pybmfm.training.throughput import peak_memory_bytes, training_flops

UNK, SEP, PAD, CLS, MASK = SPECIALS = tuple(range(5))
VOCABULARY, MAX_LENGTH = 4096, 2048
NUCLEOTIDES_PER_TOKEN = 4.9  # 10 kb are about 2,000 tokens
WINDOWS = 2000
BATCHES = 4  # made beforehand and gone through by turns
TOLERANCE = 0.02  # relative, of a loss in bf16


@dataclass(frozen=True)
class Variant:
    """A way to compute the same steps."""

    name: str
    tokens: int = 65_536
    compiled: bool = False
    fused_adamw: bool = True
    fused_loss: bool = False


@dataclass(frozen=True)
class Result:
    """What a variant reached; None where it did not run."""

    variant: Variant
    tokens_per_second: float | None = None
    teraflops: float | None = None
    utilisation: float | None = None
    step_seconds: float | None = None
    memory_gib: float | None = None
    problem: str = ""


class RandomCorpus:
    """Windows of 1-10 kb in memory, of tokens that are as frequent as those of a BPE."""

    def __init__(self, windows: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        kilobases = rng.integers(1, 11, windows)
        self.lengths = np.minimum(
            (kilobases * 1000 / NUCLEOTIDES_PER_TOKEN).astype(int), MAX_LENGTH
        )
        ordinary = VOCABULARY - len(SPECIALS)
        frequency = 1 / np.arange(10, ordinary + 10)
        limits = np.cumsum(frequency / frequency.sum())
        flat = np.searchsorted(limits, rng.random(int(self.lengths.sum()))) + len(SPECIALS)
        flat = np.minimum(flat, VOCABULARY - 1).astype(np.uint16)
        self._windows = np.split(flat, np.cumsum(self.lengths)[:-1])
        for window in self._windows:
            window[[0, -1]] = CLS, SEP

    def tokens(self, index: int, /) -> NDArray[np.uint16]:
        """Tokens of a window."""
        return self._windows[index]


class Trainee:
    """A model with its optimizer."""

    def __init__(
        self, preset: str, recipe: str, variant: Variant, device: torch.device, precision: str
    ) -> None:
        self.config = build_config(
            "modernbert",
            preset,
            vocab_size=VOCABULARY,
            pad_id=PAD,
            cls_id=CLS,
            sep_id=SEP,
            max_length=MAX_LENGTH,
            layers=LAYERS[RECIPES[recipe].layers],
        )
        self.device, self.precision = device, precision
        self.model = build_model(self.config).to(device)
        self.model.train()
        self.parameters = list(self.model.parameters())
        self.optimizer = _adamw(self.parameters, variant.fused_adamw)
        self._loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = self._loss_of_states
        if variant.compiled:
            compile_layers(self.model)
        if variant.fused_loss:
            self._loss = torch.compile(self._loss_of_states, dynamic=True)

    def step(self, batch: MaskedBatch) -> torch.Tensor:
        """Do one optimizer step; return the loss without waiting for it."""
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.precision, self.device):
            states = hidden_states(self.model, batch.batch).index_select(0, batch.places)
            loss = self._loss(states, batch.targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.optimizer.step()
        return loss.detach()

    def _loss_of_states(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(masked_lm_logits(self.model, states).float(), targets)


def _adamw(parameters: list[torch.nn.Parameter], fused: bool) -> torch.optim.Optimizer:
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=5e-4, betas=BETAS, eps=EPSILON, fused=fused)


@click.command()
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--preset", default="paper", show_default=True)
@click.option("--recipe", type=click.Choice(list(RECIPES)), default="default", show_default=True)
@click.option("--steps", default=20, show_default=True, help="Measured per variant.")
@click.option("--warm-up", default=4, show_default=True, help="Steps before, left out.")
@click.option("--tokens", default="32768,65536,131072,262144", show_default=True)
@click.option("--precision", type=click.Choice(["bf16", "fp32"]), default="bf16")
@click.option("--peak-tflops", default=790.0, show_default=True, help="Reachable on an H200, bf16.")
@click.option("--compile/--no-compile", "compiling", default=None, help="[default: on a GPU]")
@click.option("--equal-steps", default=10, show_default=True, help="Compared with a CPU; 0: none.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON of all figures.")
def main(
    device: str,
    preset: str,
    recipe: str,
    steps: int,
    warm_up: int,
    tokens: str,
    precision: str,
    peak_tflops: float,
    compiling: bool | None,
    equal_steps: int,
    seed: int,
    out: Path | None,
) -> None:
    """Measure variants of a training step on synthetic windows of 1-10 kb, at most 2,048 tokens.

    The recipe decides layers, masks, and whether the windows are cut into short pieces.

    A step is a flat batch of so many real tokens at once, forward, backward, gradient clipping
    and AdamW. There is no padding to count, batches lie in memory, and the model FLOPs are
    those of `pybmfm.training.throughput`. First every number of tokens at once, then compiled
    layers, plain AdamW and a compiled head with its loss at the fastest of them, then what
    helped together. At last the losses of the tiny model on this device in bf16 and on a CPU in
    fp32, from the same weights and batches. Needs torch, transformers, numpy and click only.

    \b
    Examples, in the project's folder:
      python -m benchmarks.pretrain_gpu --out pretrain_gpu.json
      python -m benchmarks.pretrain_gpu --device cpu --preset tiny --steps 3
    """
    place = torch.device(device)
    budgets = [int(word) for word in tokens.split(",")] if device == "cuda" else [MAX_LENGTH]
    bench = Bench(
        RandomCorpus(WINDOWS, seed), place, preset, recipe, precision, steps, warm_up, peak_tflops
    )
    setting = f"{_name(place)}, {preset}, {recipe} recipe, {precision}"
    click.echo(f"{setting}, {steps} steps after {warm_up}, seed {seed}")
    click.echo(f"{'':46}{'tokens/step':>12}{'tokens/s':>12}{'TFLOP/s':>10}{'MFU':>8}{'GiB':>8}")
    changes = _changes(device == "cuda" if compiling is None else compiling)
    results = list(_search(bench, budgets, changes))
    equal = _equal_losses(bench, equal_steps) if equal_steps else {}
    if out is not None:
        figures = {
            "device": _name(place),
            "preset": preset,
            "recipe": recipe,
            "peak_tflops": peak_tflops,
        }
        variants = [asdict(result) for result in results]
        out.write_text(json.dumps({**figures, "variants": variants, "losses": equal}, indent=1))
    if equal and equal["largest_relative_difference"] > TOLERANCE:
        sys.exit("the losses differ by more than bf16 explains")


@dataclass(frozen=True)
class Bench:
    """What all variants share."""

    corpus: RandomCorpus
    device: torch.device
    preset: str
    recipe: str
    precision: str
    steps: int
    warm_up: int
    peak_tflops: float

    def batches(self, tokens: int, count: int) -> tuple[list[MaskedBatch], list[list[int]]]:
        """Make batches, and the lengths of their windows."""
        recipe = RECIPES[self.recipe]
        pieces, position = Pieces([self.corpus], recipe.piece_tokens or MAX_LENGTH), Position()
        plan = MaskPlan(0, "train", recipe.mask_share, 0.1, MASK, SPECIALS)
        made, lengths = [], []
        for _ in range(count):
            members, position = next_batch(pieces, position, tokens, seed=0)
            made.append(masked_batch(pieces, members, plan))
            lengths.append([int(pieces.lengths[member.piece]) for member in members])
        return made, lengths

    def run(self, variant: Variant) -> Result:
        """Measure a variant; running out of memory, or a missing compiler, is a result too."""
        try:
            result = self._measure(variant)
        except Exception as error:
            problem = "out of memory" if is_out_of_memory(error) else str(error).splitlines()[0]
            result = Result(variant, problem=problem[:80])
        self._clean()
        click.echo(_line(result))
        return result

    def _measure(self, variant: Variant) -> Result:
        trainee = Trainee(self.preset, self.recipe, variant, self.device, self.precision)
        batches, lengths = self.batches(variant.tokens, BATCHES)
        there = [batch.to(self.device) for batch in batches]
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds = []
        for step in range(self.warm_up + self.steps):
            began = time.perf_counter()
            trainee.step(there[step % BATCHES])
            self._wait()
            seconds.append(time.perf_counter() - began)
        used = [step % BATCHES for step in range(self.warm_up, self.warm_up + self.steps)]
        total = sum(seconds[self.warm_up :])
        work = sum(
            training_flops(trainee.config, lengths[one], len(batches[one].places)) for one in used
        )
        flops = work / total
        return Result(
            variant,
            tokens_per_second=sum(sum(lengths[one]) for one in used) / total,
            teraflops=flops / 1e12,
            utilisation=flops / (self.peak_tflops * 1e12),
            step_seconds=statistics.median(seconds[self.warm_up :]),
            memory_gib=peak_memory_bytes(self.device) / 2**30,
        )

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _clean(self) -> None:
        gc.collect()
        torch.compiler.reset()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _changes(compiling: bool) -> dict[str, dict[str, Any]]:
    changes: dict[str, dict[str, Any]] = {"AdamW not fused": {"fused_adamw": False}}
    if compiling:
        changes["compiled layers"] = {"compiled": True}
        changes["compiled head and loss"] = {"fused_loss": True}
    return changes


def _search(
    bench: Bench, budgets: list[int], changes: dict[str, dict[str, Any]]
) -> Iterator[Result]:
    """Try each number of tokens, then each change at the best one, then what helped together."""
    plain = [bench.run(Variant("plain", tokens=tokens)) for tokens in budgets]
    yield from plain
    best = max(plain, key=_speed)
    helped: dict[str, Any] = {}
    for name, change in changes.items():
        result = bench.run(replace(best.variant, name=name, **change))
        if _speed(result) > _speed(best):
            helped |= change
        yield result
    if len(helped) > 1:
        together = replace(best.variant, name="what helped, together", **helped)
        for factor in (1, 2):
            yield bench.run(replace(together, tokens=factor * together.tokens))


def _speed(result: Result) -> float:
    return result.tokens_per_second or 0.0


def _line(result: Result) -> str:
    start = f"{result.variant.name:46}{result.variant.tokens:12,}"
    if result.tokens_per_second is None:
        return f"{start}  {result.problem}"
    return (
        f"{start}{result.tokens_per_second:12,.0f}{result.teraflops:10.2f}"
        f"{result.utilisation:8.1%}{result.memory_gib:8.2f}"
    )


def _equal_losses(bench: Bench, steps: int) -> dict[str, Any]:
    """Train the tiny model here in bf16 and on a CPU in fp32, and compare the losses."""
    batches, _ = bench.batches(2 * MAX_LENGTH, steps)
    plain = Variant("plain", fused_adamw=False)
    here, there = (
        _losses(Trainee("tiny", bench.recipe, plain, device, precision), batches)
        for device, precision in ((bench.device, "bf16"), (torch.device("cpu"), "fp32"))
    )
    largest = max(abs(a - b) / b for a, b in zip(here, there, strict=True))
    click.echo(
        f"tiny, {steps} steps: loss {here[0]:.4f} to {here[-1]:.4f} here in bf16, {there[0]:.4f} "
        f"to {there[-1]:.4f} on a CPU in fp32; differ by at most {largest:.2%}"
    )
    return {"here_bf16": here, "cpu_fp32": there, "largest_relative_difference": largest}


def _losses(trainee: Trainee, batches: list[MaskedBatch]) -> list[float]:
    return [float(trainee.step(batch.to(trainee.device))) for batch in batches]


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    main()
