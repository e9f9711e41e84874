from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybmfm.core import UserError
from pybmfm.tasks.locus_blocks import (
    fitting_block_size,
    locus_blocks,
    neighbours_across,
    split_blocks,
    split_rows,
)

PLACES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3000)), min_size=1, max_size=60)


def columns(places: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    ordered = np.array(sorted(set(places)), dtype=np.int64)
    return ordered[:, 0], ordered[:, 1]


def all_usable(splits: np.ndarray) -> np.ndarray:
    return np.ones(len(splits), dtype=bool)


@given(PLACES, st.integers(1, 800), st.integers(1, 300))
def test_neighbours_and_cells_stay_together(
    places: list[tuple[int, int]], size: int, reach: int
) -> None:
    contigs, positions = columns(places)
    blocks = locus_blocks(contigs, positions, size, reach)
    for i in range(len(blocks)):
        for j in range(i):
            same = contigs[i] == contigs[j]
            near = positions[i] - positions[j] < reach
            cell = positions[i] // size == positions[j] // size
            if same and (near or cell):
                assert blocks[i] == blocks[j]
            if not same:
                assert blocks[i] != blocks[j]


@given(PLACES, st.integers(1, 300), st.integers(0, 5))
def test_no_two_snps_of_a_block_are_on_different_sides(
    places: list[tuple[int, int]], reach: int, seed: int
) -> None:
    contigs, positions = columns(places)
    blocks = locus_blocks(contigs, positions, 500, reach)
    if blocks[-1] < 2:
        with pytest.raises(UserError, match="three splits need three"):
            split_blocks(blocks, seed, all_usable)
        return
    splits = split_blocks(blocks, seed, all_usable)
    for block in range(blocks[-1] + 1):
        assert len(set(splits[blocks == block])) == 1
    assert set(splits) == {0, 1, 2}
    assert neighbours_across(contigs, positions, splits, reach) == {"dev": 0, "test": 0}
    assert np.array_equal(splits, split_blocks(blocks, seed, all_usable))


def test_many_blocks_are_shared_80_10_10() -> None:
    blocks = np.repeat(np.arange(300), np.random.default_rng(0).integers(1, 40, 300))
    shares = np.bincount(split_blocks(blocks, 1, all_usable)) / len(blocks)
    assert np.abs(shares - [0.8, 0.1, 0.1]).max() <= 0.01


def test_an_order_is_sought_in_which_the_snps_can_be_used() -> None:
    blocks = np.repeat(np.arange(20), 5)
    special = blocks == 3  # useless wherever it is not in train

    def usable(splits: np.ndarray) -> np.ndarray:
        return ~special | (splits == 0)

    for seed in range(10):
        assert split_blocks(blocks, seed, usable)[special].max() == 0


@given(st.integers(3, 500), st.integers(0, 3))
def test_random_split_is_the_published_80_10_10(rows: int, seed: int) -> None:
    sizes = np.bincount(split_rows(rows, seed), minlength=3).tolist()
    assert sizes == [int(0.8 * rows), int(0.1 * rows), rows - int(0.8 * rows) - int(0.1 * rows)]


def test_random_split_gives_the_papers_sizes() -> None:
    assert np.bincount(split_rows(475_694, 0)).tolist() == [380_555, 47_569, 47_570]


def test_small_genomes_get_smaller_blocks() -> None:
    positions = np.arange(0, 100_000, 2_000)
    contigs = np.zeros_like(positions)
    size = fitting_block_size(contigs, positions, 40_000, 1001)
    assert 1001 <= size < 40_000
    assert locus_blocks(contigs, positions, size, 1001)[-1] + 1 >= 30
    assert fitting_block_size(contigs, positions * 100, 40_000, 1001) == 40_000


@given(PLACES, st.integers(1, 300))
def test_neighbours_across_splits_are_counted(places: list[tuple[int, int]], reach: int) -> None:
    contigs, positions = columns(places)
    splits = np.random.default_rng(len(places)).integers(0, 3, len(positions))
    expected = {}
    for number, name in ((1, "dev"), (2, "test")):
        expected[name] = sum(
            any(
                splits[j] == 0 and contigs[i] == contigs[j]
                and abs(positions[i] - positions[j]) < reach
                for j in range(len(positions))
            )
            for i in np.flatnonzero(splits == number)
        )  # fmt: skip
    assert neighbours_across(contigs, positions, splits, reach) == expected
