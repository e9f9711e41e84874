"""Which tokens are hidden from the model: a function of (seed, pass, window), not of history."""

from __future__ import annotations

from dataclasses import dataclass

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
        Tokens that are never chosen.
    """

    seed: int
    purpose: str
    mask_share: float
    keep_share: float
    mask_id: int
    special_ids: tuple[int, ...]

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
        draws = np.random.Generator(np.random.Philox(key=key)).random(len(tokens))
        chosen = (draws < self.mask_share) & ~np.isin(tokens, self.special_ids)
        seen = tokens.astype(np.int64)
        # One draw decides both: the lowest part of the chosen interval stays visible.
        seen[chosen & (draws >= self.mask_share * self.keep_share)] = self.mask_id
        return seen, chosen
