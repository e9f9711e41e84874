"""What a model begins with: letters and counts are in it before any training."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM

from pybmfm.model import FlatBatch, hidden_states, load_model, masked_lm_logits
from pybmfm.training import pretrain, pretraining, starting
from pybmfm.training.starting import letter_features, neighbour_factors, token_frequency
from pybmfm.variants import ALPHABET
from tests.training.conftest import assert_same_weights, ordinary_tokens, weights, write_corpus

KINDS = 40  # tokens of the chain


def chain_corpus(folder: Path, tokenizer, windows: dict[str, int]) -> Path:
    """Windows of tokens drawn from a first-order chain, in which neighbours tell a good deal."""
    rng = np.random.default_rng(1)
    kinds = rng.choice(ordinary_tokens(tokenizer), KINDS, replace=False)
    cumulative = np.cumsum(rng.dirichlet(np.full(KINDS, 1.0), KINDS), axis=1)

    def window() -> list[int]:
        states = [0]
        for draw in rng.random(300):
            states.append(min(KINDS - 1, int(np.searchsorted(cumulative[states[-1]], draw))))
        return [tokenizer.cls, *kinds[states[1:]], tokenizer.sep]

    rows = {split: [window() for _ in range(count)] for split, count in windows.items()}
    return write_corpus(folder, tokenizer, rows)


@pytest.fixture(scope="module")
def chain(base, small_tokenizer, tmp_path_factory):
    """Settings of a run on the chain that changes no weight: its figures are the start's."""
    folder = tmp_path_factory.mktemp("chain") / "corpus"
    corpus = chain_corpus(folder, small_tokenizer, {"train": 300, "dev": 20})
    untrained = {"steps": 1, "learning_rate": 0.0, "recipe": "default"}
    return replace(base, corpora=(corpus,), max_length=None, tokens_per_batch=2048, **untrained)


def figures(out: Path) -> dict[str, float]:
    return json.loads((out / "metrics.json").read_text())["dev"]


def test_counts_predict_a_chain_as_well_as_the_neighbour_model_before_training(chain, tmp_path):
    pretrain(replace(chain, out=tmp_path, start="counts"))
    found = figures(tmp_path)
    neighbours = found["neighbours_bits_per_nucleotide"]
    assert found["bits_per_nucleotide"] == pytest.approx(neighbours, abs=0.02)
    # The chain has something to know: the frequencies of tokens are far from it.
    assert found["unigram_bits_per_nucleotide"] > neighbours + 0.2


def test_letters_begin_at_the_frequencies_of_tokens_and_random_weights_do_not(chain, tmp_path):
    for start in ("letters", "random"):
        pretrain(replace(chain, out=tmp_path / start, start=start))
    letters, random = (figures(tmp_path / start) for start in ("letters", "random"))
    unigram = letters["unigram_bits_per_nucleotide"]
    assert letters["bits_per_nucleotide"] == pytest.approx(unigram, abs=0.05)
    assert random["bits_per_nucleotide"] > unigram + 0.2


@pytest.mark.parametrize(
    ("architecture", "start"),
    [("modernbert", "letters"), ("modernbert", "counts"), ("bert", "letters")],
)
def test_plain_transformers_computes_a_start_as_we_do(chain, tmp_path, architecture, start):
    pretrain(replace(chain, out=tmp_path, architecture=architecture, start=start))
    ours = load_model(tmp_path)
    plain = AutoModelForMaskedLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    tokens = np.random.default_rng(0).integers(10, 150, 40)
    batch = FlatBatch.from_sequences([tokens])
    with torch.no_grad():
        expected = plain(input_ids=torch.from_numpy(tokens)[None]).logits[0]
        found = masked_lm_logits(ours, hidden_states(ours, batch))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_start_is_the_same_every_time(chain, tmp_path):
    for name in ("one", "two"):
        pretrain(replace(chain, out=tmp_path / name))
    assert_same_weights(tmp_path / "one", tmp_path / "two")


def test_dev_and_test_are_not_counted(chain, small_tokenizer, tmp_path):
    more = chain_corpus(tmp_path / "more", small_tokenizer, {"train": 300, "test": 80})
    pretrain(replace(chain, out=tmp_path / "out"))
    pretrain(replace(chain, corpora=(more,), out=tmp_path / "other"))
    assert_same_weights(tmp_path / "out", tmp_path / "other")


def test_the_symbol_of_two_bases_lies_between_them():
    pair = next(letter for letter in ALPHABET if letter not in "AGTCNXBHUDO")  # A and A
    assert pair == ALPHABET[11]
    heterozygote = ALPHABET[11 + 1]  # A and G
    features = letter_features(["A", "G", heterozygote, "[MASK]"], [3])
    shares = features[:, :4]  # bases of the first letter
    np.testing.assert_allclose(shares[2], (shares[0] + shares[1]) / 2)
    assert not features[3].any()


@pytest.mark.parametrize("content", ["one token", "one kind", "independent"])
def test_data_that_tell_nothing_of_neighbours_begin_with_letters(
    chain, small_tokenizer, tmp_path, caplog, content
):
    ordinary = ordinary_tokens(small_tokenizer)
    windows = {
        "one token": [ordinary[:1]],
        "one kind": [ordinary[[3] * 90]] * 9,
        "independent": list(np.random.default_rng(0).choice(ordinary, (9, 90))),
    }[content]
    out = train_on(chain, small_tokenizer, windows, tmp_path)
    assert "begins with letters" in caplog.text
    assert all(tensor.isfinite().all() for tensor in weights(out).values())


def test_a_single_window_is_enough_for_counts(chain, small_tokenizer, tmp_path, caplog):
    kinds = ordinary_tokens(small_tokenizer)[[3, 5, 9]]
    out = train_on(chain, small_tokenizer, [np.tile(kinds, 60)], tmp_path)
    assert "begins with letters" not in caplog.text
    assert all(tensor.isfinite().all() for tensor in weights(out).values())


def train_on(chain, tokenizer, windows: list[np.ndarray], folder: Path) -> Path:
    rows = [[tokenizer.cls, *window, tokenizer.sep] for window in windows]
    corpus = write_corpus(folder / "corpus", tokenizer, {"train": rows})
    pretrain(replace(chain, corpora=(corpus,), out=folder / "out", start="counts"))
    return folder / "out"


def test_layers_are_compiled_after_the_start(chain, tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(pretraining, "apply_start", lambda *_: order.append("start"))
    monkeypatch.setattr(pretraining, "compile_layers", lambda _: order.append("compile"))
    pretrain(replace(chain, out=tmp_path, compile=True))
    assert order == ["start", "compile"]


@pytest.mark.parametrize("most", [8192, 79])
def test_rare_tokens_take_the_factors_that_their_letters_tell(monkeypatch, most):
    monkeypatch.setattr(starting, "MOST_PAIRED", most)  # 79: the rarest one is not counted
    rng = np.random.default_rng(0)
    tokens = ["".join(letters) for n in (2, 3) for letters in product("ACGT", repeat=n)]
    begins = np.array([token[0] in "AG" for token in tokens])
    ends = np.array([token[-1] in "AG" for token in tokens])
    # Behind a token that ends with A or G stands one that begins so, and GAC stood once.
    rare = tokens.index("GAC")
    groups = [np.setdiff1d(np.flatnonzero(begins == kind), rare) for kind in (False, True)]
    walk = [0]
    while len(walk) < 20_000:
        wanted = ends[walk[-1]] if rng.random() < 0.9 else rng.random() < 0.5
        walk.append(int(rng.choice(groups[int(wanted)])))
    flat = np.array([*walk, rare], np.uint16)
    features, frequency = letter_features(tokens, []), token_frequency(flat, len(tokens), [])
    found = neighbour_factors(flat, features, frequency, [], 4, 0)
    ratio = found.left_factors[rare] @ found.right_factors.T
    paired, _, pairs = starting._pair_counts(flat, len(tokens), [])
    assert (rare in paired, pairs.shape) == (most > 79, (min(most, 80),) * 2)
    known = np.arange(len(tokens)) != rare
    assert ratio[known & ~begins].mean() > 0.3
    assert ratio[known & begins].mean() < -0.3
