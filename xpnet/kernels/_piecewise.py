"""Activations with a different formula on each side of 0; see `xpnet.kernels.activations`."""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from xpnet.kernels._looped import entry_by_entry
from xpnet.types import Array

LEAK = 0.01


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
