"""Activations ``A = g(Z)`` and their derivatives ``g'(Z)``, entry by entry.

========== ============================== ============================ =============
name       g(z)                           g'(z)                        determined by
========== ============================== ============================ =============
identity   z                              1                            a
sigmoid    (1 + tanh(z/2)) / 2            a (1 − a)                    a
tanh       tanh z                         1 − a²                       a
relu       max(0, z)                      1 if a > 0, else 0           a
leaky_relu z if z > 0, else 0.01 z        1 if a > 0, else 0.01        a
elu        z if z > 0, else eᶻ − 1        1 if a > 0, else a + 1       a
gelu       z/2 (1 + tanh u)               see `gelu_derivative`        z
silu       z σ(z)                         σ(z) (1 + z (1 − σ(z)))      z
softplus   log(1 + eᶻ)                    1 − e⁻ᵃ                      a
========== ============================== ============================ =============

Every function takes and returns arrays of any shape ``(..., n, m)``; every derivative has the
signature ``(Z, A)``, and Z may be None where A determines it. The looped twin below each function
takes ``(n, m)``.

References: leaky_relu, Maas et al. 2013; elu, Clevert et al. 2016; gelu (tanh form) and silu,
Hendrycks & Gimpel 2016.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.kernels._looped import entry_by_entry
from xpnet.types import Array

__all__ = ["ACTIVATIONS", "LOOPED_ACTIVATIONS", "Activation"]

LEAK = 0.01
GELU_SCALE = math.sqrt(2.0 / math.pi)
GELU_CUBIC = 0.044715


class Activation(NamedTuple):
    """A function and its derivative: ``apply(Z) -> A``, ``derivative(Z, A) -> g'(Z)``."""

    apply: Callable[[Array], Array]
    derivative: Callable[[Array | None, Array], Array]


def identity(Z: Array) -> Array:
    return Z


def identity_derivative(Z: Array | None, A: Array) -> Array:
    return array_namespace(A).ones_like(A)


@entry_by_entry
def identity_looped(z: float) -> float:
    return z


@entry_by_entry
def identity_derivative_looped(z: float, a: float) -> float:
    return 1.0


def sigmoid(Z: Array) -> Array:
    return 0.5 * (1.0 + array_namespace(Z).tanh(0.5 * Z))


def sigmoid_derivative(Z: Array | None, A: Array) -> Array:
    return A * (1.0 - A)


@entry_by_entry
def sigmoid_looped(z: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * z))


@entry_by_entry
def sigmoid_derivative_looped(z: float, a: float) -> float:
    return a * (1.0 - a)


def tanh(Z: Array) -> Array:
    return array_namespace(Z).tanh(Z)


def tanh_derivative(Z: Array | None, A: Array) -> Array:
    return 1.0 - A * A


@entry_by_entry
def tanh_looped(z: float) -> float:
    return math.tanh(z)


@entry_by_entry
def tanh_derivative_looped(z: float, a: float) -> float:
    return 1.0 - a * a


def relu(Z: Array) -> Array:
    return array_namespace(Z).maximum(Z, 0.0)


def relu_derivative(Z: Array | None, A: Array) -> Array:
    return array_namespace(A).astype(A > 0, A.dtype)


@entry_by_entry
def relu_looped(z: float) -> float:
    return z if z > 0 else 0.0


@entry_by_entry
def relu_derivative_looped(z: float, a: float) -> float:
    return 1.0 if a > 0 else 0.0


def leaky_relu(Z: Array) -> Array:
    return array_namespace(Z).maximum(Z, LEAK * Z)


def leaky_relu_derivative(Z: Array | None, A: Array) -> Array:
    xp = array_namespace(A)
    return xp.where(A > 0, xp.ones_like(A), LEAK)


@entry_by_entry
def leaky_relu_looped(z: float) -> float:
    return z if z > 0 else LEAK * z


@entry_by_entry
def leaky_relu_derivative_looped(z: float, a: float) -> float:
    return 1.0 if a > 0 else LEAK


def elu(Z: Array) -> Array:
    xp = array_namespace(Z)
    # The branch that `where` throws away is computed too: cut it off before it overflows.
    return xp.where(Z > 0, Z, xp.expm1(xp.minimum(Z, 0.0)))


def elu_derivative(Z: Array | None, A: Array) -> Array:
    return array_namespace(A).minimum(A, 0.0) + 1.0


@entry_by_entry
def elu_looped(z: float) -> float:
    return z if z > 0 else math.expm1(z)


@entry_by_entry
def elu_derivative_looped(z: float, a: float) -> float:
    return 1.0 if a > 0 else a + 1.0


def gelu(Z: Array) -> Array:
    U = GELU_SCALE * (Z + GELU_CUBIC * Z * Z * Z)
    return 0.5 * Z * (1.0 + array_namespace(Z).tanh(U))


def gelu_derivative(Z: Array, A: Array) -> Array:
    """``(1 + t)/2 + z/2 (1 − t²) u'`` with ``t = tanh u`` and ``u' = √(2/π) (1 + 3·0.044715 z²)``."""
    square = Z * Z
    T = array_namespace(Z).tanh(GELU_SCALE * Z * (1.0 + GELU_CUBIC * square))
    slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * square)
    return 0.5 * (1.0 + T) + 0.5 * Z * (1.0 - T * T) * slope


@entry_by_entry
def gelu_looped(z: float) -> float:
    return 0.5 * z * (1.0 + math.tanh(GELU_SCALE * (z + GELU_CUBIC * z**3)))


@entry_by_entry
def gelu_derivative_looped(z: float, a: float) -> float:
    t = math.tanh(GELU_SCALE * (z + GELU_CUBIC * z**3))
    slope = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * z**2)
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * slope


def silu(Z: Array) -> Array:
    return Z * sigmoid(Z)


def silu_derivative(Z: Array, A: Array) -> Array:
    S = sigmoid(Z)
    return S * (1.0 + Z * (1.0 - S))


@entry_by_entry
def silu_looped(z: float) -> float:
    return z * 0.5 * (1.0 + math.tanh(0.5 * z))


@entry_by_entry
def silu_derivative_looped(z: float, a: float) -> float:
    s = 0.5 * (1.0 + math.tanh(0.5 * z))
    return s * (1.0 + z * (1.0 - s))


def softplus(Z: Array) -> Array:
    return array_namespace(Z).logaddexp(Z, 0.0)


def softplus_derivative(Z: Array | None, A: Array) -> Array:
    return -array_namespace(A).expm1(-A)


@entry_by_entry
def softplus_looped(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


@entry_by_entry
def softplus_derivative_looped(z: float, a: float) -> float:
    return -math.expm1(-a)


ACTIVATIONS = {
    "identity": Activation(identity, identity_derivative),
    "sigmoid": Activation(sigmoid, sigmoid_derivative),
    "tanh": Activation(tanh, tanh_derivative),
    "relu": Activation(relu, relu_derivative),
    "leaky_relu": Activation(leaky_relu, leaky_relu_derivative),
    "elu": Activation(elu, elu_derivative),
    "gelu": Activation(gelu, gelu_derivative),
    "silu": Activation(silu, silu_derivative),
    "softplus": Activation(softplus, softplus_derivative),
}

LOOPED_ACTIVATIONS = {
    "identity": Activation(identity_looped, identity_derivative_looped),
    "sigmoid": Activation(sigmoid_looped, sigmoid_derivative_looped),
    "tanh": Activation(tanh_looped, tanh_derivative_looped),
    "relu": Activation(relu_looped, relu_derivative_looped),
    "leaky_relu": Activation(leaky_relu_looped, leaky_relu_derivative_looped),
    "elu": Activation(elu_looped, elu_derivative_looped),
    "gelu": Activation(gelu_looped, gelu_derivative_looped),
    "silu": Activation(silu_looped, silu_derivative_looped),
    "softplus": Activation(softplus_looped, softplus_derivative_looped),
}
