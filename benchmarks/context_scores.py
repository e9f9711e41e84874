"""Whether variant scores hold more than the frequencies of tokens.

    python benchmarks/context_scores.py --checkpoint model --corpus corpus --fasta genome.fa.gz \
        --vcf variants.vcf.gz

scores the VCF twice: with the model, and with a copy that answers every masked token with the
frequencies of tokens in the training split, and prints how the two scores correlate. Near 1 the
model's scores say how common the tokens of the two alleles are, and nothing of where they stand.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
import pysam
import torch
from scipy.stats import pearsonr, spearmanr

from pybmfm.corpus import TokenCorpus
from pybmfm.inference import ScoreSettings, score_variants
from pybmfm.model import load_checkpoint, save_checkpoint
from pybmfm.training.batches import Pieces
from pybmfm.training.recipes import MAX_LENGTH
from pybmfm.training.starting import counted_tokens, token_frequency

PLACE = click.Path(path_type=Path, exists=True)


@click.command()
@click.option("--checkpoint", type=PLACE, required=True)
@click.option("--corpus", type=PLACE, required=True, help="What the model was trained on.")
@click.option("--fasta", type=PLACE, required=True)
@click.option("--vcf", type=PLACE, required=True)
@click.option("--threads", default=1, show_default=True)
def main(checkpoint: Path, corpus: Path, fasta: Path, vcf: Path, threads: int) -> None:
    """Print Pearson's and Spearman's correlation of the scores of SNVs and of all alleles."""
    with tempfile.TemporaryDirectory() as made:
        blind = Path(made) / "blind"
        _blind_copy(checkpoint, corpus, blind)
        scored = [Path(made) / f"{name}.vcf.gz" for name in ("model", "frequencies")]
        for model, out in zip((checkpoint, blind), scored, strict=True):
            score_variants(
                ScoreSettings(checkpoint=model, fasta=fasta, vcf=vcf, out=out, threads=threads)
            )
        (scores, is_snv), (frequencies, _) = map(_scores, scored)
    both = ~np.isnan(scores) & ~np.isnan(frequencies)
    for name, chosen in (("SNVs", both & is_snv), ("all alleles", both)):
        pearson = pearsonr(scores[chosen], frequencies[chosen]).statistic
        spearman = spearmanr(scores[chosen], frequencies[chosen]).statistic
        click.echo(f"{name}: {chosen.sum():,}, Pearson {pearson:.3f}, Spearman {spearman:.3f}")


def _blind_copy(checkpoint: Path, corpus: Path, out: Path) -> None:
    """Save a model of the same kind whose output is its bias alone, the log frequencies."""
    model, tokenizer = load_checkpoint(checkpoint)
    tokens = counted_tokens(Pieces([TokenCorpus(corpus, "train")], MAX_LENGTH), seed=0)
    specials = [tokenizer.unk, tokenizer.sep, tokenizer.pad, tokenizer.cls, tokenizer.mask]
    frequency = token_frequency(tokens, tokenizer.vocab_size, specials)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.get_output_embeddings().bias.copy_(torch.from_numpy(np.log(frequency)))
    save_checkpoint(out, model, tokenizer, {})


def _scores(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return each allele's score, float64[n] with NaN for none, and whether it is an SNV."""
    scores, is_snv = [], []
    with pysam.VariantFile(str(path)) as file:
        for record in file:
            found = record.info.get("BMFM_LLR") or [None] * len(record.alts or ())
            scores += [np.nan if score is None else score for score in found]
            is_snv += [len(record.ref) == len(alt) == 1 for alt in record.alts or ()]
    return np.array(scores, dtype=float), np.array(is_snv)


if __name__ == "__main__":
    main()
