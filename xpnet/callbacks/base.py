"""Base classes of callbacks: of all, and of those that write a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from xpnet.types import Epoch, Result, Run, Step

Method = TypeVar("Method", bound=Callable[..., Any])


def _idle(method: Method) -> Method:
    """Mark a method that does nothing, so that the epoch loop can tell whether it is overridden."""
    method.idle = True  # type: ignore[attr-defined]
    return method


class Callback:
    """Does nothing at the four moments of a training: a subclass overrides those it needs.

    Attributes
    ----------
    every_step : bool, optional
        Whether `on_step` must be called after each step: by default, if it is overridden. Where no
        callback needs that, some libraries train many steps in one call, of about 50 ms, and
        `on_step` is called after its last one.
    """

    every_step: bool | None = None

    def __repr__(self) -> str:
        """The call that makes it, by those of its arguments that it keeps as attributes."""
        kept = [name for name in signature(type(self)).parameters if hasattr(self, name)]
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in kept)})"

    def on_start(self, run: Run) -> None:
        """Before the first step."""

    @_idle
    def on_step(self, step: Step) -> None:
        """After each step. To read ``step.cost`` is to wait for the device: do it rarely.

        Of a stack, the cost of a network that has ended is NaN.
        """

    def on_epoch(self, epoch: Epoch) -> Any:
        """After each epoch. A text ends the training and is kept as ``Result.stopped``.

        Of a stack, a (nested) list with a text or None for each network ends those with a text.
        """
        return None

    def on_end(self, result: Result) -> Result | None:
        """At the end, however it comes: may return another result; None keeps this one.

        Whatever a callback raises, at any moment, `on_end` of every other is called. If training
        failed, the error is raised afterwards and the result is lost. ``result.members`` of a stack
        are made of what the last callback leaves.
        """
        return result

    @_idle
    def state(self) -> dict[str, Any]:
        """What it remembers from one epoch to the next, for a checkpoint (`xpnet.Checkpoints`).

        Numbers, text, None, arrays, parameters, and dicts, lists and tuples of them, all of which
        come back as they were. A class that overrides it overrides `restore` as well. A training is
        resumed only with callbacks whose ``repr`` is that of those it was begun with.
        """
        return {}

    @_idle
    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned: after `on_start`, when a training is resumed."""


class FileCallback(Callback):
    """Writes a file; where it cannot, it warns once, and the training goes on.

    Parameters
    ----------
    path : str or path

    Attributes
    ----------
    path : Path
    failed : bool
        Whether the file could not be written after some epoch of the latest training.

    Raises
    ------
    TypeError
        If `path` is neither text nor a path.
    """

    def __init__(self, path: Any) -> None:
        if not isinstance(path, str | PathLike):
            raise TypeError(f"path is {path!r}: expected a file's name, a str or a Path")
        self.path, self.failed = Path(path), False

    def on_start(self, run: Run) -> None:
        """Forget an earlier training."""
        self.failed = False

    def cannot_write(self, error: Exception) -> None:
        """Say why, the first time."""
        if not self.failed:
            reason = getattr(error, "strerror", None) or error
            warnings.warn(
                f"cannot write {self.path} ({reason}): the training goes on, and tries again after "
                "each epoch",
                RuntimeWarning,
                stacklevel=3,
            )
        self.failed = True
