"""Batches: every token once per pass, in an order that the seed alone decides."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pybmfm.training.batches import (
    Pieces,
    Position,
    Visit,
    masked_batch,
    next_batch,
    pack,
    share_of_process,
)
from pybmfm.training.masking import MaskPlan

CLS, SEP, MASK = 3, 1, 4
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=12)


class Windows:
    """A corpus in memory whose tokens are all different."""

    def __init__(self, contents: list[int], first: int = 10) -> None:
        bounds = np.cumsum([first, *contents])
        self.windows = [
            np.r_[CLS, np.arange(a, b), SEP].astype(np.uint16) for a, b in pairwise(bounds)
        ]
        self.lengths = np.array([len(window) for window in self.windows])

    def tokens(self, index: int) -> np.ndarray:
        return self.windows[index]


def plan(share: float = 0.15, keep: float = 0.1, seed: int = 0) -> MaskPlan:
    return MaskPlan(seed, "train", share, keep, MASK, (0, SEP, 2, CLS, MASK))


@settings(max_examples=25, deadline=None)
@given(contents=LENGTHS, max_length=st.integers(3, 40))
def test_pieces_cover_every_token_once_between_cls_and_sep(contents, max_length):
    pieces = Pieces([Windows(contents), Windows(contents, first=2000)], max_length)
    found = []
    for piece in range(len(pieces)):
        _, true, _ = pieces.masked(piece, 0, plan())
        assert len(true) == pieces.lengths[piece] <= max_length
        assert (true[0], true[-1]) == (CLS, SEP)
        found.append(true[1:-1])
    wanted = [window[1:-1] for corpus in pieces.corpora for window in corpus.windows]
    assert np.array_equal(np.concatenate(found), np.concatenate(wanted))


@settings(max_examples=25, deadline=None)
@given(contents=LENGTHS, budget=st.integers(62, 200), seed=st.integers(0, 5))
def test_two_passes_take_every_piece_twice_within_the_budget(contents, budget, seed):
    pieces = Pieces([Windows(contents)], 62)
    position, taken = Position(), []
    while len(taken) < 2 * len(pieces):
        members, position = next_batch(pieces, position, budget, seed)
        assert sum(pieces.lengths[member.piece] for member in members) <= budget
        taken += members
    seen = taken[: 2 * len(pieces)]
    passes = [[one.piece for one in seen if one.pass_number == n] for n in (0, 1)]
    assert [sorted(p) for p in passes] == [list(range(len(pieces)))] * 2


def test_order_changes_with_seed_and_pass():
    pieces = Pieces([Windows([5] * 50)], 62)
    orders = [tuple(pieces.order(seed, number)) for seed in (0, 1) for number in (0, 1)]
    assert len(set(orders)) == 4
    assert orders[0] == tuple(pieces.order(0, 0))


# -- weights ----------------------------------------------------------------------------------

WEIGHTS = st.sampled_from([0.1, 0.5, 1.0, 1.5, 2.0, 2.75])


def passes_of(pieces: Pieces, seed: int, number: int, budget: int = 100) -> list[list[Visit]]:
    """Take ``number`` whole passes, batch by batch."""
    position, taken = Position(), []
    while position.pass_number < number or not taken:
        members, position = next_batch(pieces, position, budget, seed)
        taken += members
    return [[one for one in taken if one.pass_number == n] for n in range(number)]


@settings(max_examples=25, deadline=None)
@given(
    corpora=st.lists(st.tuples(LENGTHS, WEIGHTS), min_size=1, max_size=3), seed=st.integers(0, 5)
)
def test_a_corpus_comes_as_whole_copies_and_a_part_of_its_windows(corpora, seed):
    contents, weights = zip(*corpora, strict=True)
    pieces = Pieces([Windows(content) for content in contents], 20, weights)
    for visited in passes_of(pieces, seed, 2):
        for corpus, (content, weight) in enumerate(corpora):
            here = [one for one in visited if pieces.corpus[one.piece] == corpus]
            everything = np.flatnonzero(pieces.corpus == corpus)
            whole = int(weight)
            for copy in range(whole):
                assert sorted(p for p, _, c in here if c == copy) == everything.tolist()
            part = [p for p, _, c in here if c == whole]
            windows = {int(pieces.row[p]) for p in part}
            wanted = round((weight - whole) * len(content))
            assert len(windows) == (max(wanted, 1) if weight < 1 else wanted)
            assert sorted(part) == [p for p in everything if int(pieces.row[p]) in windows]
            assert len(here) == whole * len(everything) + len(part)


@settings(max_examples=25, deadline=None)
@given(contents=LENGTHS, weight=WEIGHTS, seed=st.integers(0, 5), steps=st.integers(1, 12))
def test_weighted_batches_continue_from_any_position(contents, weight, seed, steps):
    def fresh() -> Pieces:
        return Pieces([Windows(contents), Windows([9, 9])], 20, [weight, 0.5])

    straight, position, found = fresh(), Position(), []
    for _ in range(steps):
        found.append((position, next_batch(straight, position, 50, seed)))
        position = found[-1][1][1]
    for start, after in found:
        assert next_batch(fresh(), start, 50, seed) == after


def test_weights_of_1_change_nothing():
    corpora = [Windows([5] * 30), Windows([7] * 20, first=2000)]
    plain, weighted = Pieces(corpora, 62), Pieces(corpora, 62, [1.0, 1.0])
    assert passes_of(plain, 3, 2) == passes_of(weighted, 3, 2)
    assert [one.piece for one in passes_of(plain, 3, 1)[0]] == plain.order(3, 0).tolist()


def test_the_part_drawn_differs_between_passes_and_seeds():
    pieces = Pieces([Windows([5] * 60)], 62, [0.5])
    drawn = [
        frozenset(one.piece for one in visited)
        for seed in (0, 1)
        for visited in passes_of(pieces, seed, 3)
    ]
    assert {len(one) for one in drawn} == {30}
    assert len(set(drawn)) == 6


def test_copies_of_a_window_have_masks_of_their_own():
    pieces = Pieces([Windows([50])], 62, [2.0])
    masks = [pieces.masked(0, 0, plan(), copy)[2] for copy in (0, 1)]
    assert not np.array_equal(*masks)
    members = [Visit(0, 0, 0), Visit(0, 0, 1)]
    places = np.flatnonzero(np.concatenate(masks))
    assert masked_batch(pieces, members, plan()).places.tolist() == places.tolist()


# -- sharing out ------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 50), max_size=12), processes=st.integers(1, 5))
def test_shares_of_processes_partition_the_batch(sizes, processes):
    shares = [share_of_process(np.array(sizes), rank, processes) for rank in range(processes)]
    assert [size for share in shares for size in sizes[share]] == sizes


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 50), max_size=12), budget=st.integers(1, 80))
def test_packing_keeps_order_and_budget(sizes, budget):
    groups = list(pack(sizes, lambda n: n, budget))
    assert [size for group in groups for size in group] == sizes
    assert all(sum(group) <= budget or len(group) == 1 for group in groups)


def test_masks_depend_on_seed_pass_and_window_only():
    pieces = Pieces([Windows([50, 50])], 62)
    first = pieces.masked(0, 0, plan())
    assert all(map(np.array_equal, first, pieces.masked(0, 0, plan())))
    others = (pieces.masked(0, 1, plan()), pieces.masked(1, 0, plan()))
    for _, _, chosen in (*others, pieces.masked(0, 0, plan(seed=1))):
        assert not np.array_equal(first[2], chosen)


def test_cutting_a_window_does_not_change_its_masks():
    whole, cut = (Pieces([Windows([100])], n) for n in (200, 30))
    chosen = [cut.masked(piece, 0, plan())[2][1:-1] for piece in range(len(cut))]
    assert np.array_equal(np.concatenate(chosen), whole.masked(0, 0, plan())[2][1:-1])


def test_shares_of_masked_and_kept_tokens():
    pieces = Pieces([Windows([50_000])], 60_000)
    seen, true, chosen = pieces.masked(0, 0, plan(share=0.15, keep=0.1))
    assert abs(chosen.mean() - 0.15) < 0.01
    assert abs((seen[chosen] == true[chosen]).mean() - 0.1) < 0.02
    assert (seen[chosen & (seen != true)] == MASK).all()
    assert np.array_equal(seen[~chosen], true[~chosen])


def test_random_tokens_replace_their_share_and_are_never_special():
    pieces = Pieces([Windows([50_000])], 60_000)
    vocabulary = 60
    mixed = replace(plan(share=0.5, keep=0.1), random_share=0.2, vocab_size=vocabulary)
    seen, true, chosen = pieces.masked(0, 0, mixed)
    of_old, old_true, old_chosen = pieces.masked(0, 0, plan(share=0.5, keep=0.1))
    assert np.array_equal(chosen, old_chosen)
    assert np.array_equal(true, old_true)
    replaced = seen != of_old
    assert (of_old[replaced] == MASK).all()  # what was visible stays so, what was hidden may change
    assert abs(replaced.sum() / chosen.sum() - 0.2) < 0.01
    drawn = np.bincount(seen[replaced], minlength=vocabulary)
    assert set(np.flatnonzero(drawn)) == set(range(vocabulary)) - {0, SEP, 2, CLS, MASK}
    expected = drawn.sum() / (vocabulary - 5)
    assert ((drawn[drawn > 0] - expected) ** 2 / expected).sum() < 2 * vocabulary


def test_specials_are_never_chosen():
    pieces = Pieces([Windows([10] * 20)], 62)
    members = [Visit(piece, 0) for piece in range(20)]
    masked = masked_batch(pieces, members, plan(share=1.0))
    assert len(masked.places) == 200
    assert masked.targets.min() >= 10
