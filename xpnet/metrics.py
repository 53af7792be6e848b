"""Scores of predictions, 1 at best; each output names its own in `xpnet.kernels.OUTPUTS`.

==================== ==================================================================
function             meaning
==================== ==================================================================
probability_accuracy samples whose outputs all fall on the right side of 1/2
margin_accuracy      samples whose outputs all fall on the right side of 0
argmax_accuracy      samples whose largest output is the label's
r2                   1 − Σ(y − a)² / Σ(y − ȳ)², the mean over outputs
d2                   1 − deviance / deviance of the mean, the mean over outputs
==================== ==================================================================

Each takes predictions and targets ``(..., n_y, m)`` and gives one number a network, ``(...)``.
Those with `sample_weight`, ``(..., 1, m)``, count each sample by its weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.types import Array

SCORES = ("accuracy", "r2", "d2")
"""The names of the metrics: of each, more is better."""


class Metric(NamedTuple):
    """A name, one of `SCORES`; a function of predictions, targets and perhaps weights."""

    name: str
    score: Callable[..., Array]


def probability_accuracy(A: Array, Y: Array, sample_weight: Array | None = None) -> Array:
    """The share of samples whose outputs are all right, where A are probabilities."""
    return share((A > 0.5) == (Y > 0.5), _weights(A, sample_weight))


def margin_accuracy(A: Array, Y: Array, sample_weight: Array | None = None) -> Array:
    """The share of samples whose outputs are all right, where A are margins."""
    return share((A > 0.0) == (Y > 0.5), _weights(A, sample_weight))


def argmax_accuracy(A: Array, Y: Array, sample_weight: Array | None = None) -> Array:
    """The share of samples whose most probable class is the label."""
    xp = array_namespace(A, Y)
    right = xp.argmax(A, axis=-2, keepdims=True) == xp.argmax(Y, axis=-2, keepdims=True)
    return share(right, _weights(A, sample_weight))


def share(right: Array, sample_weight: Array) -> Array:
    """The weight of samples right in all their entries ``(..., n, m)``, of that of all samples."""
    xp = array_namespace(right, sample_weight)
    s = sample_weight[..., 0, :]
    counted = xp.where(xp.all(right, axis=-2), s, xp.zeros_like(s))
    return xp.sum(counted, axis=-1) / xp.sum(s, axis=-1)


def _weights(A: Array, sample_weight: Array | None) -> Array:
    """A weight for each sample, 1 where none are given."""
    return array_namespace(A).ones_like(A[..., :1, :]) if sample_weight is None else sample_weight


def r2(A: Array, Y: Array, sample_weight: Array | None = None) -> Array:
    """The coefficient of determination."""
    xp = array_namespace(A, Y)
    s = _weights(Y, sample_weight)
    mean = xp.sum(s * Y, axis=-1, keepdims=True) / xp.sum(s, axis=-1, keepdims=True)
    return _explained(xp.sum(s * (Y - A) ** 2, axis=-1), xp.sum(s * (Y - mean) ** 2, axis=-1))


def d2(A: Array, Y: Array) -> Array:
    """The share of the Poisson deviance that is explained."""
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
    known = (total > 0) & xp.isfinite(left)
    # Predictions that are infinite or NaN have no score.
    constant = xp.where(xp.isfinite(left), xp.zeros_like(left), math.nan)
    constant = xp.where(left == 0, xp.ones_like(left), constant)
    return xp.mean(xp.where(known, 1.0 - left / xp.where(known, total, 1.0), constant), axis=-1)
