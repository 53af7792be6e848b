"""Other threads of Python: which of them leave the number of the BLAS's threads to a training."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Thread

import pytest
from joblib.externals import loky

from xpnet.fused.numba.threads.alone import is_alone


@contextmanager
def waiting(module: str, kind: type[Thread] = Thread) -> Iterator[None]:
    """Context with another thread, which runs code of that module."""
    begun, release = Event(), Event()
    namespace = {"__name__": module, "begun": begun, "release": release}
    exec("def run():\n    begun.set()\n    release.wait()", namespace)
    other = kind(target=namespace["run"])
    other.start()
    begun.wait()
    try:
        yield
    finally:
        release.set()
        other.join()


class OfSubshell(Thread):
    """A thread whose code is in a base class."""


OfSubshell.__module__ = "ipykernel.subshell"


@pytest.fixture(autouse=True)
def only_these(monkeypatch):
    """As where pytest-xdist, which has threads of its own, does not run."""
    everyone, before = threading.enumerate, threading.enumerate()
    monkeypatch.setattr(
        threading, "enumerate", lambda: [each for each in everyone() if each not in before]
    )


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("ipykernel.iostream", True),
        ("tqdm._monitor", True),
        ("ipykernel.subshell", False),
        ("IPython.lib.backgroundjobs", False),
        ("ipykernels.own", False),
        ("tornado.platform.asyncio", False),  # a server's loop, with whatever it serves
        ("IPython.terminal.embed", False),
        ("__main__", False),
        ("concurrent.futures.thread", False),
    ],
)
def test_threads_are_known_by_whose_code_they_run(module, expected):
    with waiting(module):
        assert is_alone() is expected


def test_a_thread_that_runs_the_users_code_is_known_by_its_class():
    with waiting("ipykernel.thread", OfSubshell):
        assert not is_alone()


class Own(Thread):
    """A user's class, run by code of a library."""


def test_a_users_class_is_known_whatever_code_runs_it():
    with waiting("ipykernel.thread", Own):
        assert not is_alone()


def test_one_that_may_compute_is_enough():
    with waiting("ipykernel.iostream"), waiting("__main__"):
        assert not is_alone()


def test_processes_of_joblib_that_wait_for_work():
    called, release, this = SimpleQueue(), Event(), threading.current_thread()
    executor = loky.ProcessPoolExecutor(1)
    try:
        assert executor.submit(int).result() == 0
        until = time.monotonic() + 10
        while not is_alone() and time.monotonic() < until:
            time.sleep(0.01)  # in which joblib's thread goes back to wait
        assert is_alone()

        def follow(future):  # in joblib's thread, or here if it is done by then
            called.put(threading.current_thread())
            if threading.current_thread() is not this:
                release.wait()

        executor.submit(int).add_done_callback(follow)
        while called.get() is this:
            executor.submit(int).add_done_callback(follow)
        assert not is_alone()
        release.set()
    finally:
        release.set()
        executor.shutdown()


def test_callers_leave_nothing_behind():
    """No frame of theirs lies in a cycle, with all that it holds."""
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait)
    thread.start()
    gc.collect()
    gc.disable()
    try:
        held = Held()
        left = weakref.ref(held)
        asked(held)
        del held
        assert left() is None
    finally:
        gc.enable()
        ends.set()
        thread.join()


class Held:
    """What a caller holds."""


def asked(held):
    return is_alone()
