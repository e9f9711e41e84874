"""Prefetching changes when items are made, not which."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pybmfm.training.prefetch import Prefetch


def test_items_come_in_order_and_then_an_end():
    with Prefetch(iter(range(7)), ahead=2) as ahead:
        assert [ahead.take()[0] for _ in range(7)] == list(range(7))
        for _ in range(2):
            with pytest.raises(StopIteration):
                ahead.take()


def test_items_are_made_ahead_but_not_without_bound():
    made = threading.Semaphore(0)
    count = []

    def items() -> Iterator[int]:
        for number in range(100):
            count.append(number)
            made.release()
            yield number

    with Prefetch(items(), ahead=2) as ahead:
        for _ in range(3):  # two lie ready, one waits for room
            assert made.acquire(timeout=60)
        assert ahead.take()[0] == 0
        assert made.acquire(timeout=60)
        assert len(count) <= 5
    assert "prefetch" not in [thread.name for thread in threading.enumerate()]


def test_an_error_comes_in_the_place_of_its_item():
    def items() -> Iterator[int]:
        yield 1
        raise MemoryError("no room")

    with Prefetch(items()) as ahead:
        assert ahead.take()[0] == 1
        with pytest.raises(MemoryError, match="no room"):
            ahead.take()


def test_leaving_early_ends_the_thread():
    with Prefetch(iter(range(1000)), ahead=1) as ahead:
        ahead.take()
    assert "prefetch" not in [thread.name for thread in threading.enumerate()]
