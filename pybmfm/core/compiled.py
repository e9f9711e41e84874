"""Compiled kernels: numba's ``njit`` with a cache that never stops an import."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

PREBUILT = "PYBMFM_KERNELS"  # variable that names a folder of code compiled beforehand
CACHE = "NUMBA_CACHE_DIR"


def njit(function: F) -> F:
    """Compile a function on first use, without the GIL, and keep the machine code on disk.

    Where neither the package nor the home folder can be written and ``NUMBA_CACHE_DIR`` is not
    set, numba has nowhere to keep the code and refuses; it is then compiled in every process.
    """
    import numba

    _use_prebuilt_kernels()
    try:
        compiled: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        compiled = numba.njit(nogil=True)(function)
    return compiled  # type: ignore[no-any-return]


@functools.cache
def _use_prebuilt_kernels() -> None:
    """Let numba read the kernels that an image brings.

    numba reads a cache only where it can also write, and an image's root may be read-only. So
    each process takes a copy of its own (some megabytes), which no other user can have touched.
    """
    import numba

    source = os.environ.get(PREBUILT)
    if source is None or CACHE in os.environ:
        return
    try:
        private = tempfile.mkdtemp(prefix="pybmfm-kernels-")
        atexit.register(shutil.rmtree, private, ignore_errors=True)
        shutil.copytree(source, private, dirs_exist_ok=True)
    except OSError:  # nowhere to write: compiled in every process, as without an image
        return
    os.environ[CACHE] = private  # for the processes that this one starts
    settings: Any = numba.config
    settings.CACHE_DIR = private
