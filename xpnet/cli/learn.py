"""Training under the command line's eyes: what was learned is saved, however it ends.

A model that is there already is replaced only by one that has learned for an epoch or more and
whose cost is finite, and not above that of guessing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from typing import Any

import numpy as np
import typer

from xpnet import DivergenceError, callbacks, evaluate, fit
from xpnet.cli.files import CANNOT_WRITE, reason, unwritten
from xpnet.cli.first_signal import FirstSignal
from xpnet.cli.model import ModelFile
from xpnet.cli.options import counted
from xpnet.cli.outcome import FAILED, say
from xpnet.cli.parts import Parts
from xpnet.cli.signals import Interrupted
from xpnet.types import Params, Result

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
        What the command is to exit with: a file is missing, or a signal has ended the training.

    Raises
    ------
    ArithmeticError
        If the cost is not finite; what was learned before is saved where no model was. If it has
        ended above that of guessing, and a model was there.
    Interrupted
        If a signal came before anything was learned, or once more.
    """
    params = model.net.init(seed)
    options |= {"validation": parts.validation, "seed": seed}
    with FirstSignal() as first:
        try:
            # An overflow shows in the cost, and fit says where.
            with np.errstate(all="ignore"), _warnings_as_lines():
                result = fit(model.net, params, *parts.train, callbacks=(first, *heard), **options)
        except DivergenceError as error:
            raise ArithmeticError(_diverged(model, error)) from error
        except KeyboardInterrupt:
            raise Interrupted(first.number, _unchanged(model)) from None
        saved = _keep(model, parts, result, first)
    if not saved:
        return result, FAILED
    if result.stopped == "interrupted":
        return result, Interrupted(first.number).code
    return result, FAILED if any(getattr(one, "failed", False) for one in heard) else 0


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


def _keep(model: ModelFile, parts: Parts, result: Result, first: FirstSignal) -> bool:
    """Save what was learned, unless a model is there that is better; say so, or why not."""
    done, steps = counted(len(result.history), "epoch"), counted(result.steps, "step")
    if not result.history:
        if model.path.exists() or not result.steps:
            raise Interrupted(first.number, f"{steps} done and no epoch: {_unchanged(model)}")
        done = steps
    if worse := _worse_than_guessing(model, parts, result):
        if model.path.exists():
            worse = f"{worse}; {_unchanged(model)}"
            interrupted = result.stopped == "interrupted"
            raise Interrupted(first.number, worse) if interrupted else ArithmeticError(worse)
        say(worse)
    typer.echo(f"{result.stopped} after {done}")
    try:
        _save(model, result.params)
    except OSError as error:
        say(str(error))
        return False
    typer.echo(f"model {model.path}")
    return True


def _worse_than_guessing(model: ModelFile, parts: Parts, result: Result) -> str:
    """Return what there is to say where what was learned costs more than guessing."""
    guessing = math.log(model.net.sizes[-1])
    if not result.history or result.history[-1]["cost"] <= guessing:
        return ""
    # That of an epoch counts l2, dropout and how it began; and patience may keep another.
    with np.errstate(all="ignore"):
        cost = evaluate(model.net, result.params, *parts.train)["cost"]
    if cost <= guessing:
        return ""
    return f"the cost ends at {cost:.4g}, above the {guessing:.4g} of guessing: lower --lr"


def _diverged(model: ModelFile, error: DivergenceError) -> str:
    """Save what was learned before, where no model was; return what there is to say."""
    kept = _unchanged(model)
    if error.history and not model.path.exists():
        _save(model, error.params)
        kept = f"{counted(len(error.history), 'epoch')} before it are saved in {model.path}"
    where = "after the last step" if error.at_end else f"from step {error.step} on"
    return (
        f"the cost is not finite {where}, in epoch {error.epoch}, at learning rate "
        f"{error.learning_rate:.4g}: lower --lr; {kept}"
    )


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
        return f"nor can it be saved in the temporary folder ({reason(error)}): the model is lost"
    return f"the model is in {another.path} instead"
