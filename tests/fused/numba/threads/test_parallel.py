"""Loop in parts: every entry once, whatever the number of threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS
from tests.fused.numba.network.test_run import assert_equal, samples, trained
from xpnet.fused.numba import updates
from xpnet.fused.numba.network import run
from xpnet.fused.numba.threads import number as threads
from xpnet.fused.numba.threads import parallel
from xpnet.fused.numba.threads.number import Threads
from xpnet.fused.numba.threads.parallel import ALIGNED, in_parts


@pytest.fixture
def long(monkeypatch):
    monkeypatch.setattr(parallel, "LONG", 100)


@pytest.mark.parametrize(
    ("size", "threads", "parts"),
    [(99, 4, 1), (150, 4, 1), (200, 4, 2), (1000, 1, 1), (1000, 4, 4), (1001, 3, 3)],
)
def test_every_entry_once(size, threads, parts, long):
    x, seen = np.zeros(size), []

    def add(part, also):
        part += 1 + also
        seen.append(threading.current_thread())

    in_parts(add, [x, np.arange(size)], threads)
    np.testing.assert_array_equal(x, 1 + np.arange(size))
    assert len(set(seen)) == len(seen) == parts
    assert threading.current_thread() in seen


def test_no_two_write_to_a_cache_line(long):
    begins = []
    in_parts(lambda part: begins.append(part[0]), [np.arange(1001)], 7)
    assert all(begin % ALIGNED == 0 for begin in begins)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_large_network_is_updated_in_parts_to_the_same_bits(name, monkeypatch):
    data, optimizer = samples((30, 9, 3)), OPTIMIZERS[name]
    expected = trained(*data, optimizer=optimizer)
    for module in (parallel, updates, run):
        monkeypatch.setattr(module, "LONG", 64)
    monkeypatch.setattr(Threads, "number", lambda self: 3)
    made: list[int] = []
    monkeypatch.setattr(updates, "in_parts", lambda *args: made.append(args[2]) or in_parts(*args))
    assert_equal(trained(*data, optimizer=optimizer), expected)
    assert made == [3] * expected.steps


def test_the_number_of_threads_is_that_of_the_products(monkeypatch):
    monkeypatch.setattr(threads, "all_threads", lambda: 4)
    choice = Threads((784, 10), np.dtype("float32"))
    assert choice.number() == 4
    for one in (True, False):
        monkeypatch.setattr(threads, "_may_set", lambda: True)
        monkeypatch.setattr(choice, "_may_choose", lambda *args: True)
        choice.has_run, choice.one, choice.due = True, one, np.inf
        with choice.parts(1, 128) as parts:
            assert [choice.number() for _ in parts] == [1 if one else 4]


def test_an_error_in_any_part_is_raised(long):
    def call(part):
        if part[0]:
            raise MemoryError(part[0])

    with pytest.raises(MemoryError):
        in_parts(call, [np.arange(400)], 4)


def test_without_leave_for_more_threads_one_treats_all(long, monkeypatch):
    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    x = np.zeros(400)

    def add(part):
        part += 1

    in_parts(add, [x], 4)
    np.testing.assert_array_equal(x, 1)


def test_a_small_network_does_not_ask_for_the_number_of_threads(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(Threads, "number", lambda self: asked.append(1) or 2)
    monkeypatch.setattr(run, "LONG", 64)  # step by step
    trained(*samples((30, 9, 3)), optimizer=OPTIMIZERS["adam"])
    assert not asked
