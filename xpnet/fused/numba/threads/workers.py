"""Workers of one compiled call: threads that each make a share of it, without Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread

import numpy as np

from xpnet._interrupts import deferred_signals
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
    team: list[_Worker] = []
    errors: list[BaseException] = []

    def share(worker: int) -> None:
        if arrivals[LEFT]:
            return
        try:
            make(worker, len(team) + 1, arrivals.ctypes.data)
        except BaseException as error:
            errors.append(error)
            arrivals[LEFT] = 1

    try:
        # At the end of a program no thread can be started.
        with suppress(RuntimeError):
            while len(team) < workers - 1:
                team.append(_idle_one() or _Worker())
        for number, worker in enumerate(team, 1):
            worker.tasks.put(partial(share, number))
        share(0)
    except BaseException:
        arrivals[LEFT] = 1
        raise
    finally:
        with deferred_signals():  # or they might still write when this has ended
            for worker in team:
                worker.finish()
            _idle.extend(team)
    if errors:
        raise errors[0]


class _Worker(Thread):
    """A thread that waits for what it is to do: to start one for each call takes longer."""

    def __init__(self) -> None:
        super().__init__(name="xpnet", daemon=True)
        self.tasks: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.has_finished = Lock()
        self.has_finished.acquire()
        self.start()

    def run(self) -> None:
        """Do one task after another, until there is None."""
        while (task := self.tasks.get()) is not None:
            task()
            del task  # and what it holds

    def finish(self) -> None:
        """Wait until all is done that it was given."""
        self.tasks.put(self.has_finished.release)
        self.has_finished.acquire()

    def end(self) -> None:
        """End the thread."""
        self.tasks.put(None)
        self.join()


_idle: list[_Worker] = []


def _idle_one() -> _Worker | None:
    """One of them, which other threads of Python take, too."""
    with suppress(IndexError):
        return _idle.pop()
    return None


def _end_idle() -> None:
    """A process that forks should have no threads beside."""
    while worker := _idle_one():
        worker.end()


if hasattr(os, "register_at_fork"):
    # One that another thread gave back meanwhile does not exist in the child.
    os.register_at_fork(before=_end_idle, after_in_child=_idle.clear)
