"""Streams whose work is done as late as may be, so that a wait that is missing shows.

The null stream and those that wait for it do everything at once. Work on a stream that is
``non_blocking`` (cupy/cuda/stream.pyx) is done when somebody waits for an event after it, or for
the stream. What arrays compute is always done at once; `Stream.later` is for a test's own work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Event", "Stream", "get_current_stream"]


class Stream:
    """A queue of work on a device."""

    null: Stream

    def __init__(self, null: bool = False, non_blocking: bool = False, **options: Any) -> None:
        self.ptr = 0 if null else id(self)
        self.is_late = non_blocking
        self.work: list[Callable[[], object]] = []
        self.done = 0
        self._outer: list[Stream] = []

    def later(self, work: Callable[[], object]) -> None:
        """Do `work` after all before it: at once, or as late as may be."""
        if self.is_late:
            self.work.append(work)
        else:
            work()

    def run_to(self, position: int) -> None:
        """Do the work up to there."""
        while self.done < position:
            self.done += 1
            self.work[self.done - 1]()

    def record(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        self.later(event.synchronize)

    def synchronize(self) -> None:
        self.run_to(len(self.work))

    def __enter__(self) -> Stream:
        self._outer.append(get_current_stream())
        _THREAD.current = self
        return self

    def __exit__(self, *exception: object) -> None:
        _THREAD.current = self._outer.pop()


Stream.null = Stream(null=True)


class Event:
    """A place in a stream; one that was never recorded is nowhere, and waited for in no time."""

    def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
        self.stream, self.position = Stream.null, 0

    def record(self, stream: Stream | None = None) -> None:
        self.stream = get_current_stream() if stream is None else stream
        self.position = len(self.stream.work)

    def synchronize(self) -> None:
        self.stream.run_to(self.position)

    @property
    def done(self) -> bool:
        return self.stream.done >= self.position


class _Thread(threading.local):
    current = Stream.null


_THREAD = _Thread()


def get_current_stream(device_id: int = -1) -> Stream:
    """The stream of this thread."""
    return _THREAD.current
