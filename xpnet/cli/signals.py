"""Ctrl-C and SIGTERM: both are raised where a command can end, as subclasses of Ctrl-C's error."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeAlias

__all__ = ["Interrupted", "handled", "interrupt"]

_Handler: TypeAlias = Callable[[int, FrameType | None], Any]


class Interrupted(KeyboardInterrupt):
    """The signal `number` has ended the command; `kept` says what became of its work."""

    def __init__(self, number: int, kept: str = "") -> None:
        self.number, self.kept = number, kept
        super().__init__(number, kept)

    @property
    def code(self) -> int:
        """What the command exits with: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + self.number


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise `Interrupted`: the handler of a command."""
    raise Interrupted(number)


@contextmanager
def handled(handler: _Handler) -> Iterator[None]:
    """Have `handler` called at each signal, unless it is ignored, as nohup does."""
    former = {}
    # Python lets no other thread set handlers, and calls them in none.
    if threading.current_thread() is threading.main_thread():
        former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heeded = {n: old for n, old in former.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in heeded:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in heeded.items():
            signal.signal(number, old)
