"""Recorder: what an epoch loop tells of its state, for whoever keeps it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from xpnet._interrupts import deferred_signals

if TYPE_CHECKING:
    from xpnet.train.epochs import EpochLoop

_AT_ONCE = nullcontext()


class Recorder:
    """Keeps nothing.

    While steps and ends of epochs change the state of the loop, it is in the context `undivided`.
    """

    def begin(self, loop: EpochLoop) -> None:
        """After `on_start` of the callbacks, before the first step."""

    def undivided(self, deferred: bool = False) -> AbstractContextManager[Any]:
        """A context in which signals wait if `deferred`."""
        return deferred_signals() if deferred else _AT_ONCE

    def after_steps(self, loop: EpochLoop) -> None:
        """After a step or a run of steps, within the context."""

    def after_epoch(self, loop: EpochLoop) -> None:
        """After an epoch and its callbacks, within the context."""

    def interrupted(self, loop: EpochLoop) -> None:
        """After an interrupt of the training."""
