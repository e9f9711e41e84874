"""Compiled kernels: numba's ``njit`` with a cache that never stops an import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def njit(function: F) -> F:
    """Compile a function on first use, without the GIL, and keep the machine code on disk.

    Where neither the package nor the home folder can be written and ``NUMBA_CACHE_DIR`` is not
    set, numba has nowhere to keep the code and refuses; it is then compiled in every process.
    """
    import numba

    try:
        compiled: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        compiled = numba.njit(nogil=True)(function)
    return compiled  # type: ignore[no-any-return]
