"""Threads of NumPy's BLAS: one for products too small to gain from more.

The threads of a small product wait for each other longer than they compute, and where other
processes want the cores, a thread that is waited for may not run at all: five epochs of the digits
then took seven times as long with two threads as with one. By a rule of sizes alone, as the BLAS
may add in another order with another number of threads: one seed has one result.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

from xpnet.fused.numba.blas import libraries

ALONE, SMALL = 2**18, 2**21
"""Multiplications of a product: so many the BLAS gives to one thread by itself, and up to so many
two threads gain at most some percent."""

_lock = threading.Lock()
_within: list[int] = []  # the number of threads before, once for each that is within


def threads_for(largest: int) -> AbstractContextManager[None]:
    """One thread for all products if the largest of them is small, else as many as there are.

    Parameters
    ----------
    largest : int
        Its multiplications.
    """
    return one_thread() if ALONE < largest <= SMALL else nullcontext()


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for products of the whole process, until nobody is within any more."""
    found = _functions()
    if found is None:
        yield
        return
    number_of_threads, use_threads = found
    with _lock:
        _within.append(_within[0] if _within else number_of_threads())
        if len(_within) == 1:
            use_threads(1)
    try:
        yield
    finally:
        with _lock:
            before = _within.pop()
            if not _within:
                use_threads(before)


@cache
def _functions() -> tuple[Any, Any] | None:
    """What asks NumPy's BLAS for its number of threads, and what sets it."""
    for file in libraries():
        with suppress(AttributeError, OSError):
            library = ctypes.CDLL(file)
            return (
                library.scipy_openblas_get_num_threads64_,
                library.scipy_openblas_set_num_threads64_,
            )
    return None
