"""Signals: Ctrl-C, SIGTERM and SIGHUP during a command and during a training."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    # Not imported: handlers are set before NumPy is, so that Ctrl-C is one line from the start.
    from xpnet.types import Epoch, Result, Run, Step

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP, which a terminal sends when it is closed."""

_PAUSE = 1.0
"""Seconds."""

_SOON = 0.002
"""Seconds after which a signal comes again that came at a wrong moment."""

_IMPORTS = "<frozen importlib"
"""How the names of the files of Python's own code of imports begin."""

_Handler: TypeAlias = Callable[[int, FrameType | None], Any]


class Interrupted(KeyboardInterrupt):
    """The signal `number` has ended the command; `message` says what was saved."""

    def __init__(self, number: int, message: str = "") -> None:
        self.number, self.message = number, message
        super().__init__(number, message)

    @property
    def code(self) -> int:
        """The exit code: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number


class RaiseOnSignal:
    """The handler of a command: raises `Interrupted`, and not again within a second.

    Ctrl-C pressed twice in a row is meant once, and the second must not disturb what the first has
    set off. A later one is raised: the first may have been lost, in a destructor for instance.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise, unless another signal came less than a second ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PAUSE
            raise Interrupted(number)


class StopOnSignal:
    """The first signal stops a training; later ones wait until its model is saved.

    A context, and a callback of the training within it.

    Attributes
    ----------
    number : int
        Of the first signal.
    """

    every_step = False

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self._raised = self._waiting = self._ended = False
        self._epochs = 0
        self._former: dict[int, Any] = {}
        self._handlers = ExitStack()

    def __enter__(self) -> StopOnSignal:
        self._former = {number: signal.getsignal(number) for number in SIGNALS}
        self._handlers.enter_context(handled(self._handle))
        return self

    def __exit__(self, *error: object) -> None:
        self._handlers.close()
        if self._waiting and error == (None, None, None):
            raise Interrupted(self.number)

    def on_start(self, run: Run) -> None:
        """Remember the number of epochs."""
        self._epochs = run.epochs

    def on_step(self, step: Step) -> None:
        """Raise the signal again if it was lost, in a destructor or a compiled library's call."""
        if self._raised:
            raise Interrupted(self.number)

    def on_epoch(self, epoch: Epoch) -> None:
        """Let signals wait after the last epoch: they could only keep the model from its file."""
        self._ended = epoch.number == self._epochs

    def on_end(self, result: Result) -> None:
        """Let signals wait from now on."""
        self._ended = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not (self._raised or self._waiting):
            self.number = number
        if self._raised or self._ended:
            self._waiting = True
        else:
            self._raised = True
            self._former[number](number, frame)


@contextmanager
def handled(handler: _Handler, *, restore: bool = True) -> Iterator[None]:
    """Call `handler` at each signal within the block, unless it is ignored, as under nohup.

    It is called outside of Python's own code of imports alone: an error there may leave locks held,
    and other threads, such as one that loads what draws, would wait for ever. Afterwards the former
    handlers are restored, unless the process ends with the block.
    """
    former = {number: signal.getsignal(number) for number in SIGNALS}
    active = {n: old for n, old in former.items() if old not in (signal.SIG_IGN, None)}
    try:
        _set(dict.fromkeys(active, _outside_of_imports(handler)))
        yield
    finally:
        if restore:
            _set(active)


def _outside_of_imports(handler: _Handler) -> _Handler:
    """`handler`, which has a signal come again soon if it comes within code of imports."""

    def handle(number: int, frame: FrameType | None) -> Any:
        if frame is None or not frame.f_code.co_filename.startswith(_IMPORTS):
            return handler(number, frame)
        again = threading.Timer(_SOON, signal.raise_signal, (number,))
        again.daemon = True
        again.start()
        return None

    return handle


@contextmanager
def noted() -> Iterator[list[int]]:
    """Note the signals that come within the block, beside what their handlers do."""
    former: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    numbers: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        numbers.append(number)
        former[number](number, frame)

    with handled(note):
        yield numbers


def ignore() -> None:
    """Ignore further signals, so that a command can print how it ended."""
    _set(dict.fromkeys(SIGNALS, signal.SIG_IGN))


def _set(handlers: Mapping[signal.Signals, Any]) -> None:
    # Python lets no other thread set handlers, and calls them in none.
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)
