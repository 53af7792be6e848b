"""Workers of one compiled call: threads that each make a share of it, without Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

import numpy as np

from xpnet.fused.numba.threads.barrier import LEFT, PLACES

__all__ = ["on_workers"]


def on_workers(workers: int, make: Callable[[int, int, int], object]) -> None:
    """Call ``make(worker, number, arrivals)`` once for each worker, for the first one here.

    All have ended when this does, however it does.

    Parameters
    ----------
    workers : int
        How many there are to be; fewer where no more threads can be started.
    make : function
        `arrivals` is the address of the counters that `barrier.wait_for` takes.

    Raises
    ------
    BaseException
        The first that a worker raised; the others have left their work then.
    """
    arrivals = np.zeros(PLACES, np.int64)
    threads: list[Thread] = []
    errors: list[BaseException] = []
    may_begin = Event()

    def share(worker: int) -> None:
        may_begin.wait()
        if arrivals[LEFT]:
            return
        try:
            make(worker, len(threads) + 1, arrivals.ctypes.data)
        except BaseException as error:
            errors.append(error)
            arrivals[LEFT] = 1

    try:
        # At the end of a program no thread can be started.
        with suppress(RuntimeError):
            for worker in range(1, workers):
                threads.append(Thread(target=share, args=(worker,), name="xpnet", daemon=True))
                _start(threads)
        may_begin.set()
        share(0)
    except BaseException:
        arrivals[LEFT] = 1
        raise
    finally:
        may_begin.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def _start(threads: list[Thread]) -> None:
    """Start the last of these, or take it off again."""
    try:
        threads[-1].start()
    except BaseException:
        if not threads[-1].ident:
            threads.pop()
        raise
