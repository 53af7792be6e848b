"""Saving of what was learned, however the training ended.

A model that is there already is replaced only by one that completed an epoch and whose cost is
finite and no worse than guessing.
"""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir

import numpy as np
import typer
from array_api_compat import array_namespace

from xpnet import DivergenceError, evaluate
from xpnet.cli import options
from xpnet.cli.files import CANNOT_WRITE, reason, write_error
from xpnet.cli.models.files import ModelFile
from xpnet.cli.output import print_error
from xpnet.cli.signals import Interrupted
from xpnet.cli.training.splits import Split
from xpnet.types import Params, Result, map_params


def save_result(model: ModelFile, split: Split, result: Result, signal: int) -> bool:
    """Save what was learned, unless there is a better model; print that, or why not."""
    done, steps = options.plural(len(result.history), "epoch"), options.plural(result.steps, "step")
    if not result.history:
        if model.path.exists() or not result.steps:
            raise Interrupted(signal, f"{steps} done and no epoch: {not_saved(model)}")
        done = steps
    if worse := _worse_than_guessing(model, split, result):
        if model.path.exists():
            worse = f"{worse}; {not_saved(model)}"
            interrupted = result.stopped == "interrupted"
            raise Interrupted(signal, worse) if interrupted else ArithmeticError(worse)
        print_error(worse)
    typer.echo(f"{result.stopped} after {done}")
    try:
        _save(model, result.params)
    except OSError as error:
        print_error(str(error))
        return False
    typer.echo(f"model {model.path}")
    return True


def _worse_than_guessing(model: ModelFile, split: Split, result: Result) -> str:
    """Return the error if what was learned costs more than guessing."""
    X, Y, weights = split.train
    # Parameters of 0 give each class the same probability, and the mean of the targets.
    zeros = map_params(array_namespace(X).zeros_like, result.params)
    guessing = evaluate(model.net, zeros, X, Y, sample_weight=weights)["cost"]
    if not result.history or result.history[-1]["cost"] <= guessing:
        return ""
    # An epoch's cost counts l2, dropout and its first steps; and patience may keep another epoch.
    with np.errstate(all="ignore"):
        cost = evaluate(model.net, result.params, X, Y, sample_weight=weights)["cost"]
    if cost <= guessing:
        return ""
    fell = result.history[-1]["cost"] < result.history[0]["cost"]
    advice = "give more --epochs, or other features" if fell else "lower --lr"
    return f"the cost ends at {cost:.4g}, above the {guessing:.4g} of guessing: {advice}"


def save_before_divergence(model: ModelFile, error: DivergenceError) -> str:
    """Save what was learned before, if there was no model; return the error."""
    saved = not_saved(model)
    if error.history and not model.path.exists():
        _save(model, error.params)
        saved = f"{options.plural(len(error.history), 'epoch')} before it are saved in {model.path}"
    where = "after the last step" if error.at_end else f"from step {error.step} on"
    return (
        f"the cost is not finite {where}, in epoch {error.epoch}, at learning rate "
        f"{error.learning_rate:.4g}: lower --lr; {saved}"
    )


def not_saved(model: ModelFile) -> str:
    """Return what becomes of the file of `model`."""
    return f"the former model stays in {model.path}" if model.path.exists() else "nothing is saved"


def _save(model: ModelFile, params: Params) -> None:
    try:
        model.save(params)
    except CANNOT_WRITE as error:
        lost = write_error("save", model.path, error)
        raise OSError(f"{lost}; {_saved_elsewhere(model, params)}") from error


def _saved_elsewhere(model: ModelFile, params: Params) -> str:
    """Save in the temporary folder; return where, or why that failed too."""
    try:
        name = f"{model.path.stem[:50]}-{token_hex(4)}.safetensors"
        another = model._replace(path=Path(gettempdir()) / name)
        another.save(params)
    except CANNOT_WRITE as error:
        return f"nor can it be saved in the temporary folder ({reason(error)}): the model is lost"
    return f"the model is in {another.path} instead"
