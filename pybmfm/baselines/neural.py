"""Convolutional baselines, trained as fine-tuning is: by epochs, the lowest dev loss kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pybmfm.baselines.fitted import Feature, Fitted
from pybmfm.baselines.networks import NETWORKS
from pybmfm.baselines.one_hot import channels_of_codes, code_matrix
from pybmfm.core import derive_seed, progress
from pybmfm.tasks import TaskTable
from pybmfm.training.finetuning.examples import Scale
from pybmfm.training.finetuning.losses import Loss
from pybmfm.training.finetuning.prediction import scores_of
from pybmfm.training.processes import choose_device

BATCH = 32
RATE = 1e-3
WEIGHT_DECAY = 0.01
ROWS_AT_ONCE = 512
TOP_FILTERS = 20
WEAK = 0.5  # of a filter's largest weight: below it a place has no letter


@dataclass(frozen=True)
class _Split:
    codes: torch.Tensor
    targets: torch.Tensor


@dataclass
class _Run:
    """A network and what it reads."""

    network: nn.Module
    channels: torch.Tensor
    device: torch.device
    kind: str

    def one_hot(self, codes: torch.Tensor) -> torch.Tensor:
        """Channels of some rows, float32[rows, channels, places]."""
        return self.channels[codes.to(self.device).long()].transpose(1, 2)

    def outputs(self, codes: torch.Tensor) -> torch.Tensor:
        """Logits or standardised values of some rows."""
        result: torch.Tensor = self.network(self.one_hot(codes))
        return result

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean loss of some rows, as in fine-tuning."""
        return Loss(self.kind).total(outputs, targets.to(self.device)) / len(targets)


def fit_network(
    model: str, tables: dict[str, TaskTable], epochs: int, seed: int, threads: int, device: str
) -> Fitted:
    """Train ``cnn`` or ``resnet`` on one-hot sequences and predict dev and test.

    AdamW at a constant rate of 1e-3, batches of 32 rows in a new order in every epoch, dev loss
    after each epoch; the weights of the lowest are kept. Sequences are padded to the longest of
    the three tables.

    Parameters
    ----------
    epochs
        Passes over the training rows, the budget that fine-tuned models have too.
    """
    torch.set_num_threads(threads)
    train = tables["train"]
    scale = Scale.of(train)
    length = max(len(text) for table in tables.values() for text in table.sequences)
    splits = {name: _split(table, length, scale) for name, table in tables.items()}
    channels, names = channels_of_codes(train.encoded)
    place = choose_device(device)
    outputs = max(1, len(train.classes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, model))
        network = NETWORKS[model](channels.shape[1], outputs).to(place)
        run = _Run(network, torch.from_numpy(channels).to(place), place, train.kind)
        best_epoch = _train(run, splits, epochs, seed)
    predicted = {name: _predict(run, splits[name].codes) for name in ("dev", "test")}
    return Fitted(
        description=f"{'residual ' if model == 'resnet' else ''}convolutions on one-hot sequences",
        scores={
            name: scores_of(train.kind, part, scale.mean, scale.deviation)
            for name, part in predicted.items()
        },
        parameters=sum(weight.numel() for weight in network.parameters()),
        features=list(_filters(run, splits["dev"], predicted["dev"], names, train)),
        facts={"epochs": epochs, "best_epoch": best_epoch, "device": place.type},
    )


def _train(run: _Run, splits: dict[str, _Split], epochs: int, seed: int) -> int:
    """Take all epochs, and end with the weights of the lowest dev loss; return its epoch."""
    optimizer = torch.optim.AdamW(run.network.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    train, dev = splits["train"], splits["dev"]
    best, best_epoch = math.inf, 0
    weights = copy.deepcopy(run.network.state_dict())
    for epoch in progress(range(1, epochs + 1), "training", unit="epochs"):
        run.network.train()
        for rows in _batches(len(train.codes), epoch, seed):
            loss = run.loss(run.outputs(train.codes[rows]), train.targets[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        dev_loss = run.loss(_predict(run, dev.codes).to(run.device), dev.targets).item()
        if dev_loss < best:
            best, best_epoch = dev_loss, epoch
            weights = copy.deepcopy(run.network.state_dict())
    run.network.load_state_dict(weights)
    return best_epoch


def _batches(rows: int, epoch: int, seed: int) -> Iterator[torch.Tensor]:
    order = np.random.default_rng(derive_seed(seed, "baseline", epoch)).permutation(rows)
    yield from torch.split(torch.from_numpy(order), BATCH)


@torch.inference_mode()
def _predict(run: _Run, codes: torch.Tensor) -> torch.Tensor:
    run.network.eval()
    return torch.cat([run.outputs(part).cpu() for part in torch.split(codes, ROWS_AT_ONCE)])


def _split(table: TaskTable, length: int, scale: Scale) -> _Split:
    targets = torch.from_numpy(table.targets)
    if table.kind == "regression":
        targets = (targets - scale.mean) / scale.deviation
    return _Split(torch.from_numpy(code_matrix(table.sequences, length)), targets)


def _filters(
    run: _Run, dev: _Split, outputs: torch.Tensor, names: list[str], train: TaskTable
) -> Iterator[Feature]:
    """First-layer filters by how their best match on dev goes along with each output."""
    matches = _best_matches(run, dev.codes)
    weights = run.network.first.weight.detach().cpu().numpy()  # type: ignore[union-attr,operator]
    values = outputs.numpy()
    shown = train.classes or ["value"]
    for column in range(1 if train.kind == "binary" else 0, len(shown)):
        together = _correlations(matches, values[:, column])
        for place in np.argsort(-np.abs(together), kind="stable")[:TOP_FILTERS]:
            text = _filter_text(weights[place], names)
            yield Feature(shown[column], f"filter {text}", float(together[place]))


@torch.inference_mode()
def _best_matches(run: _Run, codes: torch.Tensor) -> np.ndarray:
    """Largest value of every first-layer filter, float32[rows, filters]."""
    parts = []
    for part in torch.split(codes, ROWS_AT_ONCE):
        parts.append(run.network.first(run.one_hot(part)).amax(dim=2).cpu())  # type: ignore[operator]
    return np.asarray(torch.cat(parts).numpy())


def _correlations(matches: np.ndarray, values: np.ndarray) -> np.ndarray:
    a = matches - matches.mean(axis=0)
    b = values - values.mean()
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum())
    together: np.ndarray = np.divide(b @ a, spread, out=np.zeros_like(spread), where=spread > 0)
    return together


def _filter_text(weights: np.ndarray, names: list[str]) -> str:
    """The channel that weighs most at each place; a point where none weighs much."""
    strongest = weights.max(axis=0)
    least = WEAK * strongest.max()
    letters = [names[index] for index in weights.argmax(axis=0)]
    shown = [letter if len(letter) == 1 else f"[{letter}]" for letter in letters]
    parts = zip(shown, strongest, strict=True)
    return "".join(letter if value >= least else "." for letter, value in parts).strip(".")
