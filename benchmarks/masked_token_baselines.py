"""Do pretrained models know more than counts? Masked tokens of a genome, the same for all."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from pretrain_places import (
    SNP_PAIRS,
    Places,
    Scores,
    Split,
    Vocabulary,
    constant,
    interval,
    predict_with_model,
    score,
    snp_pair,
)
from pretrain_world import Branch, demo_branches, real_branch

from pybmfm.corpus import TokenCorpus
from pybmfm.tokenizer import DnaTokenizer
from pybmfm.training import PretrainSettings, pretrain
from pybmfm.training.recipes import MAX_LENGTH, RECIPES
from pybmfm.training.token_counts import MarkovLetters, NeighbourTokens
from pybmfm.variants import ALPHABET, text_to_codes

ORDER = 5
FLANKS = (-2, -1, 1, 2)
NOTE = f"""
Markov of order {ORDER} is not like for like. It sees the {ORDER} nucleotides left of each one under
a masked token: for all but the first these are nucleotides of that token itself, and where
tokens before it are masked it sees their letters too; all of that is hidden from the others. It
sees nothing to the right, and nothing of where tokens begin and end, which tells the others a part
of the masked token's length and letters; and it need not predict that length, as the others must.
"""


@dataclass(frozen=True)
class Training:
    """What all models are trained with."""

    preset: str
    recipe: str
    steps: int
    mask_variants: float | None
    threads: int


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Kept and continued.")
@click.option("--fasta", type=click.Path(path_type=Path), help="Real genome, not the demo's.")
@click.option("--vcf", type=click.Path(path_type=Path), help="Its variants.")
@click.option("--contig", help="Train on the first 70 % of its variants, test on the rest.")
@click.option("--seeds", default="0,1", show_default=True)
@click.option("--preset", default="tiny", show_default=True)
@click.option("--recipe", type=click.Choice(list(RECIPES)), default="default", show_default=True)
@click.option("--steps", default=2500, show_default=True)
@click.option("--mask-variants", type=float, help="Share of tokens with variants predicted.")
@click.option("--vocab-size", default=128, show_default=True)
@click.option("--passes", default=10, show_default=True)
@click.option("--max-tokens", default=200_000, show_default=True, help="Evaluated.")
@click.option("--contig-length", multiple=True, help="Of the demo genome, chr1=40000; repeat.")
@click.option("--threads", default=2, show_default=True)
def main(
    out: Path,
    fasta: Path | None,
    vcf: Path | None,
    contig: str | None,
    seeds: str,
    vocab_size: int,
    passes: int,
    max_tokens: int,
    contig_length: tuple[str, ...],
    **training: Any,
) -> None:
    """Compare pretrained models with counts on the same masked places.

    On the demo genome, REF and SNP models with the same budget, and the dev split; with --fasta,
    --vcf and --contig a SNP model on real variants. Bits per nucleotide are those of masked
    tokens without variants. "Variant" is which token, and "SNP pair" which pair of bases, is
    masked, given that it is one: 'prior' answers with its frequency in training. Intervals are
    95 %, by bootstrap over stretches of 20 kb, of the first seed; those of the other seeds
    differ in the masks and the model. Models that OUT holds already are not trained again.

    \b
    Examples:
      python benchmarks/masked_token_baselines.py --out science
      python benchmarks/masked_token_baselines.py --out chr20 --fasta reference.fa.gz \\
        --vcf variants.vcf.gz --contig chr20 --seeds 0
    """
    logging.getLogger("pybmfm").setLevel(logging.ERROR)
    out.mkdir(parents=True, exist_ok=True)
    if fasta is not None and vcf is not None and contig is not None:
        branches, split = [real_branch(out, fasta, vcf, contig, vocab_size, passes)], "test"
    else:
        size = tuple(word for text in contig_length for word in ("--contig-length", text))
        branches, split = demo_branches(out, vocab_size, passes, 0, size), "dev"
    settings = Training(**training)
    click.echo(f"{settings}, vocabulary {vocab_size}")
    rows = []
    for branch in branches:
        for seed in map(int, seeds.split(",")):
            minutes = train(branch, settings, out / f"model_{branch.encoding}_{seed}", seed)
            rows += list(_compare(out, branch, settings, split, max_tokens, seed))
            click.echo(f"{branch.encoding}, seed {seed}: trained in {minutes:.1f} min")
    _show(rows)
    click.echo(NOTE)
    (out / "results.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))


def train(branch: Branch, training: Training, out: Path, seed: int) -> float:
    """Train one model unless it is there; return the minutes that took."""
    if (out / "model.safetensors").exists():
        return 0.0
    began = time.monotonic()
    settings = PretrainSettings(
        corpora=(branch.corpus,),
        tokenizer=branch.tokenizer,
        out=out,
        validate_every=max(1, training.steps // 15),
        max_validation_tokens=40_000,
        checkpoint_every=1000,
        resume=True,
        seed=seed,
        device="cpu",
        **asdict(training),
    )
    pretrain(settings)
    return (time.monotonic() - began) / 60


@dataclass(frozen=True)
class Row:
    """Figures of one model on one corpus, each with its interval."""

    encoding: str
    seed: int
    model: str
    bits: tuple[float, float, float] | None = None
    variant_accuracy: tuple[float, float, float] | None = None
    variant_perplexity: float | None = None
    pair_accuracy: tuple[float, float, float] | None = None
    pair_perplexity: float | None = None
    below_neighbours: tuple[float, float, float] | None = None
    above_prior: tuple[float, float, float] | None = None


def _compare(
    out: Path, branch: Branch, training: Training, split: str, max_tokens: int, seed: int
) -> Iterator[Row]:
    tokenizer = DnaTokenizer.load(branch.tokenizer)
    vocabulary = Vocabulary.of(tokenizer)
    corpora = {name: TokenCorpus(branch.corpus, name) for name in ("train", "dev", split)}
    sides = {
        name: Split(corpora[name], vocabulary, MAX_LENGTH, max_tokens, seed)
        for name in ("dev", split)
    }
    places, tuning = sides[split].places(), sides["dev"].places()
    flat, _ = corpora["train"].flat(np.arange(len(corpora["train"])))
    counts = NeighbourTokens.fit(
        flat, tokenizer.vocab_size, vocabulary.specials, tokenizer.mask
    ).tuned(tuning.left, tuning.right, tuning.targets)
    folder = out / f"model_{branch.encoding}_{seed}"
    scores = {
        "unigram (prior)": constant(counts.frequency, len(places.targets)),
        "left + right token": counts.predict(places.left, places.right),
        f"pretrained {training.preset}": predict_with_model(folder, sides[split]),
    }
    judged = {name: score(parts, places, vocabulary) for name, parts in scores.items()}
    first = Row(branch.encoding, seed, "")
    free = ~vocabulary.variant[places.targets]
    bits = _markov_bits(corpora, split, vocabulary, places)
    yield replace(
        first, model=f"Markov {ORDER} (see note)", bits=_bits(bits, free, places, vocabulary)
    )
    if branch.encoding == "snp":
        yield _logistic(corpora, split, vocabulary, places, first)
    for name, one in judged.items():
        yield _row(replace(first, model=name), one, judged, places, vocabulary)


def _row(
    row: Row, one: Scores, judged: dict[str, Scores], places: Places, vocabulary: Vocabulary
) -> Row:
    free = ~vocabulary.variant[places.targets]
    prior, neighbours = judged["unigram (prior)"], judged["left + right token"]
    filled = replace(
        row,
        bits=_bits(one.bits, free, places, vocabulary),
        below_neighbours=_bits(neighbours.bits - one.bits, free, places, vocabulary),
    )
    if free.all():
        return filled
    variant, pair = ~free, ~np.isnan(one.pair_bits)
    return replace(
        filled,
        variant_accuracy=_share(one.variant_hit, variant, places),
        above_prior=_share(one.variant_hit.astype(float) - prior.variant_hit, variant, places),
        variant_perplexity=float(2 ** one.variant_bits[variant].mean()),
        pair_accuracy=_share(one.pair_hit, pair, places),
        pair_perplexity=float(2 ** one.pair_bits[pair].mean()),
    )


def _bits(
    bits: NDArray[np.float64], chosen: NDArray[np.bool_], places: Places, vocabulary: Vocabulary
) -> tuple[float, float, float]:
    spans = vocabulary.spans[places.targets[chosen]].astype(float)
    return interval(bits[chosen], spans, places.cluster[chosen])


def _share(
    hits: NDArray[Any], chosen: NDArray[np.bool_], places: Places
) -> tuple[float, float, float]:
    values = hits[chosen].astype(float)
    return interval(values, np.ones(len(values)), places.cluster[chosen])


def _letters(corpus: TokenCorpus, row: int, tokenizer: DnaTokenizer) -> NDArray[np.uint8]:
    return text_to_codes(tokenizer.decode(corpus.tokens(row)))


def _first_pass(corpus: TokenCorpus) -> list[int]:
    """Windows of the first pass: both strands of the whole split, once."""
    return [row for row in range(len(corpus)) if corpus.window(row)["pass"] == 0]


def _markov_bits(
    corpora: dict[str, TokenCorpus], split: str, vocabulary: Vocabulary, places: Places
) -> NDArray[np.float64]:
    """Sum the bits of the nucleotides under each masked token."""
    train, corpus, tokenizer = corpora["train"], corpora[split], vocabulary.tokenizer
    known = np.concatenate([_letters(train, row, tokenizer) for row in _first_pass(train)])
    model = MarkovLetters(known, len(ALPHABET), ORDER)
    bits = np.empty(len(places.targets))
    for row in np.unique(places.rows):
        mine = places.rows == row
        surprise = -model.log_probabilities(_letters(corpus, int(row), tokenizer)) / np.log(2)
        before = np.concatenate([[0.0], np.cumsum(surprise)])
        starts = places.starts[mine]
        ends = starts + vocabulary.spans[places.targets[mine]]
        bits[mine] = before[ends] - before[starts]
    return bits


def _logistic(
    corpora: dict[str, TokenCorpus],
    split: str,
    vocabulary: Vocabulary,
    places: Places,
    row: Row,
) -> Row:
    """Predict SNP pairs from the two nucleotides on either side, which a model may not see."""
    from sklearn.linear_model import LogisticRegression

    features, pairs = _sites(corpora["train"], vocabulary)
    model = LogisticRegression(C=0.1, max_iter=500).fit(features, pairs)
    at, truth = _masked_sites(corpora[split], vocabulary, places)
    odds = np.full((len(truth), len(SNP_PAIRS)), 1e-9)
    odds[:, model.classes_] = model.predict_proba(at)
    hits = odds.argmax(1) == truth
    asked = vocabulary.pair[places.targets] >= 0
    bits = -np.log2(odds[np.arange(len(truth)), truth])
    return replace(
        row,
        model="+-2 bp logistic",
        pair_accuracy=interval(hits.astype(float), np.ones(len(hits)), places.cluster[asked]),
        pair_perplexity=float(2 ** bits.mean()),
    )


def _sites(
    corpus: TokenCorpus, vocabulary: Vocabulary
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Every SNP of the first pass, on both strands: flanks and pair."""
    pair_of_code = np.array([snp_pair(code) for code in range(len(ALPHABET))])
    flanks, pairs = [], []
    for row in _first_pass(corpus):
        codes = _letters(corpus, row, vocabulary.tokenizer)
        places = np.flatnonzero(pair_of_code[codes] >= 0)
        flanks.append(_flanks(codes, places))
        pairs.append(pair_of_code[codes[places]])
    return np.concatenate(flanks), np.concatenate(pairs)


def _masked_sites(
    corpus: TokenCorpus, vocabulary: Vocabulary, places: Places
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Flanks and pair of the masked tokens with one SNP, in the order of the places."""
    asked = np.flatnonzero(vocabulary.pair[places.targets] >= 0)
    flanks = []
    for place in asked:
        token, start = int(places.targets[place]), int(places.starts[place])
        offset = int(np.argmax(text_to_codes(vocabulary.tokenizer.tokens[token])))
        codes = _letters(corpus, int(places.rows[place]), vocabulary.tokenizer)
        flanks.append(_flanks(codes, np.array([start + offset])))
    return np.concatenate(flanks), vocabulary.pair[places.targets[asked]]


def _flanks(codes: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """One-hot of the four plain bases at each flank; anything else is nothing."""
    at = np.clip(places[:, None] + FLANKS, 0, len(codes) - 1)
    hot: NDArray[np.float64] = (codes[at][:, :, None] == np.arange(4)).astype(float)
    return hot.reshape(len(places), 4 * len(FLANKS))


def _show(rows: list[Row]) -> None:
    click.echo(
        f"\n{'':5}{'seed':>5}  {'model':24}{'bits/nt':>22}{'below neighbours':>25}"
        f"{'variant accuracy':>24}{'above prior':>24}{'ppl':>7}{'SNP pair acc.':>24}{'ppl':>7}"
    )
    for row in rows:
        click.echo(
            f"{row.encoding:5}{row.seed:5}  {row.model:24}{_text(row.bits, 3):>22}"
            f"{_text(row.below_neighbours, 3):>25}{_text(row.variant_accuracy, 3):>24}"
            f"{_text(row.above_prior, 3):>24}{_number(row.variant_perplexity):>7}"
            f"{_text(row.pair_accuracy, 3):>24}{_number(row.pair_perplexity):>7}"
        )


def _text(values: tuple[float, float, float] | None, digits: int) -> str:
    if values is None:
        return ""
    value, low, high = (f"{number:.{digits}f}" for number in values)
    return f"{value} [{low}, {high}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
