"""The optimisers' steps as loops that numba compiles: one pass over a tensor and its memory.

`rates` holds one learning rate, or one for each network of a stack, whose parameters follow one
another in memory: rows of `members`. What is remembered is updated in place; what of it has decayed
to nothing is set to 0, for denormal numbers are thirty times slower. The inner loops run from 0, or
indices that might be negative would end vectorisation.
"""

from __future__ import annotations

import numpy as np

from xpnet.fused._numba_compiled import compiled
from xpnet.types import Array

__all__ = ["adam", "adamw", "momentum", "nesterov", "rmsprop", "sgd"]

TINY = 1e-30


@compiled
def members(tensor: Array, rates: Array) -> Array:
    """The tensor with a row for each learning rate."""
    return tensor.ravel().reshape((rates.size, tensor.size // rates.size))


@compiled
def sgd(theta: Array, g: Array, rates: Array, to_theta: Array) -> None:
    t, g, new = members(theta, rates), members(g, rates), members(to_theta, rates)
    for k in range(rates.size):
        rate = theta.dtype.type(rates[k])
        for i in range(t.shape[1]):
            new[k, i] = t[k, i] - rate * g[k, i]


@compiled
def momentum(theta: Array, g: Array, v: Array, rates: Array, mu: float, to_theta: Array) -> None:
    t, g, v = members(theta, rates), members(g, rates), members(v, rates)
    new = members(to_theta, rates)
    number = theta.dtype.type
    mu, tiny, zero = number(mu), number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = mu * v[k, i] - rate * g[k, i]
            x = zero if abs(x) < tiny else x
            v[k, i] = x
            new[k, i] = t[k, i] + x


@compiled
def nesterov(theta: Array, g: Array, v: Array, rates: Array, mu: float, to_theta: Array) -> None:
    t, g, v = members(theta, rates), members(g, rates), members(v, rates)
    new = members(to_theta, rates)
    number = theta.dtype.type
    mu, tiny, zero = number(mu), number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = mu * v[k, i] - rate * g[k, i]
            x = zero if abs(x) < tiny else x
            v[k, i] = x
            new[k, i] = t[k, i] + (mu * x - rate * g[k, i])


@compiled
def rmsprop(
    theta: Array, g: Array, s: Array, rates: Array, rho: float, eps: float, to_theta: Array
) -> None:
    t, g, s = members(theta, rates), members(g, rates), members(s, rates)
    new = members(to_theta, rates)
    number = theta.dtype.type
    fresh, rho, eps = number(1.0 - rho), number(rho), number(eps)
    tiny, zero = number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = rho * s[k, i] + fresh * g[k, i] * g[k, i]
            x = zero if x < tiny else x
            s[k, i] = x
            new[k, i] = t[k, i] - rate * g[k, i] / (np.sqrt(x) + eps)


@compiled
def adam(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    rates: Array,
    beta1: float,
    beta2: float,
    eps: float,
    to_theta: Array,
) -> None:
    t, g, m = members(theta, rates), members(g, rates), members(m, rates)
    v, new = members(v, rates), members(to_theta, rates)
    number = theta.dtype.type
    fresh1, fresh2 = number(1.0 - beta1), number(1.0 - beta2)
    beta1, beta2, eps = number(beta1), number(beta2), number(eps)
    tiny, zero = number(TINY), number(0)
    for k in range(rates.size):
        rate = number(rates[k])
        for i in range(t.shape[1]):
            x = beta1 * m[k, i] + fresh1 * g[k, i]
            y = beta2 * v[k, i] + fresh2 * g[k, i] * g[k, i]
            x = zero if abs(x) < tiny else x
            y = zero if y < tiny else y
            m[k, i] = x
            v[k, i] = y
            new[k, i] = t[k, i] - rate * x / (np.sqrt(y) + eps)


@compiled
def adamw(
    theta: Array,
    g: Array,
    m: Array,
    v: Array,
    rates: Array,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    c1: float,
    c2: float,
    to_theta: Array,
) -> None:
    t, g, m = members(theta, rates), members(g, rates), members(m, rates)
    v, new = members(v, rates), members(to_theta, rates)
    number = theta.dtype.type
    fresh1, fresh2 = number(1.0 - beta1), number(1.0 - beta2)
    beta1, beta2, eps = number(beta1), number(beta2), number(eps)
    c2, tiny, zero = number(1.0 / c2), number(TINY), number(0)
    for k in range(rates.size):
        kept, rate = number(1.0 - rates[k] * decay), number(rates[k] / c1)
        for i in range(t.shape[1]):
            x = beta1 * m[k, i] + fresh1 * g[k, i]
            y = beta2 * v[k, i] + fresh2 * g[k, i] * g[k, i]
            x = zero if abs(x) < tiny else x
            y = zero if y < tiny else y
            m[k, i] = x
            v[k, i] = y
            new[k, i] = kept * t[k, i] - rate * x / (np.sqrt(y * c2) + eps)
