"""Pseudo-log-likelihoods: each token masked in turn, the masked copies laid end to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from pybmfm.tokenizer import DnaTokenizer


class PseudoLikelihoods:
    """Texts, the tokens of them whose log probability is wanted, and the answers.

    Every text is tokenized once and every (text, token) pair computed once, however many
    comparisons ask for it.

    Parameters
    ----------
    tokenizer
        The checkpoint's tokenizer.
    """

    def __init__(self, tokenizer: DnaTokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, int] = {}
        self.tokens: list[NDArray[np.int64]] = []
        self.borders: list[NDArray[np.int64]] = []
        self._wanted: dict[tuple[int, int], None] = {}
        self._answers: dict[tuple[int, int], float] = {}

    def add(self, text: str) -> int:
        """Tokenize ``text`` with [CLS] and [SEP], unless it is known, and return its number.

        ``borders[number]`` are the nucleotides where tokens begin, and the text's length.
        """
        if text not in self._ids:
            ids = self._tokenizer.encode(text).astype(np.int64)
            spans = self._tokenizer.span_lengths[ids].astype(np.int64)
            if int(spans.sum()) != len(text):
                raise ValueError(f"tokens cover {spans.sum()} of {len(text)} nucleotides")
            self._ids[text] = len(self.tokens)
            self.borders.append(np.concatenate([[0], np.cumsum(spans)]))
            self.tokens.append(np.concatenate([[self._tokenizer.cls], ids, [self._tokenizer.sep]]))
        return self._ids[text]

    def want(self, text: int, places: range) -> None:
        """Ask for log p of the tokens ``places`` (0 = first after [CLS]) of a text."""
        for place in places:
            self._wanted[text, place] = None

    def total(self, text: int, places: range) -> float:
        """Sum of log p(token | all others), natural log, after :meth:`compute`."""
        return float(sum(self._answers[text, place] for place in places))

    def compute(self, model: PreTrainedModel, *, batch_tokens: int, device: torch.device) -> None:
        """Compute what was asked for, in flat batches of about ``batch_tokens`` tokens."""
        import torch

        from pybmfm.model import FlatBatch, hidden_states, masked_lm_logits

        pending = [pair for pair in self._wanted if pair not in self._answers]
        for part in batches(pending, [len(self.tokens[text]) for text, _ in pending], batch_tokens):
            places = np.array([place + 1 for _, place in part])
            sequences = [self._masked(text, place + 1) for text, place in part]
            targets = np.array([self.tokens[text][place + 1] for text, place in part])
            starts = np.concatenate([[0], np.cumsum([len(s) for s in sequences])])[:-1]
            with torch.inference_mode():
                hidden = hidden_states(model, FlatBatch.from_sequences(sequences).to(device))
                at_places = hidden[torch.from_numpy(starts + places).to(hidden.device)]
                logs = torch.log_softmax(masked_lm_logits(model, at_places).float(), dim=-1)
                wanted = torch.from_numpy(targets).to(logs.device).unsqueeze(1)
                values = logs.gather(1, wanted).squeeze(1).double().cpu().numpy()
            self._answers.update(zip(part, values.tolist(), strict=True))

    def _masked(self, text: int, index: int) -> NDArray[np.int64]:
        copy = self.tokens[text].copy()
        copy[index] = self._tokenizer.mask
        return copy


def compared_places(
    borders_a: NDArray[np.int64],
    span_a: tuple[int, int],
    borders_b: NDArray[np.int64],
    flank: int,
) -> tuple[range, range]:
    """Tokens of two texts that cover the differing spans, ``flank`` more, and the same flanks.

    The two texts are equal before and after the span. The stretch ``span +- flank`` is widened on
    each side to the nearest place where both texts have a token border, so that the two sums of
    log probabilities are over the same flanking nucleotides.

    Parameters
    ----------
    borders_a, borders_b
        Nucleotides where tokens begin, and the text's length (from 0 to length, ascending).
    span_a
        Where text a differs from text b, half-open.

    Returns
    -------
    tuple of range
        Token numbers in text a and in text b.
    """
    left = _last_common(borders_a, borders_b, span_a[0] - flank)
    length_a, length_b = int(borders_a[-1]), int(borders_b[-1])
    right = _last_common(
        length_a - borders_a[::-1], length_b - borders_b[::-1], length_a - span_a[1] - flank
    )
    return (
        _between(borders_a, left, length_a - right),
        _between(borders_b, left, length_b - right),
    )


def batches(items: Sequence, lengths: Sequence[int], budget: int) -> Iterator[list]:  # type: ignore[type-arg]
    """Cut ``items`` into runs whose lengths sum to at most ``budget`` (or single long items)."""
    part: list = []  # type: ignore[type-arg]
    used = 0
    for item, length in zip(items, lengths, strict=True):
        if part and used + length > budget:
            yield part
            part, used = [], 0
        part.append(item)
        used += length
    if part:
        yield part


def _last_common(a: NDArray[np.int64], b: NDArray[np.int64], limit: int) -> int:
    common = np.intersect1d(a[a <= max(0, limit)], b[b <= max(0, limit)])
    return int(common[-1])


def _between(borders: NDArray[np.int64], start: int, end: int) -> range:
    return range(int(np.searchsorted(borders, start)), int(np.searchsorted(borders, end)))
