"""Interrupts that wait: none is lost, and none comes too early."""

from __future__ import annotations

import gc
import signal
import threading

import pytest

from xpnet._interrupts import deferred_signals, uncollected


class Ended(KeyboardInterrupt):
    """What a handler of SIGTERM may raise."""


def end(number, frame):
    raise Ended


@pytest.fixture(autouse=True)
def _handlers():
    """Python's own handler of Ctrl-C, one that raises of SIGTERM; after the test they are still."""
    mine = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: end}
    former = {number: signal.signal(number, handler) for number, handler in mine.items()}
    try:
        yield
        assert {number: signal.getsignal(number) for number in mine} == mine
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(
    ("numbers", "raised"),
    [
        ([signal.SIGINT], KeyboardInterrupt),
        ([signal.SIGTERM], Ended),
        ([signal.SIGINT, signal.SIGTERM, signal.SIGINT], Ended),
    ],
    ids=["ctrl-C", "SIGTERM", "both"],
)
def test_what_is_under_way_is_finished_first(numbers, raised):
    done = []

    def work():
        with deferred_signals() as noted:
            for number in numbers:
                signal.raise_signal(number)
            done.extend(noted)

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert done == numbers
    assert caught.type is raised


def test_without_an_interrupt_nothing_is_raised():
    with deferred_signals() as noted:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert noted == []


def test_one_within_another_waits_for_the_outer():
    done = []

    def work():
        with deferred_signals():
            with deferred_signals():
                signal.raise_signal(signal.SIGINT)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done


def test_one_within_another_leaves_handlers_as_they_are():
    with deferred_signals() as noted:
        handler = signal.getsignal(signal.SIGINT)
        with deferred_signals() as within:
            assert signal.getsignal(signal.SIGINT) is handler
        assert signal.getsignal(signal.SIGINT) is handler
    assert noted == within == []


def test_one_within_another_holds_back_a_handler_that_was_set_between():
    heard = []

    def hear(number, frame):
        heard.append(number)

    with deferred_signals() as noted:
        outer = signal.signal(signal.SIGINT, hear)
        with deferred_signals():
            signal.raise_signal(signal.SIGINT)
            assert heard == []
        assert heard == [signal.SIGINT]
        signal.signal(signal.SIGINT, outer)
    assert noted == []


def test_an_error_on_the_way_is_the_interrupts_context():
    @deferred_signals()
    def work():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("on the way")

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, ValueError)


def test_a_handler_that_raises_nothing_is_called_once():
    heard = []
    former = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with deferred_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            assert heard == []
    finally:
        signal.signal(signal.SIGINT, former)
    assert heard == [signal.SIGINT]


def test_what_is_ignored_stays_ignored():
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_signals() as noted:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, former)
    assert noted == []


def test_in_another_thread_handlers_stay():
    seen = []

    def work():
        with deferred_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_garbage_is_left_until_the_end_of_the_outermost():
    assert gc.isenabled()
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_where_nobody_collects_nobody_does_after_it():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
