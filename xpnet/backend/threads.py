"""Number of threads that NumPy's BLAS and PyTorch may use on the processor."""

from __future__ import annotations

import operator
import sys
from typing import Any

from xpnet.exceptions import BackendError

__all__ = ["use_threads"]

_chosen: list[int] = []


def use_threads(number: int) -> None:
    """Let products on the processor use so many threads from now on, in the whole process.

    It is a limit: while a network trains on NumPy beside other busy processes, xpnet uses one
    thread by itself where that is faster now and gives the same bits. ``OMP_NUM_THREADS`` sets the
    number before the process starts. JAX has its own threads, which nothing changes later on.

    Parameters
    ----------
    number : int
        1 or more.

    Raises
    ------
    TypeError, ValueError
        If `number` is no whole number, or below 1.
    BackendError
        If threadpoolctl is missing.

    Examples
    --------
    >>> import xpnet
    >>> xpnet.use_threads(1)
    """
    number = _checked(number)
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise BackendError(
            "use_threads needs threadpoolctl: pip install threadpoolctl, or set OMP_NUM_THREADS "
            "before Python starts"
        ) from error
    threadpool_limits(limits=number)
    _chosen[:] = [number]
    if (torch := sys.modules.get("torch")) is not None:
        limit(torch)


def _checked(number: Any) -> int:
    wrong = f"number is {number!r}: expected a whole number of threads, 1 or more"
    try:
        found = operator.index(number)
    except TypeError:
        raise TypeError(wrong) from None
    if found < 1:
        raise ValueError(wrong)
    return found


def limit(torch: Any) -> None:
    """Let PyTorch use the number of threads that was chosen, if one was, as it is loaded."""
    for number in _chosen:
        torch.set_num_threads(number)
