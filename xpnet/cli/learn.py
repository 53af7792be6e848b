"""Training under the command line's eyes: what was learned is saved, however it ends.

A model that is there already is replaced only by one that has learned for an epoch or more and
whose cost is finite.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from signal import SIGINT
from tempfile import gettempdir
from types import FrameType
from typing import Any

import numpy as np
import typer

from xpnet import DivergenceError, callbacks, fit
from xpnet.cli.files import CANNOT_WRITE, unwritten
from xpnet.cli.model import ModelFile
from xpnet.cli.options import counted
from xpnet.cli.outcome import FAILED, say
from xpnet.cli.parts import Parts
from xpnet.cli.signals import Interrupted, handled
from xpnet.types import Params, Result, Step

__all__ = ["learn", "listeners"]


def learn(
    model: ModelFile, parts: Parts, seed: int, heard: Sequence[callbacks.Callback], **options: Any
) -> tuple[Result, int]:
    """Train the network of `model` on `parts`, save it and say so.

    Parameters
    ----------
    model : ModelFile
    parts : Parts
    seed : int
    heard : sequence of callbacks
    **options
        Those of `xpnet.fit`.

    Returns
    -------
    result : Result
    code : int
        What the command is to exit with: a signal has ended the training, or a file is missing.

    Raises
    ------
    ArithmeticError
        If the cost is not finite; what was learned before is saved where no model was.
    Interrupted
        If a signal came before anything was learned, or once more.
    OSError
        If the model cannot be written where it should be; says where it is.
    """
    params = model.net.init(seed)
    with FirstSignal() as first:
        try:
            # An overflow shows in the cost, and fit says where.
            with np.errstate(all="ignore"), _warnings_as_lines():
                result = fit(
                    model.net,
                    params,
                    *parts.train,
                    validation=parts.validation,
                    seed=seed,
                    callbacks=(first, *heard),
                    **options,
                )
        except DivergenceError as error:
            raise ArithmeticError(
                f"the cost is not finite from step {error.step} on, in epoch {error.epoch}, at "
                f"learning rate {error.learning_rate:.4g}: lower --lr; {_rescued(model, error)}"
            ) from error
        except KeyboardInterrupt:
            raise Interrupted(first.number, _unchanged(model)) from None
        epochs, steps = counted(len(result.history), "epoch"), counted(first.steps, "step")
        if not result.history and (model.path.exists() or not first.steps):
            raise Interrupted(first.number, f"{steps} done and no epoch: {_unchanged(model)}")
        _save(model, result.params)
        done = epochs if result.history else steps
        typer.echo(f"{result.stopped} after {done}\nmodel {model.path}")
    if result.stopped == "interrupted":
        return result, Interrupted(first.number).code
    return result, FAILED if any(getattr(one, "failed", False) for one in heard) else 0


class FirstSignal(callbacks.Callback):
    """Lets the first signal end a training, and has others wait until its model is saved.

    A context, and a callback of the training within it.

    Attributes
    ----------
    number : int
        Of the first signal.
    steps : int
        Those done so far.
    """

    def __init__(self) -> None:
        self.number: int = SIGINT
        self.steps = 0
        self._raised = self._waiting = self._ended = False
        self._handlers = ExitStack()

    def __enter__(self) -> FirstSignal:
        self._handlers.enter_context(handled(self._heard))
        return self

    def __exit__(self, *error: object) -> None:
        self._handlers.close()
        if self._waiting and error == (None, None, None):
            raise Interrupted(self.number)

    def on_step(self, step: Step) -> None:
        """Count; and raise the signal again where it was raised and has been lost.

        That happens in a destructor, or in a compiled library's call of Python.
        """
        self.steps = step.index
        if self._raised:
            raise Interrupted(self.number)

    def on_end(self, result: Result) -> None:
        """From now on a signal would only keep the model from being saved."""
        self._ended = True

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._raised or self._ended:
            self._waiting = True
        else:
            self._raised, self.number = True, number
            raise Interrupted(number)


def listeners(
    model: ModelFile, patience: int | None, checkpoint: Path | None, log: Path | None
) -> Iterator[callbacks.Callback]:
    """Yield the callbacks that the options ask for."""
    yield callbacks.Progress()
    if patience is not None:
        yield callbacks.EarlyStopping(patience=patience)
    if checkpoint is not None:
        yield callbacks.Checkpoint(checkpoint, metadata=model.metadata)
    if log is not None:
        yield callbacks.JSONLog(log)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Say what is warned of, such as a full disk, in a line as errors are."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda message, *rest, **more: say(str(message))
        yield


def _rescued(model: ModelFile, error: DivergenceError) -> str:
    """Save what a training had learned before it diverged, where no model was; say so."""
    if not error.history or model.path.exists():
        return _unchanged(model)
    _save(model, error.params)
    return f"the parameters of {counted(len(error.history), 'epoch')} are saved in {model.path}"


def _unchanged(model: ModelFile) -> str:
    """Say that nothing was saved, and that a model that was there stays."""
    return f"the former model stays in {model.path}" if model.path.exists() else "nothing is saved"


def _save(model: ModelFile, params: Params) -> None:
    try:
        model.save(params)
    except CANNOT_WRITE as error:
        lost = unwritten("save", model.path, error)
        raise OSError(f"{lost}; {_saved_elsewhere(model, params)}") from error


def _saved_elsewhere(model: ModelFile, params: Params) -> str:
    """Save in the temporary folder; say where, or why that failed too."""
    try:
        name = f"{model.path.stem[:50]}-{token_hex(4)}.safetensors"
        another = model._replace(path=Path(gettempdir()) / name)
        another.save(params)
    except CANNOT_WRITE as error:
        return f"nor can it be saved in the temporary folder ({error}): the model is lost"
    return f"the model is in {another.path} instead"
