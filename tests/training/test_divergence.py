"""A lasting rise of the loss is divergence; noise, spikes and slow changes are not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.training.divergence import PATIENCE, RECENT, LossHistory


def after(losses: Iterable[float], history: LossHistory | None = None) -> LossHistory:
    history = history or LossHistory()
    for loss in losses:
        history = history.after(loss)
    return history


CALM = after([4.0] * RECENT)


def test_fifty_high_steps_in_a_row_are_divergence_and_49_are_not():
    assert not after([12.1] * (PATIENCE - 1), CALM).has_diverged
    diverged = after([12.1] * PATIENCE, CALM)
    assert diverged.has_diverged
    assert (diverged.high, diverged.median) == (PATIENCE, 4.0)


def test_one_calm_step_between_starts_the_count_again():
    assert not after([12.1] * 49 + [4.0] + [12.1] * 49, CALM).has_diverged


def test_three_times_the_median_itself_is_not_high():
    assert after([12.0] * 10, CALM).high == 0


def test_too_short_a_past_is_no_measure():
    assert not after([1.0] * (RECENT - 1) + [50.0] * 5).has_diverged


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(1.0, 3.0), max_size=400))
def test_losses_within_a_factor_of_three_never_diverge(losses):
    assert not after(losses).has_diverged


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 50.0), min_size=RECENT, max_size=3 * RECENT))
def test_history_is_that_of_a_plain_reading(losses):
    calm, high = [], 0
    for loss in losses:
        if len(calm) >= RECENT and loss > 3 * np.median(calm[-RECENT:]):
            high += 1
        else:
            calm.append(loss)
            high = 0
    history = after(losses)
    assert (history.calm, history.high) == (tuple(calm[-RECENT:]), high)
