from __future__ import annotations

import signal
import sys
import threading
import time
from importlib import import_module

import pytest

from xpnet.cli.signals import SIGNALS, Interrupted, RaiseOnSignal, handled, ignore

HANGUP = pytest.param(
    getattr(signal, "SIGHUP", None),
    129,
    marks=pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP"),
)


pytestmark = pytest.mark.usefixtures("a_terminal")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), HANGUP])
def test_a_signal_is_raised_as_a_ctrl_c_that_knows_its_code(number, code):
    with pytest.raises(KeyboardInterrupt) as raised, handled(RaiseOnSignal()):
        signal.raise_signal(number)
    assert isinstance(raised.value, Interrupted)
    assert raised.value.code == code
    assert signal.getsignal(number) is signal.default_int_handler


def test_one_right_after_another_is_not_raised_but_a_later_one_is(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with handled(RaiseOnSignal()):
        for moment, raised in ((100.0, True), (100.5, False), (101.5, True)):
            now[0] = moment
            if raised:
                with pytest.raises(Interrupted):
                    signal.raise_signal(signal.SIGINT)
            else:
                signal.raise_signal(signal.SIGINT)


def test_a_signal_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with handled(RaiseOnSignal()):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_command_that_has_ended_heeds_no_signal():
    with handled(RaiseOnSignal(), restore=False):
        ignore()
    for number in SIGNALS:
        signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_IGN


def test_in_another_thread_handlers_stay():
    def command():
        with handled(RaiseOnSignal()):
            handlers.append(signal.getsignal(signal.SIGINT))
            ignore()

    handlers = []
    thread = threading.Thread(target=command)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_within_code_of_imports_comes_again_after_it(monkeypatch):
    """An error there may leave a lock of Python's held."""
    seen = []

    class Finder:
        def find_spec(self, name, path=None, target=None):
            frame = sys._getframe(1)
            seen.append(frame.f_code.co_filename)
            signal.getsignal(signal.SIGINT)(signal.SIGINT, frame)

    def import_and_wait():
        with pytest.raises(ModuleNotFoundError):
            import_module("not_there_at_all")
        time.sleep(60)

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(KeyboardInterrupt) as raised, handled(RaiseOnSignal()):
        import_and_wait()
    assert seen[0].startswith("<frozen importlib")
    assert raised.value.number == signal.SIGINT
