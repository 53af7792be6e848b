"""Divergence of a training, and what it leaves of the model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.estimators._prediction import outputs
from xpnet.network import Network
from xpnet.types import Array, Params

__all__ = ["DivergedError", "check_learned", "unfitted_where_diverged"]


class DivergedError(ValueError):
    """scikit-learn's error, of a training that ended in nothing to predict with."""


@contextmanager
def unfitted_where_diverged(model: Any, first: bool) -> Iterator[None]:
    """A fit that, where it is the `first` and diverges, leaves a model that is not fitted.

    One that goes on from an earlier fit leaves the parameters that this one gave.
    """
    try:
        yield
    except DivergedError:
        if first:
            for name in model._in_network:
                delattr(model, name)
        raise


def check_learned(model: Any, net: Network, params: Params, X: Array) -> None:
    """Raise where what was learned cannot predict.

    An epoch's loss is that of the weights before its last update: only weights and predictions
    tell of the damage that this one did.

    Parameters
    ----------
    model : estimator
    net : Network
    params : Params
        What was learned.
    X : array or sparse matrix, shape (m, n_x)
        A few samples to predict.

    Raises
    ------
    DivergedError
        If weights, predictions or, with early stopping, all scores are infinite or NaN.
    """
    weights = [array for layer in params for array in layer]
    with np.errstate(over="ignore", invalid="ignore"):
        predicted = outputs(net, params, X)
    xp = array_namespace(predicted.A)
    # One read for all of them.
    flags = backend.read([xp.all(xp.isfinite(a)) for a in (*weights, predicted.Z, predicted.A)])
    if not flags[:-2].all():
        raise _error("parameter weights")
    if not flags.all():
        raise _error("predictions")
    if model.best_validation_score_ == -math.inf:
        raise _error("validation scores")


def _error(what: str) -> DivergedError:
    return DivergedError(
        f"Solver produced non-finite {what}. The input data may contain large values and need to "
        "be preprocessed: scale X, lower learning_rate_init, or set clip_norm"
    )
