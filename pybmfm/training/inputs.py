"""What a pretraining run reads: corpora, their tokenizer, their splits, the masks on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pybmfm.core import UserError, digest_file, read_manifest
from pybmfm.training.batches import Pieces
from pybmfm.training.masking import MaskPlan
from pybmfm.training.settings import PretrainPlan
from pybmfm.training.step_batches import Stage

if TYPE_CHECKING:
    from pybmfm.corpus import TokenCorpus
    from pybmfm.tokenizer import DnaTokenizer


EVALUATED_SHARE = 0.15  # of the tokens, as published


class TrainingInputs:
    """The corpora of a run and the tokenizer that they were made with.

    Raises
    ------
    UserError
        If a folder is no corpus or no tokenizer, or they do not belong together.
    """

    def __init__(self, settings: PretrainPlan) -> None:
        from pybmfm.tokenizer import DnaTokenizer

        self.settings = settings
        self.tokenizer = DnaTokenizer.load(settings.tokenizer)
        self.manifests = [read_manifest(folder, "corpus") for folder in settings.corpora]
        for folder, manifest in zip(settings.corpora, self.manifests, strict=True):
            _check_tokenizer(folder, manifest, self.tokenizer)

    @property
    def encoding(self) -> str:
        """``ref``, ``snp``, or ``mixed`` where the corpora differ."""
        found = {
            str(manifest.get("encoding", self.tokenizer.encoding)) for manifest in self.manifests
        }
        return found.pop() if len(found) == 1 else "mixed"

    def pieces(self, split: str, verify: bool) -> Pieces:
        """Windows of a split that is evaluated: every corpus once.

        Parameters
        ----------
        verify
            Whether to compare the shards with their digests.
        """
        corpora = [corpus for corpus, _ in self._weighted_corpora(split, verify)]
        return Pieces(corpora, self.settings.max_length)

    def whole_windows(self, verify: bool) -> Pieces:
        """Training data, mixed by weight, cut no more than the model's context demands.

        Raises
        ------
        UserError
            If there are none.
        """
        found = self._weighted_corpora("train", verify)
        corpora, weights = [corpus for corpus, _ in found], [weight for _, weight in found]
        pieces = Pieces(corpora, self.settings.max_length, weights)
        if not len(pieces):
            raise UserError("has no training windows", file=self.settings.corpora[0])
        return pieces

    def stages(self, windows: Pieces, settings: PretrainPlan) -> list[Stage]:
        """Return training data in pieces as long as plan and curriculum say, stage by stage."""
        stages, first = [], 0
        for tokens, steps in (*settings.curriculum, *settings.lengths()):
            stages.append(Stage(first, Pieces(windows.corpora, tokens, windows.weights)))
            first += steps
        return stages

    def _weighted_corpora(self, split: str, verify: bool) -> list[tuple[TokenCorpus, float]]:
        from pybmfm.corpus import TokenCorpus

        return [
            (TokenCorpus(folder, split, verify=verify), weight)
            for folder, manifest, weight in zip(
                self.settings.corpora, self.manifests, self.settings.corpus_weights, strict=True
            )
            if any(shard["file"].startswith(f"{split}/") for shard in manifest["shards"])
        ]

    def plan(self, purpose: str) -> MaskPlan:
        """How tokens are chosen and hidden, for ``train``, ``dev`` or ``test``."""
        settings, tokenizer = self.settings, self.tokenizer
        # Evaluation asks for the same share whatever training does, and hides every token it
        # asks for: a visible one would be no prediction.
        training = purpose == "train"
        return MaskPlan(
            seed=settings.seed,
            purpose=purpose,
            mask_share=settings.mask_share if training else EVALUATED_SHARE,
            mask_variants=settings.mask_variants if training else EVALUATED_SHARE,
            variant_ids=tuple(np.flatnonzero(tokenizer.holds_variant).tolist()),
            keep_share=settings.keep_share if training else 0.0,
            random_share=settings.random_share if training else 0.0,
            vocab_size=tokenizer.vocab_size,
            mask_id=tokenizer.mask,
            special_ids=(
                tokenizer.unk,
                tokenizer.sep,
                tokenizer.pad,
                tokenizer.cls,
                tokenizer.mask,
            ),
        )


def _check_tokenizer(folder: Path, manifest: dict[str, Any], tokenizer: DnaTokenizer) -> None:
    if manifest["tokenizer"]["sha256"] != digest_file(tokenizer.folder / "tokenizer.json"):
        raise UserError(
            f"was not built with the tokenizer {tokenizer.folder}",
            file=folder,
            remedy="give the tokenizer that the corpus was built with",
        )
