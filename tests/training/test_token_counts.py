from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.training.token_counts import ContextCounts, MarkovLetters, NeighbourTokens

VOCABULARY = 9
SEP, CLS, MASK = 0, 1, 2
SPECIALS = (SEP, CLS, MASK)

windows = st.lists(
    st.lists(st.integers(3, VOCABULARY - 1), min_size=1, max_size=12), min_size=1, max_size=6
).map(lambda parts: np.array([token for part in parts for token in (CLS, *part, SEP)]))
neighbours = st.lists(
    st.tuples(*[st.integers(0, VOCABULARY - 1)] * 2), min_size=1, max_size=20
).map(lambda pairs: np.array(pairs).T)


def fit(tokens: np.ndarray) -> NeighbourTokens:
    return NeighbourTokens.fit(tokens, VOCABULARY, SPECIALS, MASK)


def predict(model: NeighbourTokens, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.concatenate([rows for _, rows in model.predict(left, right)])


@settings(max_examples=50, deadline=None)
@given(windows, neighbours)
def test_probabilities_sum_to_one_and_leave_nothing_to_special_tokens(tokens, pairs):
    rows = predict(fit(tokens), *pairs)
    assert rows.sum(1) == pytest.approx(1)
    assert (rows[:, SPECIALS] == 0).all()
    assert (np.delete(rows, SPECIALS, axis=1) > 0).all()


@settings(max_examples=50, deadline=None)
@given(windows, neighbours)
def test_counts_in_context_are_those_of_a_plain_loop(tokens, pairs):
    contexts, wanted = tokens[:-1], pairs[0]
    counts = ContextCounts(contexts, tokens[1:], VOCABULARY)
    expected = np.zeros((len(wanted), VOCABULARY))
    for row, context in enumerate(wanted):
        for here, token in zip(contexts, tokens[1:], strict=True):
            expected[row, token] += here == context
    np.testing.assert_array_equal(counts.rows(wanted), expected)
    totals, seen = counts.totals_and_counts(wanted, pairs[1])
    np.testing.assert_array_equal(totals, expected.sum(1))
    np.testing.assert_array_equal(seen, expected[np.arange(len(wanted)), pairs[1]])


@settings(max_examples=30, deadline=None)
@given(windows)
def test_without_neighbours_only_the_frequency_is_left(tokens):
    model = fit(tokens)
    hidden = np.array([MASK])
    np.testing.assert_allclose(predict(model, hidden, hidden)[0], model.frequency)


def test_one_hidden_neighbour_leaves_the_other_side():
    model = fit(np.array([CLS, 3, 4, 3, 4, 3, 5, SEP]))
    counts = np.zeros(VOCABULARY)
    counts[[4, 5]] = 2, 1
    expected = (counts + 100 * model.frequency) / 103
    seen = predict(model, np.array([3]), np.array([MASK]))[0]
    np.testing.assert_allclose(seen, expected)


def test_a_certain_triple_is_learned():
    tokens = np.tile([CLS, 3, 5, 4, 6, 3, 7, 8, SEP], 400)
    rows = predict(fit(tokens), np.array([3, 3]), np.array([4, 8]))
    assert rows.argmax(1).tolist() == [5, 7]
    assert rows.max(1).min() > 0.9


@settings(max_examples=50, deadline=None)
@given(windows, neighbours, st.sampled_from([0.5, 1e4]), st.sampled_from([0.5, 1e4]))
def test_the_likelihood_is_that_of_the_probabilities(tokens, pairs, side, pair):
    model = replace(fit(tokens), side_strength=side, pair_strength=pair)
    targets = np.arange(len(pairs[0])) % (VOCABULARY - 3) + 3
    rows = predict(model, *pairs)[np.arange(len(targets)), targets]
    assert model.log_likelihood(*pairs, targets) == pytest.approx(np.log(rows).sum())


def test_tuning_takes_the_strengths_of_the_lowest_loss():
    rng = np.random.default_rng(0)
    tokens = rng.integers(3, VOCABULARY, 500)
    left, right, targets = rng.integers(3, VOCABULARY, (3, 200))
    model = fit(tokens)
    tuned = model.tuned(left, right, targets)
    # Nothing is to be learned from neighbours here, and little pretended.
    assert tuned.log_likelihood(left, right, targets) > model.log_likelihood(left, right, targets)
    assert min(tuned.side_strength, tuned.pair_strength) >= 1000


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 3))
def test_markov_probabilities_of_all_letters_sum_to_one(letters, order):
    model = MarkovLetters(letters, 4, order)
    before = letters[:-1]
    last = [model.log_probabilities([*before, letter])[-1] for letter in range(4)]
    assert np.exp(last).sum() == pytest.approx(1)


def test_markov_letters_learn_a_period():
    period = np.tile([0, 1, 1, 2, 3, 3], 500)
    bits = -MarkovLetters(period, 4).log_probabilities(period)[5:] / np.log(2)
    assert bits.mean() < 0.5
    assert -MarkovLetters(period, 4, order=0).log_probabilities(period).mean() > 1
