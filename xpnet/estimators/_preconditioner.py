"""The inverse of logistic regression's Hessian where every class is as likely as any other.

With x̃ a sample's distance from the mean μ, and c the share ``1/K`` of K classes (1/4 for the one
sigmoid of two), the Hessian there is the same for every row of W::

    H = c (1/S) Σ s x̃ x̃ᵀ + (λ/S) I        for W
    h = c                                 for the bias at the mean, b + W μ

At W = 0, where training starts, this is exact; further on it still knows how the features are
scaled and correlated, which L-BFGS would need many steps to find out.

The variances in it are those of all samples. The correlations R are those of some, drawn towards
none, ``(1 − ε) R + ε I``, so that a feature that these samples hardly show does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.estimators._rows import blocks, columns_between
from xpnet.estimators._samples import Samples
from xpnet.types import Array, Dense, Params

__all__ = ["is_worthwhile", "preconditioner"]

SHRINKAGE = 0.02  # ε
FEWEST_ROWS, ROWS_A_FEATURE = 8192, 8
BLOCK = 1024
ROUNDING = 32.0  # units in the last place

EVALUATIONS = 10.0
"""What the inverse may cost, in evaluations of the loss: it saves several times as many."""


def is_worthwhile(samples: Samples) -> bool:
    """Whether the inverse, of about ``n³`` products, is cheap beside ``m n K`` an evaluation."""
    n = samples.X.shape[1]
    return bool(n * n <= EVALUATIONS * samples.m * samples.Y.shape[1])


def preconditioner(
    samples: Samples, l2: float, *, share: float, centred: bool
) -> Callable[[Params], Params]:
    """Return ``grads -> H⁻¹ grads`` for a network without a hidden layer.

    Parameters
    ----------
    samples : Samples
    l2 : float
        λ.
    share : float
        c.
    centred : bool
        Whether there are biases; without them, μ is 0.
    """
    rows, S = _weighted(samples)
    some = _some(rows)
    mean = _mean(some) if centred else 0.0 * _mean(some)
    curvature = share * _variance(rows, mean)
    inverse = _inverse(_correlations(some, mean), curvature, l2 / S)
    along_mean = array_namespace(mean).matrix_transpose(mean)

    def precondition(grads: Params) -> Params:
        ((dW, db),) = grads
        W = (dW - db * along_mean) @ inverse
        return (Dense(W, db / share - W @ mean),)

    return precondition


class _Rows(NamedTuple):
    """Samples as rows, and weights ``p (m,)`` that add up to 1."""

    X: Array
    p: Array

    def columns(self) -> Iterator[tuple[Array, Array]]:
        """Blocks of columns ``(n, block)`` with their weights ``(block, 1)``."""
        for start, stop in blocks(self.X.shape[0], BLOCK):
            yield columns_between(self.X, start, stop), self.p[start:stop, None]


def _weighted(samples: Samples) -> tuple[_Rows, Array]:
    """All samples, and S."""
    xp = array_namespace(samples.Y)
    s = xp.ones_like(samples.Y[:, 0]) if samples.weights is None else samples.weights
    return _Rows(samples.X, _adding_up_to_1(s)), _divisor(xp.sum(s))


def _some(rows: _Rows) -> _Rows:
    """Samples evenly spaced, enough for correlations."""
    m, n = rows.X.shape
    stride = max(1, m // max(FEWEST_ROWS, ROWS_A_FEATURE * n))
    return _Rows(rows.X[::stride, :], _adding_up_to_1(rows.p[::stride]))


def _adding_up_to_1(weights: Array) -> Array:
    return weights / _divisor(array_namespace(weights).sum(weights))


def _divisor(numbers: Array) -> Array:
    """`numbers`, none negative, and 1 for 0."""
    return array_namespace(numbers).where(numbers > 0, numbers, 1.0)


def _mean(rows: _Rows) -> Array:
    """``Σ p x``, (n, 1)."""
    return sum(X @ p for X, p in rows.columns())


def _variance(rows: _Rows, mean: Array) -> Array:
    """``Σ p (x − μ)²``, (n, 1); 0 where it is but the rounding of a constant feature."""
    xp = array_namespace(mean)
    variance = sum((X - mean) ** 2 @ p for X, p in rows.columns())
    rounding = ROUNDING * float(xp.finfo(mean.dtype).eps) * mean
    return xp.where(variance > rounding**2, variance, 0.0)


def _correlations(rows: _Rows, mean: Array) -> Array:
    """R, (n, n); 0 where a feature does not vary."""
    xp = array_namespace(mean)
    C = 0.0
    for X, p in rows.columns():
        X = (X - mean) * xp.matrix_transpose(xp.sqrt(p))
        C = C + X @ xp.matrix_transpose(X)
    deviation = _divisor(xp.sqrt(xp.linalg.diagonal(C)))
    return C / deviation / deviation[:, None]


def _inverse(R: Array, curvature: Array, decay: Array) -> Array:
    """``(D ((1 − ε) R + ε I) D + decay I)⁻¹`` with D² the curvature of each feature, (n, 1).

    Each feature is scaled to a curvature of 1 first: what is inverted has no eigenvalue below ε,
    in any units of X.
    """
    xp = array_namespace(R)
    scale = _divisor(xp.sqrt(curvature + decay))
    D = xp.sqrt(curvature) / scale
    identity = backend.asarray(np.eye(R.shape[0]), like=R)
    M = xp.where(identity > 0, identity, (1.0 - SHRINKAGE) * R * D * xp.matrix_transpose(D))
    root = xp.linalg.inv(xp.linalg.cholesky(M)) / xp.matrix_transpose(scale)
    return xp.matrix_transpose(root) @ root
