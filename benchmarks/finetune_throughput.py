"""Fine-tuning: flat batches, and transformers' Trainer with the same model, rows and steps."""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import Dataset
from transformers import (
    ModernBertForSequenceClassification,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from pybmfm.model import build_config, build_model, save_checkpoint
from pybmfm.tokenizer import DnaTokenizer, TokenizerSettings, train_tokenizer
from pybmfm.training import FinetuneSettings, finetune


class Rows(Dataset):
    """Token ids in memory, padded to one length."""

    def __init__(self, ids: list[np.ndarray], labels: np.ndarray, length: int, pad: int) -> None:
        self.ids = torch.full((len(ids), length), pad)
        self.mask = torch.zeros((len(ids), length), dtype=torch.long)
        for row, tokens in enumerate(ids):
            self.ids[row, : len(tokens)] = torch.from_numpy(tokens.astype(np.int64))
            self.mask[row, : len(tokens)] = 1
        self.labels = torch.tensor(labels)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {
            "input_ids": self.ids[row],
            "attention_mask": self.mask[row],
            "labels": self.labels[row],
        }


@contextmanager
def step_clock() -> Iterator[list[float]]:
    """Note when each optimizer step ends."""
    ends: list[float] = []
    hook = register_optimizer_step_post_hook(lambda *_: ends.append(perf_counter()))
    try:
        yield ends
    finally:
        hook.remove()


class Bench:
    """One task and one model, trained by turns."""

    def __init__(
        self, folder: Path, preset: str, nucleotides: int, limit: int, steps: int, batch: int
    ) -> None:
        self.folder, self.steps, self.batch, self.limit = folder, steps, batch, limit
        rng = np.random.default_rng(0)
        text = "".join(rng.choice(list("ACGT"), 200_000))
        settings = TokenizerSettings(out=folder / "tokenizer", encoding="ref", vocab_size=1024)
        train_tokenizer(settings, [text], origin={}, inputs=[], counts={})
        self.tokenizer = DnaTokenizer.load(settings.out)
        config = build_config(
            "modernbert",
            preset,
            vocab_size=self.tokenizer.vocab_size,
            pad_id=self.tokenizer.pad,
            cls_id=self.tokenizer.cls,
            sep_id=self.tokenizer.sep,
            max_length=limit,
        )
        save_checkpoint(folder / "model", build_model(config), self.tokenizer, {})
        rows = {"train": batch * (steps + 1), "dev": 8, "test": 8}
        for split, count in rows.items():
            texts = ["".join(rng.choice(list("ACGT"), nucleotides)) for _ in range(count)]
            table = pd.DataFrame({"sequence": texts, "label": np.arange(count) % 2})
            table.to_csv(folder / f"{split}.csv", index=False)
        train = pd.read_csv(folder / "train.csv")
        around = [self.tokenizer.prefix, self.tokenizer.suffix]
        self.ids = [
            np.concatenate([around[0], ids, around[1]])
            for ids in self.tokenizer.encode_batch(list(train["sequence"]))
        ]
        self.labels = train["label"].to_numpy()
        self.longest = max(map(len, self.ids))

    def ours(self) -> float:
        """Rows per second of pybmfm's own loop."""
        tables = {split: self.folder / f"{split}.csv" for split in ("train", "dev", "test")}
        with step_clock() as ends:
            finetune(
                FinetuneSettings(
                    checkpoint=self.folder / "model",
                    kind="binary",
                    out=self.folder / "result",
                    max_steps=self.steps + 1,
                    validate_every=self.steps + 1,
                    batch_size=self.batch,
                    precision="fp32",
                    device="cpu",
                    threads=torch.get_num_threads(),
                    **tables,
                )
            )
        return self._rate(ends)

    def trainer(self, length: int) -> float:
        """Rows per second of transformers' Trainer, every row padded to ``length``."""
        model: Any = ModernBertForSequenceClassification.from_pretrained(
            self.folder / "model", num_labels=2, attn_implementation="sdpa"
        )
        arguments = TrainingArguments(
            output_dir=str(self.folder / "trainer"),
            per_device_train_batch_size=self.batch,
            max_steps=self.steps + 1,
            learning_rate=1e-4,
            adam_beta2=0.99,
            weight_decay=0.01,
            max_grad_norm=0.5,
            use_cpu=True,
            save_strategy="no",
            eval_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        rows = Rows(self.ids, self.labels, length, self.tokenizer.pad)
        trainer = Trainer(model=model, args=arguments, train_dataset=rows)
        trainer.remove_callback(PrinterCallback)
        with step_clock() as ends:
            trainer.train()
        return self._rate(ends)

    def _rate(self, ends: list[float]) -> float:
        return self.batch * (len(ends) - 1) / (ends[-1] - ends[0])


@click.command()
@click.option("--preset", default="tiny", show_default=True)
@click.option("--nucleotides", default=300, show_default=True, help="Of every sequence.")
@click.option("--limit", default=512, show_default=True, help="Tokens that the model takes.")
@click.option("--steps", default=4, show_default=True, help="Steps of a turn, after one left out.")
@click.option("--batch", default=32, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="Times that all take their turn.")
@click.option("--threads", default=os.cpu_count() or 1, show_default=True)
def main(
    preset: str, nucleotides: int, limit: int, steps: int, batch: int, rounds: int, threads: int
) -> None:
    """Compare rows per second of fine-tuning in fp32 on a CPU.

    The Trainer pads every row to the model's limit ("the maximum"), and once to the longest row
    of the table, which somebody who knows the table would choose. Same weights, rows, batch size,
    optimizer and steps; a turn's first step is left out. Ratios are medians over turns.

    \b
    Example:
      python benchmarks/finetune_throughput.py --threads 2
    """
    logging.getLogger("pybmfm").setLevel(logging.ERROR)
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary), preset, nucleotides, limit, steps, batch)
        ways: dict[str, Callable[[], float]] = {
            "pybmfm, flat": bench.ours,
            f"Trainer, padded to {limit}": lambda: bench.trainer(limit),
            f"Trainer, padded to {bench.longest}": lambda: bench.trainer(bench.longest),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                rates[name].append(way())
    ours, *others = rates
    print(f"{preset}, {nucleotides} nt, batch {batch}, {threads} threads, fp32")
    for name, found in rates.items():
        print(f"{name:32s} {statistics.median(found):8.1f} rows/s")
    for name in others:
        ratio = statistics.median(a / b for a, b in zip(rates[ours], rates[name], strict=True))
        print(f"ratio to {name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
