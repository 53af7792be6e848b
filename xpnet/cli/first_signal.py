"""Signals during a training: the first ends it, others wait for its model's file."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from types import FrameType
from typing import Any

from xpnet.callbacks import Callback
from xpnet.cli.signals import SIGNALS, Interrupted, handled
from xpnet.types import Epoch, Result, Run, Step

__all__ = ["FirstSignal"]


class FirstSignal(Callback):
    """Lets the first signal end a training, and has others wait until its model is saved.

    A context, and a callback of the training within it.

    Attributes
    ----------
    number : int
        Of the first signal.
    """

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self._raised = self._waiting = self._ended = False
        self._epochs = 0
        self._former: dict[int, Any] = {}
        self._handlers = ExitStack()

    def __enter__(self) -> FirstSignal:
        self._former = {number: signal.getsignal(number) for number in SIGNALS}
        self._handlers.enter_context(handled(self._heard))
        return self

    def __exit__(self, *error: object) -> None:
        self._handlers.close()
        if self._waiting and error == (None, None, None):
            raise Interrupted(self.number)

    def on_start(self, run: Run) -> None:
        """Know the last epoch."""
        self._epochs = run.epochs

    def on_step(self, step: Step) -> None:
        """Raise the signal again where it was raised and has been lost.

        That happens in a destructor, or in a compiled library's call of Python.
        """
        if self._raised:
            raise Interrupted(self.number)

    def on_epoch(self, epoch: Epoch) -> None:
        """After the last, as at the end, a signal would only keep the model from being saved."""
        self._ended = epoch.number == self._epochs

    def on_end(self, result: Result) -> None:
        """From now on signals wait."""
        self._ended = True

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if not (self._raised or self._waiting):
            self.number = number
        if self._raised or self._ended:
            self._waiting = True
        else:
            self._raised = True
            self._former[number](number, frame)
