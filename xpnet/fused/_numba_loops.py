"""The loops that numba compiles: each reads its arrays once and writes what `fused/numba.py` needs.

Rows are units, columns samples. What is written to is always an argument whose name begins with
``to_``, or is said to be updated in place. How they come to run as SIMD code:

- ``error_model="numpy"``: a division that may raise would end vectorisation.
- The fastmath flags let sums be reordered; NaN and infinity keep their meaning, so that a
  diverging cost is seen.
- Numbers are cast to the arrays' dtype, or float32 would become float64 in every lane.
- One thread: beside OpenBLAS's spinning threads a second pool made everything slower.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = [
    "adam",
    "adamw",
    "add_scaled",
    "gradient_descent",
    "identity_cost",
    "momentum",
    "multiply_backward",
    "nesterov",
    "piecewise_backward",
    "piecewise_forward",
    "rmsprop",
    "row_sums",
    "sigmoid_cost",
    "softmax_cost",
    "softmax_shift",
]

compiled = njit(
    error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"}, cache=True, nogil=True
)

TINY = 1e-30


@compiled
def piecewise_forward(Z, b, leak, mask):
    """In place: ``z ← z + b``, times `leak` where that is negative, times the mask."""
    n, m = Z.shape
    leak = Z.dtype.type(leak)
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            a = z if z > 0 else leak * z
            Z[i, j] = a if mask is None else a * mask[i, j]


@compiled
def piecewise_backward(dA, A, mask, slope, to_dZ, to_db):
    """``dZ = dA · mask · g'``, db its row sums, for g' a quadratic of a on each side of 0.

    ``slope[0]`` holds the coefficients of 1, a and a² for a > 0, ``slope[1]`` those for the rest.
    """
    n, m = dA.shape
    p0, p1, p2 = slope[0, 0], slope[0, 1], slope[0, 2]
    q0, q1, q2 = slope[1, 0], slope[1, 1], slope[1, 2]
    one = dA.dtype.type(1)
    for i in range(n):
        total = dA.dtype.type(0)
        for j in range(m):
            a, d = A[i, j], dA[i, j]
            if mask is not None:
                keep = mask[i, j]
                d *= keep
                # The derivative is made of the activation as it was before the mask.
                a /= keep if keep > 0 else one
            d *= p0 + a * (p1 + a * p2) if a > 0 else q0 + a * (q1 + a * q2)
            to_dZ[i, j] = d
            total += d
        to_db[i, 0] = total


@compiled
def multiply_backward(dA, slope, mask, to_dZ, to_db):
    """``dZ = dA · mask · slope``, db its row sums."""
    n, m = dA.shape
    for i in range(n):
        total = dA.dtype.type(0)
        for j in range(m):
            d = dA[i, j] * slope[i, j]
            if mask is not None:
                d *= mask[i, j]
            to_dZ[i, j] = d
            total += d
        to_db[i, 0] = total


@compiled
def row_sums(dZ, to_db):
    """``db = Σ_columns dZ``."""
    n, m = dZ.shape
    for i in range(n):
        total = dZ.dtype.type(0)
        for j in range(m):
            total += dZ[i, j]
        to_db[i, 0] = total


@compiled
def softmax_shift(Z, Y, scale, weight, to_E):
    """E = Z less each column's largest logit; returns ``Σ scale · y · e``."""
    n, m = Z.shape
    top = Z[0].copy()
    for i in range(1, n):
        for j in range(m):
            top[j] = max(top[j], Z[i, j])
    chosen = 0.0
    for i in range(n):
        for j in range(m):
            e = Z[i, j] - top[j]
            to_E[i, j] = e
            chosen += Y[i, j] * e * (scale if weight is None else weight[0, j])
    return chosen


@compiled
def softmax_cost(E, Y, scale, weight, chosen):
    """In place: E, exponentials of shifted logits, becomes dZ; returns J."""
    n, m = E.shape
    total = np.zeros(m, E.dtype)
    for i in range(n):
        for j in range(m):
            total[j] += E[i, j]
    J = -chosen
    for j in range(m):
        J += math.log(total[j]) * (scale if weight is None else weight[0, j])
        total[j] = E.dtype.type(1) / total[j]
    shared = E.dtype.type(scale)
    for i in range(n):
        for j in range(m):
            E[i, j] = (E[i, j] * total[j] - Y[i, j]) * (shared if weight is None else weight[0, j])
    return J


@compiled
def sigmoid_cost(Z, Y, scale, weight, to_dZ):
    """dZ of sigmoid with binary cross-entropy, from ``e = exp(−|z|)``; returns J."""
    n, m = Z.shape
    shared, one = Z.dtype.type(scale), Z.dtype.type(1)
    J = 0.0
    for i in range(n):
        for j in range(m):
            z, y = Z[i, j], Y[i, j]
            s = shared if weight is None else weight[0, j]
            e = math.exp(-abs(z))
            a = (one if z > 0 else e) / (one + e)
            J += (max(z, Z.dtype.type(0)) - y * z + math.log1p(e)) * s
            to_dZ[i, j] = (a - y) * s
    return J


@compiled
def identity_cost(Z, Y, scale, weight, to_dZ):
    """dZ of half the squared error; returns J."""
    n, m = Z.shape
    shared = Z.dtype.type(scale)
    J = 0.0
    for i in range(n):
        for j in range(m):
            r = Z[i, j] - Y[i, j]
            d = r * (shared if weight is None else weight[0, j])
            J += 0.5 * r * d
            to_dZ[i, j] = d
    return J


@compiled
def add_scaled(W, factor, to_dW):
    """In place: ``dW ← dW + factor · W``."""
    n, m = W.shape
    factor = W.dtype.type(factor)
    for i in range(n):
        for j in range(m):
            to_dW[i, j] += factor * W[i, j]


# The optimisers' steps. `rates` holds one learning rate, or one for each network of a stack,
# whose parameters follow one another in memory: rows of `members`. What is remembered is updated
# in place; what of it has decayed to nothing is set to 0, for denormal numbers are thirty times
# slower. The inner loops run from 0, or indices that might be negative would end vectorisation.


@compiled
def members(tensor, rates):
    """The tensor with a row for each learning rate."""
    return tensor.ravel().reshape((rates.size, tensor.size // rates.size))


@compiled
def gradient_descent(theta, g, rates, to_theta):
    t, g, new = members(theta, rates), members(g, rates), members(to_theta, rates)
    for k in range(rates.size):
        rate = theta.dtype.type(rates[k])
        for i in range(t.shape[1]):
            new[k, i] = t[k, i] - rate * g[k, i]


@compiled
def momentum(theta, g, v, rates, mu, to_theta):
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
def nesterov(theta, g, v, rates, mu, to_theta):
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
def rmsprop(theta, g, s, rates, rho, eps, to_theta):
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
def adam(theta, g, m, v, rates, beta1, beta2, eps, to_theta):
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
def adamw(theta, g, m, v, rates, beta1, beta2, eps, decay, c1, c2, to_theta):
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
