"""Workers: their errors, interrupts, and threads that are used again or cannot be started."""

from __future__ import annotations

import os
import warnings
from contextlib import nullcontext
from threading import Event, Thread, active_count, current_thread
from unittest import mock

import numba
import pytest

from xpnet.fused.numba.threads import workers as workers_module
from xpnet.fused.numba.threads.barrier import sleep, wait_for
from xpnet.fused.numba.threads.workers import on_workers


@numba.njit(nogil=True)
def waits(arrivals, number, give_way):
    return wait_for(arrivals, number, give_way)


def test_an_error_of_one_worker_is_raised_when_all_have_left():
    left, begun = [], Event()

    def make(worker, number, arrivals):
        if worker == 1:
            begun.wait()
            raise ZeroDivisionError
        begun.set()
        left.append(waits(arrivals, number, sleep()))

    with pytest.raises(ZeroDivisionError):
        on_workers(2, make)
    assert left == [False]


@pytest.mark.parametrize(("error", "made"), [(RuntimeError, [(0, 2), (1, 2)]), (MemoryError, [])])
def test_where_a_thread_cannot_be_started(error, made, monkeypatch):
    """At the end of a program fewer make all; whatever else it is, the others do not begin."""
    start, starts = Thread.start, iter(range(9))

    def start_once(thread):
        if next(starts):
            raise error
        start(thread)

    seen = []
    monkeypatch.setattr(workers_module, "_idle", [])
    monkeypatch.setattr(Thread, "start", start_once)
    with pytest.raises(MemoryError) if error is MemoryError else nullcontext():
        on_workers(3, lambda worker, number, arrivals: seen.append((worker, number)))
    assert sorted(seen) == made


def test_an_interrupt_before_all_have_begun_lets_those_go_that_have(monkeypatch):
    class Interrupted:
        finish = mock.Mock()

        class tasks:  # noqa: N801
            put = mock.Mock(side_effect=KeyboardInterrupt)

    worker, left = workers_module._Worker(), []
    monkeypatch.setattr(workers_module, "_idle", [Interrupted, worker])
    with pytest.raises(KeyboardInterrupt):
        on_workers(3, lambda _, number, arrivals: left.append(waits(arrivals, number, sleep())))
    worker.end()
    assert left in ([], [False])  # which has begun, or not


def test_threads_are_used_again_also_after_an_error():
    def fail(worker, number, arrivals):
        raise ZeroDivisionError

    def names():
        threads = set()
        on_workers(3, lambda *_: threads.add(current_thread()))
        return threads

    threads = names()
    assert len(threads) == 3
    with pytest.raises(ZeroDivisionError):
        on_workers(3, fail)
    assert names() == threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_forks_without_them_and_has_workers_of_its_own():
    made, count = [], active_count()
    on_workers(2, lambda worker, *_: made.append(worker))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of other threads, as pytest-xdist's
        warnings.simplefilter("ignore", RuntimeWarning)
        child = os.fork()
    if not child:
        on_workers(2, lambda worker, *_: made.append(worker))
        os._exit(len(made))
    assert active_count() <= count
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 4
