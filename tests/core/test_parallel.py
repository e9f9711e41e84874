"""Work on several threads comes back in order, and a generator that is left never waits."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from pybmfm.core.parallel import in_order, threads_that_may_be_left


def results(gate: threading.Event) -> Iterator[int]:
    def work(item: int) -> int:
        if item > 1:
            gate.wait(60)
        return item * item

    with threads_that_may_be_left(2) as pool:
        yield from in_order(work, range(100), pool, 2)


def test_results_keep_the_order_of_the_items() -> None:
    gate = threading.Event()
    gate.set()
    assert list(results(gate)) == [item * item for item in range(100)]


def test_a_generator_that_is_left_does_not_wait_for_its_threads() -> None:
    gate = threading.Event()
    going = results(gate)
    assert [next(going), next(going)] == [0, 1]
    del going  # ended here, while its threads still wait at the gate
    gc.collect()
    assert not gate.is_set()
    gate.set()


def test_errors_come_where_their_result_would() -> None:
    with threads_that_may_be_left(2) as pool:
        made = in_order(lambda item: 1 // item, [1, 0, 1], pool, 2)
        assert next(made) == 1
        with pytest.raises(ZeroDivisionError):
            next(made)
