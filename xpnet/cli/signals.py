"""Handlers of Ctrl-C, SIGTERM and SIGHUP for the command line."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeAlias

__all__ = ["SIGNALS", "Interrupted", "Raising", "handled", "ignore"]

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP, which a terminal sends when it is closed."""

_PAUSE = 1.0
"""Seconds."""

_Handler: TypeAlias = Callable[[int, FrameType | None], Any]


class Interrupted(KeyboardInterrupt):
    """The signal `number` has ended the command; `kept` says what became of its work."""

    def __init__(self, number: int, kept: str = "") -> None:
        self.number, self.kept = number, kept
        super().__init__(number, kept)

    @property
    def code(self) -> int:
        """What the command exits with: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number


class Raising:
    """The handler of a command: raises `Interrupted`, and not again within a second.

    Who presses Ctrl-C twice in a row means it once, and the second must not disturb what the first
    has set off. Later ones are raised: the first may have been lost, in a destructor, say.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise, if it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PAUSE
            raise Interrupted(number)


@contextmanager
def handled(handler: _Handler, *, last: bool = False) -> Iterator[None]:
    """Have `handler` called at each signal, unless it is ignored, as nohup does.

    Afterwards they are handled as before, unless the process ends with the block: that is its
    `last`.
    """
    former = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = {n: old for n, old in former.items() if old not in (signal.SIG_IGN, None)}
    try:
        _set(dict.fromkeys(heeded, handler))
        yield
    finally:
        if not last:
            _set(heeded)


def ignore() -> None:
    """Let no further signal disturb what is left: to say how the command has ended."""
    _set(dict.fromkeys(SIGNALS, signal.SIG_IGN))


def _set(handlers: Mapping[signal.Signals, Any]) -> None:
    # Python lets no other thread set handlers, and calls them in none.
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)
