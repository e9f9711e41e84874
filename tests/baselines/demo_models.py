"""Models on tables of the demo genome, with small budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pybmfm.baselines import BaselineSettings, fit_baseline
from pybmfm.training import FinetuneSettings, finetune

from ..small_checkpoint import make_checkpoint

SPLITS = ("train", "dev", "test")
TRANSFORMERS = ("scratch", "ref", "frozen")


def fit(tables: Path, out: Path, model: str, task: str, **more: Any) -> Path:
    """Fit one baseline; k-mer models try one length."""
    splits = {split: tables / f"{split}.csv" for split in SPLITS}
    more = {"k": (3,) if model.startswith("kmer") else (), **more}
    fit_baseline(
        BaselineSettings(model, kind="binary", task=task, out=out / model, **splits, **more)
    )
    return out / model


def tune(tables: Path, out: Path, model: str, task: str, **more: Any) -> Path:
    """Fine-tune a tiny transformer: from scratch, from weights as they are, or its head alone."""
    checkpoint = out / "model" / "checkpoint"
    if not checkpoint.is_dir():
        text = (tables / "train.csv").read_text()
        make_checkpoint(checkpoint, "".join(x for x in text if x in "ACGT")[:3000], "ref")
    splits = {split: tables / f"{split}.csv" for split in SPLITS}
    finetune(
        FinetuneSettings(
            checkpoint, kind="binary", task=task, out=out / model, model_name=model,
            from_scratch=model == "scratch", frozen=model == "frozen", epochs=1,
            learning_rate=1e-3, device="cpu", **splits, **more,
        )
    )  # fmt: skip
    return out / model
