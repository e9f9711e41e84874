"""The masked places of a corpus split, and what a model's probabilities there are worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pybmfm.corpus import TokenCorpus
from pybmfm.model import hidden_states, load_model, masked_lm_logits
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.training.batches import Pieces, Visit, masked_batch, pack
from pybmfm.training.evaluating import evaluation_members
from pybmfm.training.masking import MaskPlan
from pybmfm.variants import ALPHABET
from pybmfm.variants.symbols import PAIR_CODE, states_of_code

CLUSTER = 20_000  # nt that are drawn together: windows of several passes and strands overlap
MASK_SHARE = 0.15
BASES = "AGTC"
SNP_PAIRS = ("A_C", "A_G", "A_T", "C_G", "C_T", "G_T")
Parts = Iterable[tuple[slice, NDArray[np.float64]]]


@dataclass(frozen=True)
class Vocabulary:
    """What the tokens stand for.

    Attributes
    ----------
    spans
        Nucleotides per token, int[vocab].
    variant
        Whether it holds a variant, bool[vocab].
    pair
        Which of ``SNP_PAIRS`` it holds if one SNP is its only variant, else -1, int[vocab].
    """

    tokenizer: DnaTokenizer
    spans: NDArray[np.int32]
    variant: NDArray[np.bool_]
    pair: NDArray[np.int64]

    @classmethod
    def of(cls, tokenizer: DnaTokenizer) -> Vocabulary:
        """Read a tokenizer."""
        pair = np.array([_only_pair(token) for token in tokenizer.tokens])
        pair[~tokenizer.holds_variant] = -1
        return cls(tokenizer, tokenizer.span_lengths, tokenizer.holds_variant, pair)

    @property
    def specials(self) -> tuple[int, ...]:
        """Tokens that are never masked."""
        one = self.tokenizer
        return (one.unk, one.sep, one.pad, one.cls, one.mask)


def _only_pair(token: str) -> int:
    variants = [letter for letter in token if ALPHABET.find(letter) >= len("AGTCN")]
    return snp_pair(ALPHABET.index(variants[0])) if len(variants) == 1 else -1


def snp_pair(code: int) -> int:
    """Return the place in ``SNP_PAIRS`` of a symbol's code, -1 if it is no SNP."""
    first, second = states_of_code(code)
    if code < PAIR_CODE or max(first, second) >= len(BASES):
        return -1
    name = "_".join(sorted((BASES[first], BASES[second])))
    return SNP_PAIRS.index(name) if name in SNP_PAIRS else -1


@dataclass(frozen=True)
class Places:
    """Masked places: n of them, in the order of the pieces.

    Attributes
    ----------
    left, right
        Neighbouring tokens as a model sees them, int64[n].
    targets
        True tokens, int64[n].
    cluster
        Stretch of the genome, int64[n].
    rows, starts
        Window of the corpus, and the first nucleotide under the token in it, int64[n].
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    targets: NDArray[np.int64]
    cluster: NDArray[np.int64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One split of a corpus with its masks, those of `pybmfm pretrain --seed` on that split."""

    corpus: TokenCorpus
    vocabulary: Vocabulary
    max_length: int
    max_tokens: int
    seed: int

    @property
    def pieces(self) -> Pieces:
        """The windows, cut as for training."""
        return Pieces([self.corpus], self.max_length)

    @property
    def plan(self) -> MaskPlan:
        """Every chosen token is hidden."""
        return MaskPlan(
            seed=self.seed,
            purpose=self.corpus.split,
            mask_share=MASK_SHARE,
            keep_share=0.0,
            mask_id=self.vocabulary.tokenizer.mask,
            special_ids=self.vocabulary.specials,
        )

    def members(self) -> list[Visit]:
        """Pieces that are evaluated."""
        return evaluation_members(self.pieces, self.max_tokens, self.seed)

    def places(self) -> Places:
        """Collect the masked places."""
        pieces, plan, spans = self.pieces, self.plan, self.vocabulary.spans
        columns: list[tuple[Any, ...]] = []
        for member in self.members():
            seen, true, chosen = pieces.masked(member.piece, member.pass_number, plan)
            at = np.flatnonzero(chosen)
            row, first = int(pieces.row[member.piece]), int(pieces.start[member.piece])
            before = np.cumsum(spans[self.corpus.tokens(row)])[first]
            starts = before + np.cumsum(spans[true])[at - 1]
            cluster = np.full(len(at), _cluster(self.corpus.window(row)))
            columns.append(
                (seen[at - 1], seen[at + 1], true[at], cluster, np.full(len(at), row), starts)
            )
        return Places(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _cluster(window: dict[str, Any]) -> int:
    number = int.from_bytes(window["contig"].encode()[-4:], "big")
    return number * 1_000_000 + int(window["start"]) // CLUSTER


@torch.no_grad()
def predict_with_model(folder: Any, split: Split, budget: int = 16_384) -> Parts:
    """Give a checkpoint's probabilities at the masked places, in their order."""
    model = load_model(folder)
    pieces, plan, first = split.pieces, split.plan, 0
    for group in pack(split.members(), lambda one: int(pieces.lengths[one.piece]), budget):
        masked = masked_batch(pieces, group, plan)
        states = hidden_states(model, masked.batch).index_select(0, masked.places)
        logits = masked_lm_logits(model, states).double()
        yield slice(first, first + len(logits)), torch.softmax(logits, 1).numpy()
        first += len(logits)


@dataclass(frozen=True)
class Scores:
    """What a model makes of every masked place.

    Attributes
    ----------
    bits
        -log2 P(true token), float64[n].
    hit
        Whether the likeliest token is the true one, bool[n].
    variant_bits, variant_hit
        The same among the tokens with variants, where one is masked; nan and False elsewhere.
    pair_bits, pair_hit
        The same for the SNP pair that a token with one SNP holds, whatever letters stand beside
        it in the token; nan and False elsewhere.
    """

    bits: NDArray[np.float64]
    hit: NDArray[np.bool_]
    variant_bits: NDArray[np.float64]
    variant_hit: NDArray[np.bool_]
    pair_bits: NDArray[np.float64]
    pair_hit: NDArray[np.bool_]


def score(parts: Parts, places: Places, vocabulary: Vocabulary) -> Scores:
    """Judge probabilities float64[places, vocab] that come in parts."""
    columns = [_score_part(rows, places.targets[part], vocabulary) for part, rows in parts]
    return Scores(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _score_part(
    rows: NDArray[np.float64], targets: NDArray[np.int64], vocabulary: Vocabulary
) -> tuple[NDArray[Any], ...]:
    among_variants = np.where(vocabulary.variant, rows, 0.0)
    by_pair = rows @ (vocabulary.pair[:, None] == np.arange(len(SNP_PAIRS)))
    bits, hit = _judge(rows, targets)
    return (
        bits,
        hit,
        *_judge(among_variants, np.where(vocabulary.variant[targets], targets, -1)),
        *_judge(by_pair, vocabulary.pair[targets]),
    )


def _judge(
    rows: NDArray[np.float64], truth: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Bits of the truth and whether it is likeliest; -1 is no question."""
    asked = truth >= 0
    bits = np.full(len(rows), np.nan)
    chosen = rows[asked]
    bits[asked] = -np.log2(chosen[np.arange(len(chosen)), truth[asked]] / chosen.sum(1))
    hit = np.zeros(len(rows), bool)
    hit[asked] = chosen.argmax(1) == truth[asked]
    return bits, hit


def constant(probabilities: NDArray[np.float64], count: int) -> Parts:
    """Give the same probabilities everywhere."""
    yield slice(0, count), np.broadcast_to(probabilities, (count, len(probabilities)))


def interval(
    top: NDArray[np.float64], bottom: NDArray[np.float64], cluster: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Return sum(top) / sum(bottom) with a 95 % bootstrap interval over stretches of genome."""
    _, index = np.unique(cluster, return_inverse=True)
    tops, bottoms = (np.bincount(index, weights=column) for column in (top, bottom))
    rng = np.random.default_rng(0)
    draws = rng.integers(len(tops), size=(2000, len(tops)))
    low, high = np.quantile(tops[draws].sum(1) / bottoms[draws].sum(1), [0.025, 0.975])
    return float(tops.sum() / bottoms.sum()), float(low), float(high)
