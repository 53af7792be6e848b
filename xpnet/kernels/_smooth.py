"""Activations with one smooth formula for every z; see `xpnet.kernels.activations`."""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from xpnet.kernels._looped import entry_by_entry
from xpnet.types import Array

GELU_SCALE = math.sqrt(2.0 / math.pi)
GELU_CUBIC = 0.044715


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


def gelu(Z: Array) -> Array:
    U = GELU_SCALE * (Z + GELU_CUBIC * Z * Z * Z)
    return 0.5 * Z * (1.0 + array_namespace(Z).tanh(U))


def gelu_derivative(Z: Array, A: Array) -> Array:
    """``(1 + t)/2 + z/2 (1 − t²) u'``; ``t = tanh u``, ``u' = √(2/π) (1 + 3·0.044715 z²)``."""
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
