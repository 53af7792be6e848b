"""One training: its history, who is told of it, how it goes on, and the ways in which it ends."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from xpnet._interrupts import deferred_signals
from xpnet.types import Batches, Epoch, Params, Result, Run, leading_axes

if TYPE_CHECKING:
    from xpnet.train.epochs import EpochLoop

Rounds: TypeAlias = "Generator[tuple[EpochLoop, list[Batches]], None, str | None]"
"""Epochs of a training, one or some at a time, each to be trained on before more are asked for;
then why it ended."""


def alone(rounds: Rounds) -> None:
    """Train on one after another; what is raised there is raised within `rounds`."""
    for loop, epochs in rounds:
        try:
            began = time.perf_counter()
            loop.train(epochs)
            loop.lengthen(len(epochs), time.perf_counter() - began)
        except BaseException as error:
            with suppress(StopIteration):
                rounds.throw(error)


_AT_ONCE = nullcontext()


class Recorder:
    """What the loop tells of its state, for whoever keeps it; this one keeps nothing.

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


class Training:
    """One training, and the calls of its callbacks.

    Attributes
    ----------
    run : Run
    params : Params
        The newest.
    lead : tuple of int
        The leading axes of a stack.
    completed : Params
        Those after the last epoch in the history.
    history : list of dict
    steps : int
    stopped : str
        Why it ended.
    result : Result
        Once it has ended.
    """

    result: Result

    def __init__(self, run: Run, params: Params, callbacks: Sequence[Any]) -> None:
        self.run, self.callbacks = run, callbacks
        self.params = self.completed = params
        self.lead = leading_axes(params)
        self.history: list[dict[str, Any]] = []
        self.steps, self.stopped = 0, "all epochs done"

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Context of the whole training: `on_end` of every callback is called, however it ends.

        Raises what ended the training, with what callbacks raised at the end as its notes, or the
        first error of a callback. Ctrl-C at the end is not one: the training is over.
        """
        errors: list[BaseException] = []
        try:
            yield
        except BaseException as error:
            self.stopped = f"failed: {str(error) or type(error).__name__}"
            errors.append(error)
        params = self.whole(self.params)
        self.result = Result(params, tuple(self.history), self.stopped, self.steps)
        for callback in self.callbacks:
            try:
                self.result = _answer(callback, self.result)
            except KeyboardInterrupt:
                self.result = self.result._replace(stopped="interrupted")
            except BaseException as error:
                errors.append(error)
        for other in errors[1:]:
            errors[0].add_note(f"A callback failed at the end, too: {other!r}")
        if errors:
            raise errors[0]

    def start(self) -> None:
        """Call `on_start` of every callback."""
        for callback in self.callbacks:
            callback.on_start(self.run)

    def complete(self, row: dict[str, Any]) -> bool:
        """Enter an epoch, and call `on_epoch`; whether a callback ends the training."""
        self.history.append(row)
        self.completed = self.params
        epoch = Epoch(len(self.history), self.run.net, self.whole(self.params), row)
        return self.is_ended_by([self._reason(callback, epoch) for callback in self.callbacks])

    def is_ended_by(self, reasons: Sequence[Any]) -> bool:
        """Take the answers of the callbacks to an epoch; whether one of them ends the training."""
        self.stopped = next(filter(None, reasons), self.stopped)
        return any(reasons)

    def _reason(self, callback: Any, epoch: Epoch) -> Any:
        """A callback's answer to an epoch: why to stop, or None; or that for each network."""
        reason = callback.on_epoch(epoch)
        if not (reason is None or isinstance(reason, str) or _is_reason(reason, self.lead)):
            each = f", or a list of these, nested as the leading axes {self.lead}"
            raise TypeError(
                f"{type(callback).__name__}.on_epoch returned {reason!r:.60}: expected None, or a "
                f"text that ends the training{each if self.lead else ''}"
            )
        return reason

    def whole(self, params: Params) -> Params:
        """What callbacks and the result are given of parameters: a subclass may hold less."""
        return params


def wants_every_step(callback: Any) -> bool:
    """Whether a callback says so, or overrides `on_step` and does not say otherwise."""
    asked: bool | None = getattr(callback, "every_step", None)
    return hears_steps(callback) if asked is None else asked


def hears_steps(callback: Any) -> bool:
    """Whether `on_step` may do something; a mock's has whatever it is asked for, and all true."""
    return getattr(callback.on_step, "idle", False) is not True


def _is_reason(reason: Any, lead: tuple[int, ...]) -> bool:
    """Whether it is a text or None, or lists of them nested as `lead`."""
    if not lead:
        return reason is None or isinstance(reason, str)
    return (
        isinstance(reason, list)
        and len(reason) == lead[0]
        and all(_is_reason(each, lead[1:]) for each in reason)
    )


def _answer(callback: Any, result: Result) -> Result:
    another = callback.on_end(result)
    if another is not None and not isinstance(another, Result):
        raise TypeError(
            f"{type(callback).__name__}.on_end returned a {type(another).__name__}: expected None, "
            "or a Result such as result._replace(params=…)"
        )
    return another or result
