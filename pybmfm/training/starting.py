"""What a new run begins with (``--start``), made from the training split and the tokenizer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from pybmfm.core import derive_seed
from pybmfm.model.starts import (
    NeighbourFactors,
    rank_of_counts,
    start_from_counts,
    start_from_letters,
)
from pybmfm.training.batches import Pieces, Visit, masked_batch
from pybmfm.training.masking import MaskPlan

if TYPE_CHECKING:
    from pybmfm.tokenizer import DnaTokenizer

log = logging.getLogger("pybmfm")

Matrix = NDArray[np.float64]

COUNTED_TOKENS = 20_000_000  # of the training split: more changes no figure in the third digit
CALIBRATION_PIECES = 256
MOST_PAIRED = 8192  # tokens whose pairs are counted, the most frequent: 0.5 GB a matrix
ENDS = 4  # letters of a token's beginning and of its end that are told one by one
LONGEST_TOLD = 8
NOISE_EDGE = 1.05  # singular values of noise end near 1 on this scale
SPARE_RANK = 32
SMOOTHING = 0.05  # expected occurrences of a pair that never stood
LEAST_RATIO = (0.01, 0.1)  # of a pair's probability to that of independent tokens
FEWEST = 5  # occurrences of a token below which only its letters are believed
LETTERS_WORTH = 100.0  # occurrences: what letters tell of a token weighs as much as so many
RIDGE = 1.0


def counted_tokens(pieces: Pieces, seed: int) -> NDArray[np.uint16]:
    """Return training windows of pass 0, whole ones, up to ``COUNTED_TOKENS``, end to end.

    Returns
    -------
    uint16[n]
        With each window's [CLS] and [SEP].
    """
    visits, _ = pieces.visits(seed, 0)
    first = visits[pieces.start[visits] == 0]
    parts, total = [], 0
    for piece in first:
        window = pieces.corpora[pieces.corpus[piece]].tokens(int(pieces.row[piece]))
        parts.append(np.asarray(window))
        total += len(window)
        if total >= COUNTED_TOKENS:
            break
    return np.concatenate(parts)


def apply_start(
    start: str,
    model: PreTrainedModel,
    tokenizer: DnaTokenizer,
    pieces: Pieces,
    tokens: NDArray[np.uint16],
    plan: MaskPlan,
    seed: int,
) -> None:
    """Set a fresh model's weights as ``--start`` says.

    Parameters
    ----------
    start
        ``random`` leaves them as they are; ``counts`` becomes ``letters`` where no token tells
        anything of its neighbours.
    pieces, tokens
        Training pieces, and the tokens to be counted, of the training split alone.
    plan
        Masks of some pieces, by which the head is scaled.
    """
    if start == "random":
        return
    specials = list(plan.special_ids)
    frequency = token_frequency(tokens, tokenizer.vocab_size, specials)
    features = letter_features(tokenizer.tokens, specials)
    if start == "letters":
        start_from_letters(model, features, frequency, seed)
        return
    factors = neighbour_factors(tokens, features, frequency, specials, rank_of_counts(model), seed)
    if not factors.left_factors.any():
        log.warning(
            "the training tokens tell nothing of their neighbours: the model begins with letters"
        )
        start_from_letters(model, features, frequency, seed)
        return
    masked = masked_batch(pieces, _calibration_visits(pieces, seed), plan)
    start_from_counts(model, factors, masked.batch, masked.places, masked.targets, seed)


def _calibration_visits(pieces: Pieces, seed: int) -> list[Visit]:
    """Return always as many: few pieces come several times, with other masks."""
    order = pieces.order(seed, -2)
    return [Visit(int(order[i % len(order)]), i // len(order)) for i in range(CALIBRATION_PIECES)]


def token_frequency(tokens: NDArray[np.uint16], size: int, specials: list[int]) -> Matrix:
    """Return the smoothed share of each token, float64[size]; special tokens are next to none."""
    counts = np.bincount(tokens, minlength=size) + 0.1
    counts[specials] = 1e-3
    return np.asarray(counts / counts.sum())


def letter_features(tokens: list[str], specials: list[int]) -> Matrix:
    """Describe tokens by their letters: both ends, composition, length, first and last pair.

    A letter is the shares of its two alleles' bases, with their deletions and insertions, so
    that the symbol of A and G lies between A and G.

    Returns
    -------
    float64[tokens, n]
        Zeros for special tokens.
    """
    from pybmfm.variants import text_to_codes

    letters = _letter_shares()
    kinds = letters.shape[1]
    features = np.zeros((len(tokens), 2 * ENDS * kinds + kinds + LONGEST_TOLD + 2 * 16 + 1))
    for index, token in enumerate(tokens):
        if index in specials or not token:
            continue
        rows = letters[text_to_codes(token)]
        ends = np.zeros((2, ENDS, kinds))
        count = min(ENDS, len(rows))
        ends[0, :count], ends[1, :count] = rows[:count], rows[::-1][:count]
        length = np.eye(LONGEST_TOLD)[min(len(rows), LONGEST_TOLD) - 1]
        pairs = np.zeros((2, 4, 4))
        if len(rows) > 1:
            pairs[0] = np.outer(rows[0, :4], rows[1, :4])
            pairs[1] = np.outer(rows[-2, :4], rows[-1, :4])
        whole = (ends.ravel(), rows.mean(0), length, pairs.ravel(), [1.0])
        features[index] = np.concatenate(whole)
    return features


def _letter_shares() -> Matrix:
    """Return each code's shares of A, G, T, C, deletion, insertion, and of being a variant."""
    from pybmfm.variants.symbols import ALPHABET, DELETION, INSERTION, VARIANT_CODE, states_of_code

    shares = np.zeros((len(ALPHABET), 7))
    for code in range(len(ALPHABET)):
        for state in states_of_code(code):
            base = state - INSERTION if state >= INSERTION else state
            if base < 4:
                shares[code, base] += 0.5
            shares[code, 4] += 0.5 * (state == DELETION)
            shares[code, 5] += 0.5 * (state >= INSERTION)
        shares[code, 6] = code >= VARIANT_CODE
    return shares


def neighbour_factors(
    tokens: NDArray[np.uint16],
    features: Matrix,
    frequency: Matrix,
    specials: list[int],
    rank: int,
    seed: int,
) -> NeighbourFactors:
    """Factorise the log ratios of neighbouring tokens.

    Standardised residuals of the pair counts keep their singular values above the edge of
    noise, shrunk as noise has stretched them (Gavish and Donoho 2017); the log ratios that
    follow are factorised again, weighted by the tokens' counts. Factors of rare tokens are drawn
    to what their letters tell, a ridge regression over all tokens; beyond ``MOST_PAIRED`` tokens,
    the less frequent ones have no others.

    Parameters
    ----------
    tokens
        Windows end to end, [CLS] and [SEP] included.
    features
        Of `letter_features`.
    rank
        Columns of the factors.
    """
    size = len(frequency)
    paired, counts, pairs = _pair_counts(tokens, size, specials)
    rare = counts < FEWEST
    share = counts / max(1.0, float(counts.sum()))
    expected = np.outer(share, share)  # in place from here on: these matrices are large
    expected *= max(1.0, float(pairs.sum()))
    expected += SMOOTHING
    root = np.sqrt(expected)
    residuals = pairs
    residuals -= expected
    residuals /= root
    residuals[rare] = residuals[:, rare] = 0
    # Columns and rows of unit variance: the singular values of noise end at twice the root.
    edge = 2 * np.sqrt(max(1, (~rare).sum()))
    left, values, right = _svd(residuals, rank + SPARE_RANK, derive_seed(seed, "residuals"))
    kept = values > edge * NOISE_EDGE
    values = np.sqrt(values[kept] ** 2 - edge**2)
    ratios = (left[:, kept] * values) @ right[:, kept].T
    ratios /= root
    ratios += 1
    # A pair that never stood is as unlikely as its expected count can tell, and no surer.
    np.maximum(ratios, np.clip(1 / expected, *LEAST_RATIO), out=ratios)
    np.log(ratios, out=ratios)
    ratios[rare] = ratios[:, rare] = 0
    weight = np.sqrt(np.maximum(counts, 1))
    ratios *= weight[:, None]
    ratios *= weight
    left, values, right = _svd(ratios, rank, derive_seed(seed, "ratios"))
    believed = np.zeros(size)
    believed[paired] = counts

    def of_all(side: Matrix) -> Matrix:
        factors = np.zeros((size, len(values)))
        factors[paired] = side * np.sqrt(values) / weight[:, None]
        return _with_letters(factors, believed, features)

    return NeighbourFactors(of_all(left), of_all(right), frequency)


def _pair_counts(
    tokens: NDArray[np.uint16], size: int, specials: list[int]
) -> tuple[NDArray[np.int64], Matrix, Matrix]:
    """Count tokens and neighbours: ids int64[n], counts float64[n], pairs float64[n, n]."""
    counts = np.bincount(tokens, minlength=size)
    counts[specials] = 0
    paired = np.sort(np.argsort(-counts, kind="stable")[:MOST_PAIRED])
    rows, count = np.full(size, -1), len(paired)
    rows[paired] = np.arange(count)
    rows[specials] = -1
    row = rows[tokens]
    beside = (row[:-1] >= 0) & (row[1:] >= 0)
    keys = row[:-1][beside] * count + row[1:][beside]
    pairs = np.bincount(keys, minlength=count * count).reshape(count, count)
    return paired, counts[paired].astype(float), pairs.astype(float)


def _svd(matrix: Matrix, rank: int, seed: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return the largest singular vectors and values; the sign is by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        left, values, right = torch.svd_lowrank(
            torch.from_numpy(matrix), q=min(rank, len(matrix)), niter=4
        )
    return left.numpy(), values.numpy(), right.numpy()


def _with_letters(factors: Matrix, counts: Matrix, features: Matrix) -> Matrix:
    """Draw the factors of rare tokens to what a regression on letters says of them."""
    weighted = features * counts[:, None]
    gram = features.T @ weighted + RIDGE * np.eye(features.shape[1])
    told = features @ np.linalg.solve(gram, weighted.T @ factors)
    trust = (counts * (counts >= FEWEST) / (counts + LETTERS_WORTH))[:, None]
    return np.asarray(trust * factors + (1 - trust) * told)
