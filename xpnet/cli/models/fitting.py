"""Fitting of a model: its network is trained and saved, however the training ends."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from xpnet import DivergenceError, fit
from xpnet.cli.compilation import announced_compilation
from xpnet.cli.models import runs
from xpnet.cli.models.files import ModelFile
from xpnet.cli.models.saving import not_saved, save_before_divergence, save_result
from xpnet.cli.output import FAILED, print_error
from xpnet.cli.signals import Interrupted, StopOnSignal
from xpnet.cli.training import networks
from xpnet.cli.training.splits import Split
from xpnet.types import Result


def fit_and_save(
    model: ModelFile, split: Split, *, callbacks: Sequence[Any], seed: int, **settings: Any
) -> tuple[Result, int]:
    """Train the network of `model` and save it; return the result and the exit code.

    Raises ArithmeticError if the cost is not finite (what was learned before is saved if there was
    no model) or ended above that of guessing and there was a model; Interrupted if a signal came
    before anything was learned, or a second one came.
    """
    params = networks.initial_params(model.net, seed)
    X, Y, weights = split.train
    settings |= {"validation": split.validation, "sample_weight": weights, "seed": seed}
    with StopOnSignal() as signal:
        try:
            # An overflow shows in the cost, and fit says where.
            with np.errstate(all="ignore"), _warnings_as_lines(), announced_compilation():
                result = fit(model.net, params, X, Y, callbacks=(signal, *callbacks), **settings)
        except DivergenceError as error:
            raise ArithmeticError(save_before_divergence(model, error)) from error
        except KeyboardInterrupt:
            raise Interrupted(signal.number, not_saved(model)) from None
        runs.ended(model.metadata["training"], result)
        saved = save_result(model, split, result, signal.number)
    if not saved:
        return result, FAILED
    if result.stopped == "interrupted":
        return result, Interrupted(signal.number).code
    return result, FAILED if any(getattr(one, "failed", False) for one in callbacks) else 0


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print a warning, such as of a full disk, in one line as errors are."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda message, *rest, **more: print_error(str(message))
        yield
