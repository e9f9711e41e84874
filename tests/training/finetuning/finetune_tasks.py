"""Small tasks with a known answer, and a run on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pybmfm.training import FinetuneSettings, finetune

MOTIF = "GATTACAGATTACA"
SPLITS = ("train", "dev", "test")


def write_splits(folder: Path, target: Any, rows: tuple[int, int, int] = (128, 48, 64)) -> Path:
    folder.mkdir(exist_ok=True)
    for number, (split, size) in enumerate(zip(SPLITS, rows, strict=True)):
        rng = np.random.default_rng(number)
        texts = ["".join(rng.choice(list("ACGT"), int(rng.integers(30, 60)))) for _ in range(size)]
        target(rng, texts).to_csv(folder / f"{split}.csv", index=False)
    return folder


def with_motif(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
    labels = rng.integers(0, 2, len(texts))
    texts = [
        MOTIF + text[len(MOTIF) :] if label else text
        for text, label in zip(texts, labels, strict=True)
    ]
    return pd.DataFrame({"sequence": texts, "label": labels})


def at_random(rng: np.random.Generator, texts: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"sequence": texts, "label": rng.integers(0, 2, len(texts))})


def run(checkpoint: Path, folder: Path, out: str = "result", **more: Any) -> Path:
    defaults: dict[str, Any] = {"kind": "binary", "learning_rate": 2e-3, "epochs": 5}
    splits = {split: folder / f"{split}.csv" for split in SPLITS}
    finetune(
        FinetuneSettings(checkpoint=checkpoint, out=folder / out, **splits, **{**defaults, **more})
    )
    return folder / out


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())
