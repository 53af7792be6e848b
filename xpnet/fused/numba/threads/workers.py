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

    Parameters
    ----------
    workers : int
        How many there are to be; fewer where no more threads can be started.
    make : function
        `arrivals` is the address of the counters that `barrier.wait_for` takes.

    Raises
    ------
    Exception
        The first that a worker raised; the others have left their work then.
    """
    arrivals = np.zeros(PLACES, np.int64)
    address: int = arrivals.ctypes.data
    threads: list[Thread] = []
    errors: list[BaseException] = []
    all_started = Event()

    def share(worker: int) -> None:
        all_started.wait()
        try:
            make(worker, len(threads) + 1, address)
        except BaseException as error:
            errors.append(error)
            arrivals[LEFT] = 1

    # At the end of a program no thread can be started.
    with suppress(RuntimeError):
        for worker in range(1, workers):
            thread = Thread(target=share, args=(worker,), name="xpnet worker", daemon=True)
            thread.start()
            threads.append(thread)
    all_started.set()
    share(0)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
