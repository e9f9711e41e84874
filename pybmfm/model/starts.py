"""What a fresh model begins with: letters of its tokens, or how often tokens stand side by side.

A model of random weights must first find out what its tokens are and where their neighbours
stand, and small models or small budgets never get that far: they stay at the frequencies of the
tokens. Both are known before training. What is set here are ordinary weights of transformers'
own classes: plain ``AutoModelForMaskedLM`` loads and computes them.

Heads are turned to a place by rotary phases: a direction that all embeddings share gives every
query and key a constant part, and where query = key rotated by some steps, their product is
largest at the token that many steps away, whatever stands there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from pybmfm.core import UserError, derive_seed
from pybmfm.model.configurations import architecture_of
from pybmfm.model.encoder import hidden_states
from pybmfm.model.flat import FlatBatch

Matrix = NDArray[np.float64]

LETTER_SHARE = 0.8  # of an embedding's variance; the rest is the token's own
CONSTANT_SHARE = 0.2  # of an embedding's norm, squared, beside its letters
SHARPNESS = 8.0  # how much a head's score falls from its place to the next, in nats
OFFSETS = (-1, 1, -2, 2)  # where heads look that begin with letters
ROOM = 5.0  # norm of an embedding by that of its counted part: the rest is the constant one
EMBEDDING_RMS = 0.1
HEAD_SIGNAL = 0.5  # size of the counts in the prediction head, whose GELU is linear above ~2
HEAD_OFFSET = 4.0
HEAD_CONSTANT = 1.0  # keeps the head's norm from scaling every place to the same confidence
OTHER_WEIGHTS = 0.1  # what random weights of the first layer are shrunk by


@dataclass(frozen=True)
class NeighbourFactors:
    """A low-rank form of how often tokens stand side by side.

    ``log p(right | left) / p(right)`` is about ``left_factors[left] @ right_factors[right]``.

    Attributes
    ----------
    left_factors, right_factors
        float64[vocab, rank].
    frequency
        float64[vocab], smoothed: every token has some.
    """

    left_factors: Matrix
    right_factors: Matrix
    frequency: Matrix


def rank_of_counts(model: PreTrainedModel) -> int:
    """Return how many factors `start_from_counts` can hold in a model."""
    config: Any = model.config
    heads = config.num_attention_heads
    return int(min((config.hidden_size - 2) // 2, heads // 2 * (config.hidden_size // heads)))


@torch.no_grad()
def start_from_letters(
    model: PreTrainedModel, features: Matrix, frequency: Matrix, seed: int
) -> None:
    """Give tokens of like letters like embeddings, and the output the tokens' frequencies.

    In a model with rotary positions (ModernBERT) the heads of the first layer look one and two
    tokens to either side.

    Parameters
    ----------
    features
        What is known of each token's letters, float64[vocab, n]; zeros for special tokens,
        which keep their embedding.
    frequency
        Of the tokens in the training data, float64[vocab], none 0.
    seed
        Seed of the projection of features to embeddings.
    """
    config: Any = model.config
    embeddings = _embeddings(model)
    known = np.asarray(features.any(1))
    centred = np.where(known[:, None], features - features[known].mean(0), 0.0)
    rng = np.random.default_rng(derive_seed(seed, "letters"))
    projected = centred @ rng.normal(size=(features.shape[1], config.hidden_size))
    projected *= config.initializer_range / projected[known].std()
    rows = torch.from_numpy(known)
    letters = torch.from_numpy(projected).float()[rows]
    embeddings[rows] = letters * LETTER_SHARE**0.5 + embeddings[rows] * (1 - LETTER_SHARE) ** 0.5
    _set_output_bias(model, torch.from_numpy(np.log(frequency)).float())
    if architecture_of(config) != "modernbert":
        return
    constant = _constant_direction(config.hidden_size)
    embeddings -= embeddings.mean(1, keepdim=True)
    embeddings -= (embeddings @ constant)[:, None] * constant
    norm = config.initializer_range * config.hidden_size**0.5
    embeddings += constant * norm * (CONSTANT_SHARE / (1 - CONSTANT_SHARE)) ** 0.5
    embeddings[config.pad_token_id] = 0
    heads = config.num_attention_heads
    offsets = [OFFSETS[head % len(OFFSETS)] for head in range(heads)]
    _turn_heads(model, offsets, (CONSTANT_SHARE * config.hidden_size) ** 0.5)


@torch.no_grad()
def start_from_counts(
    model: PreTrainedModel,
    factors: NeighbourFactors,
    batch: FlatBatch,
    places: torch.Tensor,
    targets: torch.Tensor,
    seed: int,
) -> None:
    """Make the model predict a masked token from counts of the tokens on its left and right.

    Half of the heads of the first layer look one token left and carry its factors to the masked
    place, half look right; the output embedding, tied to the input, reads the sum of both log
    ratios, and the head keeps it as it is. All else begins as before, at random.

    Parameters
    ----------
    model
        A ModernBERT whose first layer is local or global, with tied embeddings.
    factors
        Of `rank_of_counts` columns at most.
    batch, places, targets
        Some masked training data, by which the head is scaled: places int64[n] in the flat
        batch, true tokens int64[n].
    seed
        Seed of the basis that the factors are laid in.

    Raises
    ------
    UserError
        If the architecture has no rotary positions to turn heads by.
    """
    config: Any = model.config
    if architecture_of(config) != "modernbert":
        raise UserError(
            f"a {architecture_of(config)} cannot start from counts: its heads cannot be turned "
            "to a neighbour by rotary phases",
            remedy="use --start letters",
        )
    basis = _basis(config.hidden_size, derive_seed(seed, "counts"))
    rank = min(factors.left_factors.shape[1], rank_of_counts(model))
    to_left, to_right = basis[:, :rank], basis[:, rank : 2 * rank]
    constant = _constant_direction(config.hidden_size)
    _set_count_embeddings(model, factors, to_left, to_right, constant)
    _set_first_layer(model, to_left, to_right)
    _set_head(model, factors, torch.from_numpy(basis @ basis.T).float(), batch, places, targets)


def _embeddings(model: Any) -> torch.Tensor:
    """Return the input embeddings, float32[vocab, hidden], which the output shares."""
    weight: torch.Tensor = model.get_input_embeddings().weight
    return weight


def _constant_direction(size: int) -> torch.Tensor:
    """Return a unit vector, float32[size], that a layer norm does not take away.

    It is the first axis but for its mean. An optimizer that scales every weight's steps by its
    own gradients (Adam) sees the constant part in one column of each matrix; were it spread over
    all of them, its noise would slow what the others learn.
    """
    axis: torch.Tensor = torch.eye(size)[0] - 1 / size
    return axis / float(axis.norm())


def _basis(size: int, seed: int) -> Matrix:
    """Return an orthonormal basis of what is free of mean and constant, float64[size, size - 2]."""
    random = np.random.default_rng(seed).normal(size=(size, size - 2))
    fixed = np.stack([np.ones(size), _constant_direction(size).double().numpy()], 1)
    return np.asarray(np.linalg.qr(np.concatenate([fixed, random], 1))[0][:, 2:])


def _set_count_embeddings(
    model: PreTrainedModel,
    factors: NeighbourFactors,
    to_left: Matrix,
    to_right: Matrix,
    constant: torch.Tensor,
) -> None:
    """Lay both factors of each token beside a constant part, all rows of one norm."""
    config: Any = model.config
    rank = to_left.shape[1]
    rows = factors.left_factors[:, :rank] @ to_left.T + factors.right_factors[:, :rank] @ to_right.T
    norms = np.linalg.norm(rows, axis=1)
    whole = ROOM * np.sqrt((factors.frequency * norms**2).sum())
    shrink = np.minimum(1, 0.95 * whole / np.maximum(norms, 1e-9))
    rows, norms = rows * shrink[:, None], norms * shrink
    rows += np.sqrt(whole**2 - norms**2)[:, None] * constant.double().numpy()
    embeddings = _embeddings(model)
    scale = EMBEDDING_RMS * config.hidden_size**0.5 / whole
    embeddings.copy_(torch.from_numpy(rows * scale))
    embeddings[config.pad_token_id] = 0


def _set_first_layer(model: PreTrainedModel, to_left: Matrix, to_right: Matrix) -> None:
    """Let half of the heads carry left neighbours, half right ones, to where they are read."""
    config: Any = model.config
    size, heads = config.hidden_size, config.num_attention_heads
    width, half, rank = size // heads, heads // 2, to_left.shape[1]
    body: Any = model.base_model
    attention = body.layers[0].attn
    attention.Wqkv.weight.mul_(OTHER_WEIGHTS)
    attention.Wo.weight.mul_(OTHER_WEIGHTS)
    constant = (size * (1 - 1 / ROOM**2)) ** 0.5
    _turn_heads(model, [-1] * half + [1] * (heads - half), constant)
    values = attention.Wqkv.weight[2 * size :]
    # What stands left of a place is read by its left factors and answered by right ones.
    sides = ((to_left, to_right, range(half)), (to_right, to_left, range(half, heads)))
    for source, answer, group in sides:
        for j, head in enumerate(group):
            columns = slice(j * width, min(rank, (j + 1) * width))
            count = max(0, columns.stop - columns.start)
            place = slice(head * width, head * width + count)
            values[place] += torch.from_numpy(source[:, columns].T).float()
            attention.Wo.weight[:, place] += torch.from_numpy(answer[:, columns]).float()


def _turn_heads(model: Any, offsets: list[int], constant: float) -> None:
    """Add to queries and keys of the first layer what makes each head look at an offset.

    Parameters
    ----------
    constant
        Length of the constant part of the states that the layer sees.
    """
    config: Any = model.config
    size, width = config.hidden_size, config.hidden_size // len(offsets)
    theta = config.rope_parameters[config.layer_types[0]]["rope_theta"]
    phases = theta ** (-2 * np.arange(width // 2) / width)
    amplitudes = np.sqrt(phases / np.linalg.norm(phases))  # high frequencies tell neighbours apart
    gap = (amplitudes**2 * (1 - np.cos(phases))).sum() / np.sqrt(width)
    scale = np.sqrt(SHARPNESS / gap) / constant
    direction = _constant_direction(size)
    weight = model.base_model.layers[0].attn.Wqkv.weight
    for head, offset in enumerate(offsets):
        turned = np.concatenate([np.cos(offset * phases), np.sin(offset * phases)])
        query = np.tile(amplitudes, 2) * turned * scale
        key = np.concatenate([amplitudes, np.zeros(width // 2)]) * scale
        first = head * width
        for start, vector in ((first, query), (size + first, key)):
            column = torch.from_numpy(vector).float()[:, None]
            weight[start : start + width] += column * direction


def _set_head(
    model: Any,
    factors: NeighbourFactors,
    projection: torch.Tensor,
    batch: FlatBatch,
    places: torch.Tensor,
    targets: torch.Tensor,
) -> None:
    """Make the prediction head linear, and choose its scale by the loss on some masked places."""
    size = model.config.hidden_size
    constant = _constant_direction(size)
    states = hidden_states(model, batch)[places]
    along = (states @ constant).mean()
    signal = (states @ projection).pow(2).sum(1).mean().sqrt()
    keep = projection * (HEAD_SIGNAL * size**0.5 / signal)
    raise_by = torch.outer(torch.full((size,), HEAD_OFFSET), constant) / along
    steady = torch.outer(constant, constant) * (HEAD_CONSTANT * size**0.5 / along)
    model.head.dense.weight.copy_(keep + raise_by + steady)
    answers = model.head(states)
    embeddings = model.decoder.weight
    wanted = torch.from_numpy(np.log(factors.frequency)).float()
    losses = []
    for scale in np.geomspace(0.2, 60, 40):
        scaled = answers * scale
        # The constant part of all embeddings adds the same to none of the tokens but by norm.
        bias = wanted - (embeddings @ constant) * (scaled @ constant).mean()
        loss = float(cross_entropy(scaled @ embeddings.T + bias, targets))
        losses.append((loss, float(scale), bias))
    _, scale, bias = min(losses, key=lambda one: one[0])
    model.head.norm.weight.mul_(scale)
    _set_output_bias(model, bias)


def _set_output_bias(model: Any, bias: torch.Tensor) -> None:
    model.get_output_embeddings().bias.copy_(bias)
