"""Which tokens are hidden from the model: a function of (seed, pass, window), not of history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pybmfm.core import derive_seed


@dataclass(frozen=True)
class MaskPlan:
    """How tokens are chosen and hidden.

    Parameters
    ----------
    seed
        The run's seed.
    purpose
        Keeps the masks of training and of each evaluated split apart.
    mask_share
        Share of the tokens that is predicted (the published code's default is 0.15).
    keep_share
        Share of those that the model still sees (0.1 in the paper); the rest becomes [MASK].
    mask_id
        The tokenizer's [MASK].
    special_ids
        Tokens that are never chosen, nor drawn as random ones.
    random_share
        Share of the predicted tokens that the model sees replaced by a token drawn uniformly
        from the others of the vocabulary (0 in the paper).
    vocab_size
        Tokens in the vocabulary; needed where ``random_share`` is above 0.
    mask_variants, variant_ids
        Share of the tokens with variants that is predicted, None: as of all, and those tokens.
    """

    seed: int
    purpose: str
    mask_share: float
    keep_share: float
    mask_id: int
    special_ids: tuple[int, ...]
    random_share: float = 0.0
    vocab_size: int = 0
    mask_variants: float | None = None
    variant_ids: tuple[int, ...] = ()

    @cached_property
    def _share_of_token(self) -> np.ndarray:
        """How often each token that a corpus can hold is predicted, float64[65536]."""
        table = np.full(1 << 16, self.mask_share)
        if self.mask_variants is not None:
            table[list(self.variant_ids)] = self.mask_variants
        table[list(self.special_ids)] = 0.0
        return table

    def apply(
        self, tokens: np.ndarray, pass_number: int, window: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose and hide tokens of one window.

        Parameters
        ----------
        tokens
            The whole window, uint16[n]; its pieces must be cut afterwards.
        pass_number
            How many times the data were gone through before.
        window
            (corpus index, row), and the copy where a window comes more than once in a pass.

        Returns
        -------
        tuple
            What the model sees, int64[n], and which tokens it predicts, bool[n].
        """
        key = derive_seed(self.seed, "mask", self.purpose, pass_number, *window)
        generator = np.random.Generator(np.random.Philox(key=key))
        draws = generator.random(len(tokens))
        share = self._share_of_token[tokens]
        chosen = draws < share
        seen = tokens.astype(np.int64)
        # One draw decides all: of the chosen interval the lowest part stays visible, the next
        # becomes a random token, the rest [MASK].
        hidden = chosen & (draws >= share * self.keep_share)
        seen[hidden] = self.mask_id
        if self.random_share > 0:
            hidden &= draws < share * (self.keep_share + self.random_share)
            ordinary = np.setdiff1d(np.arange(self.vocab_size), self.special_ids)
            seen[hidden] = generator.choice(ordinary, len(tokens))[hidden]
        return seen, chosen
