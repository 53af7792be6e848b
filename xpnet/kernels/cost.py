"""The four outputs: what the network predicts from its last logits, what that costs, and dZ.

======== ===================== ============================================== ============
output   prediction A          loss of one sample, summed over outputs        dZ per sample
======== ===================== ============================================== ============
sigmoid  σ(z)                  log(1 + eᶻ) − y z      (binary cross-entropy)  A − Y
softmax  eᶻ / Σ eᶻ             log Σ eᶻ − Σ y z       (cross-entropy, Σy = 1) A − Y
identity z                     (z − y)² / 2           (half squared error)    A − Y
exp      eᶻ                    y log y − y z − y + eᶻ (half Poisson deviance) A − Y
======== ===================== ============================================== ============

========= ======================= ========================================================
argument  shape                   meaning
========= ======================= ========================================================
Z, Y, dZ  (..., n_y, m)           logits, targets, derivative of J by the logits
scale     float, or (..., 1, m)   1/m, or each sample's weight over the sum of weights
J         (...)                   Σ_samples scale · loss
========= ======================= ========================================================

All of it is computed from the logits, never from a rounded A: nothing overflows or turns NaN
for |z| ≤ 1e4 in float32. `exp` alone must grow; beyond the dtype's range it is infinite, quietly.
Each output's ``cost_backward`` returns ``(J, scale · (A − Y))``, so that one pass can serve both.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.kernels._check import check_costed
from xpnet.kernels._looped import entry_by_entry, from_rows, of_one_network, read
from xpnet.kernels._named import Named
from xpnet.kernels._piecewise import identity, identity_looped
from xpnet.kernels._smooth import bend, sigmoid, sigmoid_looped
from xpnet.types import Array

__all__ = [
    "OUTPUTS",
    "Output",
    "output_activation",
    "output_activation_looped",
    "output_cost",
    "output_cost_backward",
    "output_cost_backward_looped",
    "output_cost_looped",
]


LARGEST = math.log(sys.float_info.max)


class Output(NamedTuple):
    """An output's prediction ``apply(Z) -> A``, and its loss: a value a sample, ``(..., 1, m)``."""

    apply: Callable[[Array], Array]
    loss: Callable[[Array, Array], Array]


def softmax(Z: Array) -> Array:
    """``eᶻ / Σ eᶻ`` over the outputs of each sample, after subtracting the largest logit."""
    xp = array_namespace(Z)
    E = xp.exp(Z - xp.max(Z, axis=-2, keepdims=True))
    return E / xp.sum(E, axis=-2, keepdims=True)


def softmax_looped(Z: Array) -> Array:
    """`softmax`, sample by sample."""
    n, m = of_one_network(Z)
    columns = []
    for j in range(m):
        top = max(float(Z[i, j]) for i in range(n))
        powers = [math.exp(float(Z[i, j]) - top) for i in range(n)]
        total = sum(powers)
        columns.append([p / total for p in powers])
    return from_rows([[column[i] for column in columns] for i in range(n)], Z)


def exp(Z: Array) -> Array:
    """``eᶻ``; infinite, without a warning, where the dtype ends."""
    xp = array_namespace(Z)
    limits = xp.finfo(Z.dtype)
    # Less than half of a float32's last place here: rounded up, the exponential would overflow.
    limit = math.log(float(limits.max)) - 64.0 * float(limits.eps)
    return xp.where(limit < Z, math.inf, xp.exp(xp.minimum(Z, limit)))


@entry_by_entry
def exp_looped(z: float) -> float:
    """``eᶻ``."""
    return power(z)


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


OUTPUTS = Named(
    "output",
    {
        "sigmoid": Output(sigmoid, sigmoid_loss),
        "softmax": Output(softmax, softmax_loss),
        "identity": Output(identity, identity_loss),
        "exp": Output(exp, exp_loss),
    },
)

LOOPED_OUTPUTS = Named(
    "output",
    {
        "sigmoid": Output(sigmoid_looped, sigmoid_loss_looped),
        "softmax": Output(softmax_looped, softmax_loss_looped),
        "identity": Output(identity_looped, identity_loss_looped),
        "exp": Output(exp_looped, exp_loss_looped),
    },
)


def output_activation(output: str, Z: Array) -> Array:
    """The prediction A from the last logits."""
    return OUTPUTS[output].apply(Z)


def output_activation_looped(output: str, Z: Array) -> Array:
    """`output_activation` by loops over scalars."""
    return LOOPED_OUTPUTS[output].apply(Z)


def output_cost(output: str, Z: Array, Y: Array, scale: float | Array) -> Array:
    """``J = Σ_samples scale · loss``."""
    check_costed(Z, Y)
    losses = OUTPUTS[output].loss(Z, Y) * scale
    return array_namespace(losses).sum(losses, axis=(-2, -1))


def output_cost_looped(output: str, Z: Array, Y: Array, scale: float | Array) -> Array:
    """`output_cost`, sample by sample."""
    check_costed(Z, Y)
    loss = LOOPED_OUTPUTS[output].loss
    n, m = of_one_network(Z)
    J = 0.0
    for j in range(m):
        z = [float(Z[i, j]) for i in range(n)]
        y = [float(Y[i, j]) for i in range(n)]
        J += read(scale, j) * loss(z, y)
    return from_rows(J, Z)


def output_cost_backward(
    output: str, Z: Array, Y: Array, scale: float | Array
) -> tuple[Array, Array]:
    """J, and ``dZ = scale · (A − Y)``."""
    return output_cost(output, Z, Y, scale), (OUTPUTS[output].apply(Z) - Y) * scale


def output_cost_backward_looped(
    output: str, Z: Array, Y: Array, scale: float | Array
) -> tuple[Array, Array]:
    """`output_cost_backward` by loops over scalars."""
    J = output_cost_looped(output, Z, Y, scale)
    A = LOOPED_OUTPUTS[output].apply(Z)
    n, m = of_one_network(Z)
    rows = [
        [read(scale, j) * (float(A[i, j]) - float(Y[i, j])) for j in range(m)] for i in range(n)
    ]
    return J, from_rows(rows, Z)
