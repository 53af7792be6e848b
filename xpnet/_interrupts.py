"""Interrupts that wait while machine code compiles, a module loads, or runs of steps are made.

They are signals, and the collection of garbage.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

SIGNALS = tuple(
    getattr(signal, s) for s in ("SIGHUP", "SIGTERM", "SIGINT", "SIGALRM") if hasattr(signal, s)
)


@contextmanager
def deferred_signals() -> Iterator[list[int]]:
    """Let no interrupt in before the end, where each goes to the handler that it was meant for.

    Python runs handlers in the main thread alone, so in another there is nothing to hold back. A
    handler that is not Python's, such as `SIG_IGN`, stays.

    Yields
    ------
    list of int
        The signals that came so far; none within another one, which takes them.
    """
    noted, handlers = _Noted(), _handlers()
    with ExitStack() as at_the_end:
        # Last in, first out, whatever one of them raises: all handlers are back before one is run.
        at_the_end.callback(_deliver, noted, handlers)
        for number, handler in handlers.items():
            at_the_end.callback(signal.signal, number, handler)
            signal.signal(number, noted)
        yield noted


class _Noted(list[int]):
    """The signals that came; their handler."""

    def __call__(self, number: int, frame: Any) -> None:
        self.append(number)


def _handlers() -> dict[int, Callable[..., Any]]:
    """Python's handlers of this thread, but those that only note."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in SIGNALS}
    return {
        number: handler
        for number, handler in found.items()
        if callable(handler) and not isinstance(handler, _Noted)
    }


def _deliver(noted: list[int], handlers: dict[int, Callable[..., Any]]) -> None:
    for number, handler in handlers.items():
        if number in noted:
            handler(number, None)


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave garbage until the end.

    What makes many objects would have the collector look at all of the process again and again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
