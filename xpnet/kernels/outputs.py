"""Outputs: predictions from the last logits, their loss, and its slope dZ.

======== ===================== ============================================== ============
output   prediction A          loss of one sample, summed over outputs        dZ per sample
======== ===================== ============================================== ============
sigmoid  σ(z)                  log(1 + eᶻ) − y z      (binary cross-entropy)  A − Y
softmax  eᶻ / Σ eᶻ             log Σ eᶻ − Σ y z       (cross-entropy, Σy = 1) A − Y
identity z                     (z − y)² / 2           (half squared error)    A − Y
exp      eᶻ                    y log y − y z − y + eᶻ (half Poisson deviance) A − Y
huber    z                     r²/2 where r = z − y   (Huber's loss, δ = 1)   c
                               is at most 1, else
                               |r| − 1/2
hinge    z                     max(0, 1 − s z)        (hinge, s = 2 y − 1)    −s if s z < 1,
                                                                              else 0
======== ===================== ============================================== ============

The c of huber is r cut off at ±1. The targets of hinge are 0 and 1, as those of sigmoid, and stand
for the sides s = −1 and 1; its prediction is the margin, as scikit-learn's ``decision_function``.

All of it is computed from the logits, never from a rounded A: nothing overflows or turns NaN
for |z| ≤ 1e4 in float32. `exp` alone must grow; beyond the dtype's range it is infinite, quietly.

References: huber, Huber 1964; hinge, Cortes & Vapnik 1995.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.kernels._named import Named
from xpnet.kernels.activations import bend, identity, logistic, sigmoid
from xpnet.metrics import (
    Metric,
    argmax_accuracy,
    d2,
    margin_accuracy,
    probability_accuracy,
    r2,
)
from xpnet.types import Array

LARGEST = math.log(sys.float_info.max)


class Targets(NamedTuple):
    """The range of targets: its ends, the words that an error has for it, and what is within."""

    least: float
    most: float
    words: str
    between: bool = True  # whether targets may lie between the ends


SHARES = Targets(0.0, 1.0, "0 to 1")
SIDES = Targets(0.0, 1.0, "0 and 1, for the sides −1 and 1", between=False)
NUMBERS = Targets(-math.inf, math.inf, "finite numbers")
COUNTS = Targets(0.0, math.inf, "0 or more, and finite")


class Output(NamedTuple):
    """An output with its cost: what is computed, each with its looped twin, and what it is for.

    Attributes
    ----------
    apply : ``(Z) -> A``
        The prediction.
    loss : ``(Z, Y) -> (..., 1, m)``
        A value a sample.
    slope : ``(Z, Y) -> (..., n_y, m)``
        The derivative of the loss by the logits: dZ without the scale.
    apply_looped, loss_looped, slope_looped
        The same of one sample, whose logits and targets are lists.
    cost : str
        The name of the loss.
    targets : Targets
    metric : Metric
        What `xpnet.evaluate` returns beside the cost.
    exclusive : bool
        Whether a sample has one of the units: there are two or more, and targets sum to 1.
    """

    apply: Callable[[Array], Array]
    loss: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]
    apply_looped: Callable[[list[float]], list[float]]
    loss_looped: Callable[[list[float], list[float]], float]
    slope_looped: Callable[[list[float], list[float]], list[float]]
    cost: str
    targets: Targets
    metric: Metric
    exclusive: bool = False


def residual(apply: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    """The slope ``A − Y``, of a loss that is the likelihood to which `apply` belongs."""
    return lambda Z, Y: apply(Z) - Y


def residual_looped(
    apply: Callable[[list[float]], list[float]],
) -> Callable[[list[float], list[float]], list[float]]:
    """`residual` of one sample."""
    return lambda z, y: [a - target for a, target in zip(apply(z), y, strict=True)]


def each(f: Callable[..., float]) -> Callable[..., list[float]]:
    """`f` of the entries of one sample."""
    return lambda *lists: [f(*entries) for entries in zip(*lists, strict=True)]


def softmax(Z: Array) -> Array:
    """``eᶻ / Σ eᶻ`` over the outputs of each sample, after subtracting the largest logit."""
    xp = array_namespace(Z)
    E = xp.exp(Z - xp.max(Z, axis=-2, keepdims=True))
    return E / xp.sum(E, axis=-2, keepdims=True)


def softmax_looped(z: list[float]) -> list[float]:
    """`softmax` of one sample."""
    top = max(z)
    powers = [math.exp(logit - top) for logit in z]
    total = sum(powers)
    return [power / total for power in powers]


def exp(Z: Array) -> Array:
    """``eᶻ``; infinite, without a warning, where the dtype ends."""
    xp = array_namespace(Z)
    limits = xp.finfo(Z.dtype)
    # Less than half of a float32's last place here: rounded up, the exponential would overflow.
    limit = math.log(float(limits.max)) - 64.0 * float(limits.eps)
    return xp.where(limit < Z, math.inf, xp.exp(xp.minimum(Z, limit)))


def power(z: float) -> float:
    """``eᶻ``, infinite where Python's would be an OverflowError."""
    return math.inf if z > LARGEST else math.exp(z)


def sigmoid_loss(Z: Array, Y: Array) -> Array:
    """``Σ_outputs log(1 + eᶻ) − y z``; for y = 1 what cancels does so without rounding."""
    xp = array_namespace(Z, Y)
    return xp.sum(xp.maximum(Z, 0.0) - Y * Z + bend(Z), axis=-2, keepdims=True)


def sigmoid_loss_looped(z: list[float], y: list[float]) -> float:
    """`sigmoid_loss` of one sample."""
    loss = 0.0
    for k in range(len(z)):
        loss += max(z[k], 0.0) - y[k] * z[k] + math.log1p(math.exp(-abs(z[k])))
    return loss


def softmax_loss(Z: Array, Y: Array) -> Array:
    """``log Σ eᶻ − Σ y z``, both after subtracting the largest logit."""
    xp = array_namespace(Z, Y)
    Z = Z - xp.max(Z, axis=-2, keepdims=True)
    log_sum = xp.log(xp.sum(xp.exp(Z), axis=-2, keepdims=True))
    return log_sum - xp.sum(Y * Z, axis=-2, keepdims=True)


def softmax_loss_looped(z: list[float], y: list[float]) -> float:
    """`softmax_loss` of one sample."""
    top = max(z)
    total, chosen = 0.0, 0.0
    for k in range(len(z)):
        total += math.exp(z[k] - top)
        chosen += y[k] * (z[k] - top)
    return math.log(total) - chosen


def identity_loss(Z: Array, Y: Array) -> Array:
    """``Σ_outputs (z − y)² / 2``."""
    R = Z - Y
    return 0.5 * array_namespace(Z, Y).sum(R * R, axis=-2, keepdims=True)


def identity_loss_looped(z: list[float], y: list[float]) -> float:
    """`identity_loss` of one sample."""
    loss = 0.0
    for k in range(len(z)):
        r = z[k] - y[k]
        loss += 0.5 * r * r
    return loss


def exp_loss(Z: Array, Y: Array) -> Array:
    """``Σ_outputs y log y − y z − y + eᶻ`` for counts y ≥ 0, with ``0 log 0 = 0``."""
    xp = array_namespace(Z, Y)
    entropy = Y * xp.log(xp.where(Y > 0, Y, 1.0))
    return xp.sum(entropy - Y * Z - Y + exp(Z), axis=-2, keepdims=True)


def exp_loss_looped(z: list[float], y: list[float]) -> float:
    """`exp_loss` of one sample."""
    loss = 0.0
    for k in range(len(z)):
        entropy = y[k] * math.log(y[k]) if y[k] > 0 else 0.0
        loss += entropy - y[k] * z[k] - y[k] + power(z[k])
    return loss


def cut(R: Array) -> Array:
    """R, cut off at ±1."""
    xp = array_namespace(R)
    return xp.maximum(xp.minimum(R, 1.0), -1.0)


def huber_loss(Z: Array, Y: Array) -> Array:
    """``Σ_outputs c (r − c/2)``: with r = z − y and c = r cut off at ±1, both cases in one."""
    R = Z - Y
    C = cut(R)
    return array_namespace(Z, Y).sum(C * (R - 0.5 * C), axis=-2, keepdims=True)


def huber_loss_looped(z: list[float], y: list[float]) -> float:
    """`huber_loss` of one sample."""
    loss = 0.0
    for k in range(len(z)):
        r = abs(z[k] - y[k])
        loss += 0.5 * r * r if r <= 1.0 else r - 0.5
    return loss


def huber_slope(Z: Array, Y: Array) -> Array:
    """``z − y``, cut off at ±1."""
    return cut(Z - Y)


@each
def huber_slope_looped(z: float, y: float) -> float:
    """`huber_slope` of one entry."""
    r = z - y
    return math.copysign(1.0, r) if abs(r) > 1.0 else r


def hinge_loss(Z: Array, Y: Array) -> Array:
    """``Σ_outputs max(0, 1 − s z)`` with s = 2 y − 1."""
    xp = array_namespace(Z, Y)
    return xp.sum(xp.maximum(1.0 - (2.0 * Y - 1.0) * Z, 0.0), axis=-2, keepdims=True)


def hinge_loss_looped(z: list[float], y: list[float]) -> float:
    """`hinge_loss` of one sample."""
    loss = 0.0
    for k in range(len(z)):
        loss += max(1.0 - (2.0 * y[k] - 1.0) * z[k], 0.0)
    return loss


def hinge_slope(Z: Array, Y: Array) -> Array:
    """``−s`` where ``s z < 1``, else 0; a logit that is NaN stays so."""
    xp = array_namespace(Z, Y)
    S = 2.0 * Y - 1.0
    return xp.where(xp.isnan(Z), Z, xp.where(S * Z < 1.0, -S, 0.0))


@each
def hinge_slope_looped(z: float, y: float) -> float:
    """`hinge_slope` of one entry."""
    s = 2.0 * y - 1.0
    return z if math.isnan(z) else -s if s * z < 1.0 else 0.0


OUTPUTS = Named(
    "output",
    {
        "sigmoid": Output(
            apply=sigmoid,
            loss=sigmoid_loss,
            slope=residual(sigmoid),
            apply_looped=each(logistic),
            loss_looped=sigmoid_loss_looped,
            slope_looped=residual_looped(each(logistic)),
            cost="binary cross-entropy",
            targets=SHARES,
            metric=Metric("accuracy", probability_accuracy),
        ),
        "softmax": Output(
            apply=softmax,
            loss=softmax_loss,
            slope=residual(softmax),
            apply_looped=softmax_looped,
            loss_looped=softmax_loss_looped,
            slope_looped=residual_looped(softmax_looped),
            cost="categorical cross-entropy",
            targets=SHARES,
            metric=Metric("accuracy", argmax_accuracy),
            exclusive=True,
        ),
        "identity": Output(
            apply=identity,
            loss=identity_loss,
            slope=residual(identity),
            apply_looped=list,
            loss_looped=identity_loss_looped,
            slope_looped=residual_looped(list),
            cost="half squared error",
            targets=NUMBERS,
            metric=Metric("r2", r2),
        ),
        "exp": Output(
            apply=exp,
            loss=exp_loss,
            slope=residual(exp),
            apply_looped=each(power),
            loss_looped=exp_loss_looped,
            slope_looped=residual_looped(each(power)),
            cost="half Poisson deviance",
            targets=COUNTS,
            metric=Metric("d2", d2),
        ),
        "huber": Output(
            apply=identity,
            loss=huber_loss,
            slope=huber_slope,
            apply_looped=list,
            loss_looped=huber_loss_looped,
            slope_looped=huber_slope_looped,
            cost="Huber's loss",
            targets=NUMBERS,
            metric=Metric("r2", r2),
        ),
        "hinge": Output(
            apply=identity,
            loss=hinge_loss,
            slope=hinge_slope,
            apply_looped=list,
            loss_looped=hinge_loss_looped,
            slope_looped=hinge_slope_looped,
            cost="hinge loss",
            targets=SIDES,
            metric=Metric("accuracy", margin_accuracy),
        ),
    },
)
"""The outputs with their costs, by name. Whatever lists them reads this table."""
