"""Number of threads that NumPy's BLAS and PyTorch may use on the processor."""

from __future__ import annotations

import sys

from xpnet.exceptions import BackendError

__all__ = ["use_threads"]


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
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"number is a {type(number).__name__}: expected an int, such as 1")
    if number < 1:
        raise ValueError(f"number is {number}: expected 1 thread or more")
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise BackendError(
            "use_threads needs threadpoolctl: pip install threadpoolctl, or set OMP_NUM_THREADS "
            "before Python starts"
        ) from error
    threadpool_limits(limits=number)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(number)
