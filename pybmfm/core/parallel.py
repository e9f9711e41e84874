"""Work on several threads, results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2  # items per thread that are worked on or wait to be taken


def in_order(
    function: Callable[[T], R], items: Iterable[T], pool: Executor, threads: int
) -> Iterator[R]:
    """Yield ``function(item)`` in the order of ``items``; memory holds a few of them at once.

    Parameters
    ----------
    function
        Runs on the pool's threads.
    items
        Taken one by one in the calling thread, a little ahead of the results.
    pool, threads
        The pool and its number of threads.
    """
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) >= AHEAD * threads:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def threads_that_may_be_left(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Make a pool for use in a generator, which does not wait for its threads at the end.

    A generator that is not gone through is ended by the garbage collector, at any moment and in
    any thread. Waiting for other threads there can stop the process for good.
    """
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
