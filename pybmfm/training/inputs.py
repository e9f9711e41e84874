"""What a pretraining run reads: corpora, their tokenizer, their splits, the masks on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybmfm.core import UserError, digest_file, read_manifest
from pybmfm.training.batches import Pieces
from pybmfm.training.masking import MaskPlan
from pybmfm.training.settings import PretrainSettings

if TYPE_CHECKING:
    from pybmfm.tokenizer import DnaTokenizer


class TrainingInputs:
    """The corpora of a run and the tokenizer that they were made with.

    Raises
    ------
    UserError
        If a folder is no corpus or no tokenizer, or they do not belong together.
    """

    def __init__(self, settings: PretrainSettings) -> None:
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
        """Windows of a split; weights mix the training data, evaluation reads every corpus once.

        Parameters
        ----------
        verify
            Whether to compare the shards with their digests.
        """
        from pybmfm.corpus import TokenCorpus

        found = [
            (TokenCorpus(folder, split, verify=verify), weight)
            for folder, manifest, weight in zip(
                self.settings.corpora, self.manifests, self.settings.corpus_weights, strict=True
            )
            if any(shard["file"].startswith(f"{split}/") for shard in manifest["shards"])
        ]
        weights = [weight for _, weight in found] if split == "train" else None
        pieces = Pieces([corpus for corpus, _ in found], self.settings.longest, weights)
        if split == "train" and not len(pieces):
            raise UserError("has no training windows", file=self.settings.corpora[0])
        return pieces

    def plan(self, purpose: str) -> MaskPlan:
        """How tokens are chosen and hidden, for ``train``, ``dev`` or ``test``."""
        settings, tokenizer = self.settings, self.tokenizer
        # Evaluation hides every token it asks for: a visible one would be no prediction.
        training = purpose == "train"
        return MaskPlan(
            seed=settings.seed,
            purpose=purpose,
            mask_share=settings.mask_share,
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
