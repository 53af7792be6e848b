"""Activations ``A = g(Z)`` and their derivatives ``g'(Z)``, entry by entry.

========== ============================== ============================ =============
name       g(z)                           g'(z)                        determined by
========== ============================== ============================ =============
identity   z                              1                            a
relu       max(0, z)                      1 if a > 0, else 0           a
leaky_relu z if z > 0, else 0.01 z        1 if a > 0, else 0.01        a
elu        z if z > 0, else eᶻ − 1        1 if a > 0, else a + 1       a
sigmoid    eᶻ / (1 + eᶻ)                  a (1 − a)                    a
tanh       tanh z                         1 − a²                       a
gelu       z/2 (1 + tanh u) = z σ(2u)     see `gelu_derivative`        z
silu       z σ(z)                         σ(z) (1 + z σ(−z))           z
softplus   log(1 + eᶻ)                    1 − e⁻ᵃ                      a
hard_swish z min(max(z + 3, 0), 6) / 6    z/3 + 1/2 for −3 < z ≤ 3     z
mish       z tanh(log(1 + eᶻ))            see `mish_derivative`        z
========== ============================== ============================ =============

Every function takes and returns arrays of any shape ``(..., n, m)``; every derivative has the
signature ``(Z, A)``, and Z may be None where A determines it. At a kink it is the slope to the
left. Each stands beside its looped twin, which takes ``(n, m)``.

References: leaky_relu, Maas et al. 2013; elu, Clevert et al. 2016; gelu (tanh form) and silu,
Hendrycks & Gimpel 2016; hard_swish, Howard et al. 2019; mish, Misra 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from array_api_compat import array_namespace

from xpnet.kernels._looped import entry_by_entry
from xpnet.kernels._named import Named
from xpnet.types import Array

LEAK = 0.01

MOST = 50.0
"""From here on ``eᶻ / (1 + eᶻ)`` is 1 in every dtype, and eᶻ far from overflow."""

GELU_LINEAR = 2.0 * math.sqrt(2.0 / math.pi)
GELU_CUBIC = 0.044715 * GELU_LINEAR
GELU_LEAST, GELU_MOST = -22.0, 8.0
"""Below and above, gelu is 0 and z in every dtype; z³ might overflow."""

MISH_MOST = 24.0
"""From here on mish is z in every dtype, and n far from overflow."""


class Activation(NamedTuple):
    """A function and its derivative, each with its looped twin.

    Attributes
    ----------
    apply, apply_looped : ``(Z) -> A``
    derivative, derivative_looped : ``(Z, A) -> g'(Z)``
    needs_Z : bool
        Whether the derivative needs Z; otherwise a kernel may leave Z out.
    bends : tuple of float
        Where the formula changes, and the derivative may jump.
    """

    apply: Callable[[Array], Array]
    derivative: Callable[[Array | None, Array], Array]
    apply_looped: Callable[[Array], Array]
    derivative_looped: Callable[[Array | None, Array], Array]
    needs_Z: bool = False
    bends: tuple[float, ...] = ()


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


def relu(Z: Array) -> Array:
    return array_namespace(Z).maximum(Z, 0.0)


def relu_derivative(Z: Array | None, A: Array) -> Array:
    return array_namespace(A).astype(A > 0, A.dtype)


@entry_by_entry
def relu_looped(z: float) -> float:
    return max(z, 0.0)


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
    # The branch that `where` throws away is computed too: cut it off before it overflows, and by
    # `where`, as autograd halves the slope of `minimum` at 0.
    return xp.where(Z > 0, Z, xp.expm1(xp.where(Z > 0, 0.0, Z)))


def elu_derivative(Z: Array | None, A: Array) -> Array:
    return array_namespace(A).minimum(A, 0.0) + 1.0


@entry_by_entry
def elu_looped(z: float) -> float:
    return z if z > 0 else math.expm1(z)


@entry_by_entry
def elu_derivative_looped(z: float, a: float) -> float:
    return 1.0 if a > 0 else a + 1.0


def sigmoid(Z: Array) -> Array:
    xp = array_namespace(Z)
    E = xp.exp(xp.minimum(Z, MOST))
    return E / (1.0 + E)


def sigmoid_derivative(Z: Array | None, A: Array) -> Array:
    return A * (1.0 - A)


def logistic(z: float) -> float:
    e = math.exp(min(z, MOST))
    return e / (1.0 + e)


@entry_by_entry
def sigmoid_looped(z: float) -> float:
    return logistic(z)


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


def gelu(Z: Array) -> Array:
    """``z σ(2u)``, as ``(1 + tanh u) / 2 = σ(2u)``; ``2u = 2 √(2/π) (z + 0.044715 z³)``."""
    xp = array_namespace(Z)
    Z = xp.maximum(Z, GELU_LEAST)
    V = xp.minimum(Z, GELU_MOST)
    E = xp.exp(V * (GELU_LINEAR + GELU_CUBIC * V * V))
    return Z * (E / (1.0 + E))


def gelu_derivative(Z: Array, A: Array) -> Array:
    """``σ(2u) (1 + z (2u)' σ(−2u))``."""
    xp = array_namespace(Z)
    V = xp.minimum(xp.maximum(Z, GELU_LEAST), GELU_MOST)
    C = GELU_CUBIC * V * V
    E = xp.exp(V * (GELU_LINEAR + C))
    D = 1.0 + E
    return E / D * (1.0 + V * (GELU_LINEAR + 3.0 * C) / D)


@entry_by_entry
def gelu_looped(z: float) -> float:
    z = max(z, GELU_LEAST)
    v = min(z, GELU_MOST)
    e = math.exp(v * (GELU_LINEAR + GELU_CUBIC * v * v))
    return z * (e / (1.0 + e))


@entry_by_entry
def gelu_derivative_looped(z: float, a: float) -> float:
    v = min(max(z, GELU_LEAST), GELU_MOST)
    c = GELU_CUBIC * v * v
    e = math.exp(v * (GELU_LINEAR + c))
    d = 1.0 + e
    return e / d * (1.0 + v * (GELU_LINEAR + 3.0 * c) / d)


def silu(Z: Array) -> Array:
    return Z * sigmoid(Z)


def silu_derivative(Z: Array, A: Array) -> Array:
    """``σ(z) (1 + z σ(−z))``."""
    xp = array_namespace(Z)
    V = xp.minimum(Z, MOST)
    E = xp.exp(V)
    D = 1.0 + E
    return E / D * (1.0 + V / D)


@entry_by_entry
def silu_looped(z: float) -> float:
    return z * logistic(z)


@entry_by_entry
def silu_derivative_looped(z: float, a: float) -> float:
    v = min(z, MOST)
    e = math.exp(v)
    return e / (1.0 + e) * (1.0 + v / (1.0 + e))


def softplus(Z: Array) -> Array:
    """``max(z, 0) + log(1 + e^−|z|)``."""
    return array_namespace(Z).maximum(Z, 0.0) + bend(Z)


def bend(Z: Array) -> Array:
    """``log(1 + e^−|z|)``, by which softplus is above relu."""
    xp = array_namespace(Z)
    return xp.log1p(xp.exp(-xp.abs(Z)))


def softplus_derivative(Z: Array | None, A: Array) -> Array:
    return -array_namespace(A).expm1(-A)


@entry_by_entry
def softplus_looped(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


@entry_by_entry
def softplus_derivative_looped(z: float, a: float) -> float:
    return -math.expm1(-a)


def hard_swish(Z: Array) -> Array:
    """``z min(max(z + 3, 0), 6) / 6``."""
    xp = array_namespace(Z)
    return Z * (xp.minimum(xp.maximum(Z + 3.0, 0.0), 6.0) / 6.0)


def hard_swish_derivative(Z: Array, A: Array) -> Array:
    """``z/3 + 1/2`` between −3 and 3, 0 below and 1 above."""
    xp = array_namespace(Z)
    return xp.where(Z <= -3.0, 0.0, xp.where(Z > 3.0, 1.0, Z / 3.0 + 0.5))


@entry_by_entry
def hard_swish_looped(z: float) -> float:
    return z * (min(max(z + 3.0, 0.0), 6.0) / 6.0)


@entry_by_entry
def hard_swish_derivative_looped(z: float, a: float) -> float:
    if z <= -3.0:
        return 0.0
    return 1.0 if z > 3.0 else z / 3.0 + 0.5


def mish(Z: Array) -> Array:
    """``z tanh(log(1 + eᶻ))``, as ``z n / (n + 2)`` with ``n = eᶻ (eᶻ + 2)``."""
    xp = array_namespace(Z)
    E = xp.exp(xp.minimum(Z, MISH_MOST))
    N = E * (E + 2.0)
    return Z * (N / (N + 2.0))


def mish_derivative(Z: Array, A: Array) -> Array:
    """``n / (n + 2) + 4 z eᶻ (eᶻ + 1) / (n + 2)²``."""
    xp = array_namespace(Z)
    V = xp.minimum(Z, MISH_MOST)
    E = xp.exp(V)
    N = E * (E + 2.0)
    D = N + 2.0
    return N / D + V * (4.0 * E / D) * ((E + 1.0) / D)


@entry_by_entry
def mish_looped(z: float) -> float:
    e = math.exp(min(z, MISH_MOST))
    n = e * (e + 2.0)
    return z * (n / (n + 2.0))


@entry_by_entry
def mish_derivative_looped(z: float, a: float) -> float:
    v = min(z, MISH_MOST)
    e = math.exp(v)
    n = e * (e + 2.0)
    d = n + 2.0
    return n / d + v * (4.0 * e / d) * ((e + 1.0) / d)


ACTIVATIONS = Named(
    "activation",
    {
        "identity": Activation(
            identity, identity_derivative, identity_looped, identity_derivative_looped
        ),
        "relu": Activation(
            relu, relu_derivative, relu_looped, relu_derivative_looped, bends=(0.0,)
        ),
        "leaky_relu": Activation(
            leaky_relu,
            leaky_relu_derivative,
            leaky_relu_looped,
            leaky_relu_derivative_looped,
            bends=(0.0,),
        ),
        "elu": Activation(elu, elu_derivative, elu_looped, elu_derivative_looped, bends=(0.0,)),
        "sigmoid": Activation(
            sigmoid, sigmoid_derivative, sigmoid_looped, sigmoid_derivative_looped
        ),
        "tanh": Activation(tanh, tanh_derivative, tanh_looped, tanh_derivative_looped),
        "gelu": Activation(
            gelu, gelu_derivative, gelu_looped, gelu_derivative_looped, needs_Z=True
        ),
        "silu": Activation(
            silu, silu_derivative, silu_looped, silu_derivative_looped, needs_Z=True
        ),
        "softplus": Activation(
            softplus, softplus_derivative, softplus_looped, softplus_derivative_looped
        ),
        "hard_swish": Activation(
            hard_swish,
            hard_swish_derivative,
            hard_swish_looped,
            hard_swish_derivative_looped,
            needs_Z=True,
            bends=(-3.0, 3.0),
        ),
        "mish": Activation(
            mish, mish_derivative, mish_looped, mish_derivative_looped, needs_Z=True
        ),
    },
)
"""The activations, by name. Whatever lists them reads this table."""
