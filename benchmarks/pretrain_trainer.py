"""The other way to pretrain: transformers' Trainer over padded batches, set up with care."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from pybmfm.corpus import TokenCorpus
from pybmfm.model import build_config, build_model
from pybmfm.tokenizer import DnaTokenizer


@dataclass(frozen=True)
class TrainerRun:
    """Settings of a run.

    Attributes
    ----------
    grouped
        Whether windows of like length share a batch.
    pad_to
        Length that every window is padded to; None is the longest of its batch.
    """

    tokenizer: Path
    preset: str
    grouped: bool
    pad_to: int | None
    batch: int
    steps: int
    max_length: int
    seed: int
    out: Path


class Windows(Dataset):
    """Windows in memory, cut to the model's length, with the lengths that grouping asks for."""

    def __init__(self, corpus: TokenCorpus, max_length: int) -> None:
        self.rows = [
            corpus.tokens(row)[:max_length].astype(np.int64).tolist() for row in range(len(corpus))
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return {"input_ids": self.rows[index]}


class GroupedTrainer(Trainer):
    """Batches of like length, in random order: grouping at its best.

    The Trainer's own sampler sorts within 50 batches of thousands of windows, and not at all
    where there are as few as here.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        order = np.argsort([len(row) for row in dataset.rows], kind="stable")
        size, rng = self.args.per_device_train_batch_size, np.random.default_rng(self.args.seed)
        batches = np.split(order, range(size, len(order), size))
        return np.concatenate([batches[i] for i in rng.permutation(len(batches))]).tolist()


def train_padded(run: TrainerRun, corpus: TokenCorpus) -> list[int]:
    """Train, and return the real tokens of every step."""
    model = _model(run)
    tokens: list[int] = []
    model.register_forward_pre_hook(
        lambda _module, _args, inputs: tokens.append(int(inputs["attention_mask"].sum())),
        with_kwargs=True,
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(run.tokenizer / "tokenizer.json"),
        pad_token="[PAD]",
        mask_token="[MASK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
    )
    collator = DataCollatorForLanguageModeling(
        tokenizer, mlm_probability=0.15, pad_to_multiple_of=run.pad_to
    )
    trainer = (GroupedTrainer if run.grouped else Trainer)(
        model=model,
        args=_arguments(run),
        train_dataset=Windows(corpus, run.max_length),
        data_collator=collator,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return tokens


def _model(run: TrainerRun) -> Any:
    tokenizer = DnaTokenizer.load(run.tokenizer)
    config = build_config(
        "modernbert",
        run.preset,
        vocab_size=tokenizer.vocab_size,
        pad_id=tokenizer.pad,
        cls_id=tokenizer.cls,
        sep_id=tokenizer.sep,
        max_length=run.max_length,
    )
    model = build_model(config, run.seed)
    model.set_attn_implementation("sdpa")
    return model


def _arguments(run: TrainerRun) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(run.out),
        per_device_train_batch_size=run.batch,
        max_steps=run.steps,
        learning_rate=5e-4,
        adam_beta2=0.98,
        adam_epsilon=1e-6,
        weight_decay=1e-5,
        warmup_steps=1,
        max_grad_norm=1.0,
        seed=run.seed,
        use_cpu=True,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
