"""What a person asks of predictions: one score for each kind of output, 1 at best.

======== ======== ==================================================================
output   metric   meaning
======== ======== ==================================================================
sigmoid  accuracy samples whose outputs all fall on the right side of 1/2
softmax  accuracy samples whose largest output is the label's
identity r2       1 − Σ(y − a)² / Σ(y − ȳ)², the mean over outputs
exp      d2       1 − deviance / deviance of the mean, the mean over outputs
======== ======== ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.types import Array

__all__ = ["METRICS", "Metric"]


class Metric(NamedTuple):
    """A name for tables, and a function of predictions and targets ``(..., n_y, m)``."""

    name: str
    score: Callable[[Array, Array], Array]


def sigmoid_accuracy(A: Array, Y: Array) -> Array:
    """The share of samples whose outputs are all right, shape (...)."""
    xp = array_namespace(A, Y)
    right = xp.all((A > 0.5) == (Y > 0.5), axis=-2)
    return xp.mean(xp.astype(right, A.dtype), axis=-1)


def softmax_accuracy(A: Array, Y: Array) -> Array:
    """The share of samples whose most probable class is the label, shape (...)."""
    xp = array_namespace(A, Y)
    right = xp.argmax(A, axis=-2) == xp.argmax(Y, axis=-2)
    return xp.mean(xp.astype(right, A.dtype), axis=-1)


def r2(A: Array, Y: Array) -> Array:
    """The coefficient of determination, shape (...)."""
    xp = array_namespace(A, Y)
    mean = xp.mean(Y, axis=-1, keepdims=True)
    return _explained(xp.sum((Y - A) ** 2, axis=-1), xp.sum((Y - mean) ** 2, axis=-1))


def d2(A: Array, Y: Array) -> Array:
    """The share of the Poisson deviance that is explained, shape (...)."""
    xp = array_namespace(A, Y)
    mean = xp.mean(Y, axis=-1, keepdims=True)
    return _explained(_deviance(A, Y), _deviance(mean, Y))


def _deviance(A: Array, Y: Array) -> Array:
    xp = array_namespace(A, Y)
    # A prediction that has shrunk to 0 costs as much as the smallest number that is not 0.
    log_A = xp.log(xp.maximum(A, float(xp.finfo(A.dtype).smallest_normal)))
    log_Y = xp.log(xp.where(Y > 0, Y, 1.0))
    return xp.sum(Y * (log_Y - log_A) - Y + A, axis=-1)


def _explained(left: Array, total: Array) -> Array:
    """The mean over outputs of ``1 − left / total``; where `total` is 0: 1 if `left` is, else 0."""
    xp = array_namespace(left, total)
    known = total > 0
    # left − left: a prediction that is no number has no score.
    constant = xp.where(left == 0, xp.ones_like(left), left - left)
    return xp.mean(xp.where(known, 1.0 - left / xp.where(known, total, 1.0), constant), axis=-1)


METRICS = {
    "sigmoid": Metric("accuracy", sigmoid_accuracy),
    "softmax": Metric("accuracy", softmax_accuracy),
    "identity": Metric("r2", r2),
    "exp": Metric("d2", d2),
}
