"""The four moments of a training at which something can be done."""

from __future__ import annotations

from xpnet.types import Epoch, Result, Run, Step

__all__ = ["Callback"]


class Callback:
    """Does nothing at any moment: a subclass overrides the ones it needs."""

    def on_start(self, run: Run) -> None:
        """Before the first step."""

    def on_step(self, step: Step) -> None:
        """After each step. To read ``step.cost`` is to wait for the device: do it rarely."""

    def on_epoch(self, epoch: Epoch) -> str | None:
        """After each epoch. A text ends the training and is kept as ``Result.stopped``."""
        return None

    def on_end(self, result: Result) -> Result | None:
        """At the end, however it comes: may return another result; None keeps this one.

        Whatever a callback raises, at any moment, every other is told the end. If training failed,
        the error is raised afterwards and the result is lost.
        """
        return result
