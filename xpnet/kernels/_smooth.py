"""Activations with one smooth formula for every z; see `xpnet.kernels.activations`."""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from xpnet.kernels._looped import entry_by_entry
from xpnet.types import Array

MOST = 50.0
"""From here on ``eᶻ / (1 + eᶻ)`` is 1 in every dtype, and eᶻ far from overflow."""

GELU_LINEAR = 2.0 * math.sqrt(2.0 / math.pi)
GELU_CUBIC = 0.044715 * GELU_LINEAR
GELU_LEAST, GELU_MOST = -22.0, 8.0
"""Below and above, gelu is 0 and z in every dtype; z³ might overflow."""


def sigmoid(Z: Array) -> Array:
    xp = array_namespace(Z)
    E = xp.exp(xp.minimum(Z, MOST))
    return E / (1.0 + E)


def sigmoid_derivative(Z: Array | None, A: Array) -> Array:
    return A * (1.0 - A)


@entry_by_entry
def sigmoid_looped(z: float) -> float:
    e = math.exp(min(z, MOST))
    return e / (1.0 + e)


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
    e = math.exp(min(z, MOST))
    return z * (e / (1.0 + e))


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
