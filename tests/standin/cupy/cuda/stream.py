"""Streams whose work is done as late as may be, so that a wait that is missing shows; capture.

The null stream and those that wait for it do everything at once. Work on a stream that is
``non_blocking`` (cupy/cuda/stream.pyx) is done when somebody waits for an event after it, or for
the stream: kernels, products, graphs, copies and what a test gives to `Stream.later`. Functions of
arrays do all that is left there, compute at once, and leave it to the stream to write the result.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from cupy._counts import note
from cupy.cuda.device import current_device
from cupy.cuda.graph import Graph
from cupy.cuda.runtime import CUDARuntimeError

__all__ = ["Event", "Stream", "get_current_stream"]

_UNSUPPORTED = "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
_IMPLICIT = "cudaErrorStreamCaptureImplicit: the legacy stream would wait for a captured one"


class Stream:
    """A queue of work on a device."""

    null: Stream

    def __init__(self, null: bool = False, non_blocking: bool = False, **options: Any) -> None:
        self.ptr = 0 if null else id(self)
        self.device_id = -1 if null else current_device()
        self.is_late = non_blocking
        self.work: deque[Callable[[], object]] = deque()  # that is left
        self.done = 0
        self.recording: Graph | None = None
        self._outer: list[tuple[int, Stream]] = []
        _STREAMS[self.ptr] = self

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
            self.work.popleft()()

    def finish(self) -> None:
        """Do all the work that is left, though the stream be captured."""
        self.run_to(self.end)

    @property
    def end(self) -> int:
        """The position behind all that it was asked to do."""
        return self.done + len(self.work)

    def __del__(self) -> None:
        # cudaStreamDestroy, in the documentation of the CUDA runtime: it is done all the same.
        self.finish()

    def record(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        self.refuse_capture("the stand-in captures no events")
        self.later(event.synchronize)

    def synchronize(self) -> None:
        # cupy_tests/cuda_tests/test_graph.py, test_stream_capture_failure1
        if self.recording is not None:
            self.recording.invalid = True
            raise CUDARuntimeError(_UNSUPPORTED)
        self.finish()

    def __enter__(self) -> Stream:
        # check_stream_device_match of stream.pyx
        device = current_device() if self.device_id == -1 else self.device_id
        if device != current_device():
            raise RuntimeError(
                f"The device that the stream is created on ({device}) does not match with the "
                f"current device ({current_device()})"
            )
        self._outer.append((device, get_current_stream()))
        _THREAD.current[device] = self
        return self

    def __exit__(self, *exception: object) -> None:
        device, outer = self._outer.pop()
        _THREAD.current[device] = outer

    # Capture: begin_capture and end_capture of stream.pyx

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.recording is not None:
            raise CUDARuntimeError("cudaErrorIllegalState: the stream is capturing already")
        self.recording = Graph.__new__(Graph)
        self.recording.begin()
        if not self.is_late:
            _FORBIDDING.append(self.recording)

    def end_capture(self) -> Graph:
        graph, self.recording = self.recording, None
        if graph is None:
            raise CUDARuntimeError("cudaErrorIllegalState: the stream is not capturing")
        _FORBIDDING[:] = [other for other in _FORBIDDING if other is not graph]
        if graph.invalid:
            raise CUDARuntimeError("cudaErrorStreamCaptureInvalidated: the capture is invalid")
        return graph

    def is_capturing(self) -> bool:
        if self.ptr == 0 and _FORBIDDING:
            raise CUDARuntimeError(_IMPLICIT)
        return self.recording is not None

    def do(self, name: str, work: Callable[[], object]) -> None:
        """Do the work of a kernel in its turn, or let the graph that is being captured do it."""
        if self.recording is not None:
            self.recording.add(name, work)
            return
        if self.ptr == 0 and _FORBIDDING:
            for graph in _FORBIDDING:
                graph.invalid = True
            raise CUDARuntimeError(_IMPLICIT)
        note("launches", name)
        self.later(work)

    def refuse_capture(self, why: str, kind: type[Exception] = NotImplementedError) -> None:
        """Raise an error of that kind if the stream is captured."""
        if self.recording is not None:
            raise kind(why)


_STREAMS: WeakValueDictionary[int, Stream] = WeakValueDictionary()
"""Those that there are, by their address."""

_FORBIDDING: list[Graph] = []
"""Graphs that are captured from a stream that the null stream would wait for.

Work on the null stream is then an error, and ends their capture; to ask is an error alone:
test_null_stream_cannot_capture of cupy_tests/cuda_tests/test_graph.py.
"""

Stream.null = Stream(null=True)


def stream_at(address: int) -> Stream:
    """The stream that has this address."""
    return _STREAMS[address]


def all_is_done() -> bool:
    """Whether no stream has any work left."""
    return not any(stream.work for stream in _STREAMS.values())


class Event:
    """A place in a stream; one that was never recorded is nowhere, and waited for in no time."""

    def __init__(self, block: bool = False, disable_timing: bool = False) -> None:
        self.stream, self.position = Stream.null, 0

    def record(self, stream: Stream | None = None) -> None:
        self.stream = get_current_stream() if stream is None else stream
        self.stream.refuse_capture("the stand-in captures no events")
        self.position = self.stream.end

    def synchronize(self) -> None:
        self.stream.run_to(self.position)

    @property
    def done(self) -> bool:
        return self.stream.done >= self.position


class _Thread(threading.local):
    def __init__(self) -> None:
        self.current: dict[int, Stream] = {}


_THREAD = _Thread()


def get_current_stream(device_id: int = -1) -> Stream:
    """The stream of this thread on a device, the current one if none is named."""
    return _THREAD.current.get(current_device() if device_id == -1 else device_id, Stream.null)
