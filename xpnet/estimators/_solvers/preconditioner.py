"""Preconditioner of logistic regression: an inverse Hessian, the same for all rows of W.

Let h be the curvature of a sample's loss along its logits, and x̃ its distance from the mean μ,
which is weighted by s h::

    H = (1/S) Σ s h x̃ x̃ᵀ + (λ/S) I        for each row of W
    H = (1/S) Σ s h                       for its bias at the mean, b + W μ

    h = a (1 − a)                         sigmoid
    h = (1 − Σ_k a_k²) / (K − 1)          softmax: the mean over the directions that change a

At W = 0, where training starts, this is exact. Later it still contains the scales and
correlations of the features, which L-BFGS would need many steps to find.

The variances are those of all samples: a few that lie far out, and are certain, can make up most of
a feature's unweighted variance. The correlations R are those of some samples, shrunk to
``(1 − ε) R + ε I``, so that a feature that hardly varies in these samples does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace
from scipy.sparse import issparse

from xpnet import backend
from xpnet.data.batches import blocks
from xpnet.estimators._prediction import outputs
from xpnet.estimators._samples.batches import Samples, columns_between
from xpnet.estimators._solvers.lbfgs import (
    CACHED_ROWS,
    on_threads,
    rows_a_block,
    threads_for,
)
from xpnet.network import Network
from xpnet.types import Array, Dense, Params

SHRINKAGE = 0.01  # ε
FEWEST_ROWS, ROWS_A_FEATURE = 8192, 8
PARTS = 8  # of the samples, which threads take in turn
HALVED = 256  # a triangular matrix is inverted by halves that have no more rows than this
ROUNDING = 32.0  # units in the last place

EVALUATIONS = 10.0
"""Largest cost of the inverse, in evaluations of the loss, of which it saves many more."""

SPARSE = 8
"""Dense products that take as long as one with a non-zero of a sparse X."""


def is_worthwhile(samples: Samples) -> bool:
    """Whether the inverse, of about ``n³`` products, is cheap beside an evaluation.

    That takes K products for each number in X.
    """
    X, K = samples.X, samples.Y.shape[1]
    m, n = X.shape
    numbers = min(m * n, SPARSE * X.nnz) if issparse(X) else m * n
    return bool(n**3 <= EVALUATIONS * numbers * K)


def preconditioner(
    net: Network, samples: Samples, l2: float, *, centred: bool
) -> Callable[[Params], Callable[[Params], Params]]:
    """Return ``params -> (grads -> H⁻¹ grads)`` for a network without a hidden layer.

    `l2` is λ. `centred` says whether there are biases; without them, μ is 0.
    """
    xp = array_namespace(samples.Y)
    s = xp.ones_like(samples.Y[:, 0]) if samples.weights is None else samples.weights
    S, block = divisor(xp.sum(s)), dense_rows_a_block(net, samples)
    threads = threads_for(net, samples)

    def at(params: Params) -> Callable[[Params], Params]:
        weights = s * _curvature(net, params, samples.X)
        rows = Rows(samples.X, weights, block, threads)
        some = _some(rows)
        share = divisor(xp.sum(weights) / S)
        mean = float(centred) * mean_of(some)
        R = _correlations(some, mean)
        if not bool(xp.all(xp.isfinite(R))):  # the squares of a large X overflow
            return lambda grads: grads
        inverse = _inverse(R, share * variance_of(rows, mean), l2 / S)
        return _precondition(inverse, mean, share)

    return at


def dense_rows_a_block(net: Network, samples: Samples) -> int:
    """Rows to look at features in; a sparse X is made dense there by the block."""
    return CACHED_ROWS if issparse(samples.X) else rows_a_block(net, samples)


def _precondition(inverse: Array, mean: Array, share: Array) -> Callable[[Params], Params]:
    """``grads -> H⁻¹ grads``; the bias at the mean, b + W μ, becomes b again."""
    along_mean = array_namespace(mean).matrix_transpose(mean)

    def precondition(grads: Params) -> Params:
        ((dW, db),) = grads
        W = (dW - db * along_mean) @ inverse
        return (Dense(W, db / share - W @ mean),)

    return precondition


def _curvature(net: Network, params: Params, X: Array) -> Array:
    """h, (m,); never 0, so that the weights never add up to 0."""
    A = outputs(net, params, X).A
    xp = array_namespace(A)
    K = A.shape[0]
    h = A[0, :] * (1.0 - A[0, :]) if K == 1 else (1.0 - xp.sum(A * A, axis=0)) / (K - 1)
    return xp.maximum(h, float(xp.finfo(A.dtype).eps))


class Rows(NamedTuple):
    """Samples as rows ``(m, n)``, the rows of a block, and how many threads take blocks."""

    X: Array
    weights: Array  # (m,)
    block: int
    threads: int = 1

    def shares(self) -> Array:
        """p, (m,)."""
        return self.weights / divisor(array_namespace(self.weights).sum(self.weights))

    def total(self, of_block: Callable[[Array, Array], Array]) -> Array:
        """The sum of what `of_block` makes of blocks of columns X ``(n, block)`` and p.

        p ``(block, 1)`` are weights that add up to 1 over all blocks. In `PARTS` whatever the
        number of threads, so that it changes no bit.
        """
        p, bounds = self.shares(), list(blocks(self.X.shape[0], self.block))
        length = -(-len(bounds) // PARTS)

        def of_part(first: int) -> Array:
            return sum(map(of_bounds, bounds[first : first + length]))

        def of_bounds(bounds: tuple[int, int]) -> Array:
            X = columns_between(self.X, *bounds)
            return of_block(X.toarray() if issparse(X) else X, p[slice(*bounds), None])

        parts = range(0, len(bounds), length)
        return on_threads(self.threads, lambda each: sum(each(of_part, parts)))


def _some(rows: Rows) -> Rows:
    """Samples evenly spaced, enough for correlations."""
    m, n = rows.X.shape
    stride = max(1, m // max(FEWEST_ROWS, ROWS_A_FEATURE * n))
    return rows._replace(X=rows.X[::stride, :], weights=rows.weights[::stride])


def divisor(numbers: Array) -> Array:
    """`numbers`, none of them negative, with 1 in place of 0."""
    return array_namespace(numbers).where(numbers > 0, numbers, 1.0)


def mean_of(rows: Rows) -> Array:
    """``Σ p x``, (n, 1)."""
    if issparse(rows.X):
        return rows.X.T @ rows.shares()[:, None]
    return rows.total(lambda X, p: X @ p)


def variance_of(rows: Rows, mean: Array) -> Array:
    """``Σ p (x − μ)²``, (n, 1); 0 where it is only the rounding of a constant feature."""
    xp = array_namespace(mean)
    if issparse(rows.X):
        variance = _sparse_variance(rows, mean)
    else:
        variance = rows.total(lambda X, p: (X - mean) ** 2 @ p)
    rounding = ROUNDING * float(xp.finfo(mean.dtype).eps) * mean
    return xp.where(variance > rounding**2, variance, 0.0)


def _sparse_variance(rows: Rows, mean: Array) -> Array:
    """``Σ p (x − μ)²`` over the non-zeros, and ``p μ²`` of the others."""
    X = rows.X.tocsr(copy=True)
    X.sum_duplicates()
    p = np.repeat(rows.shares(), np.diff(X.indptr))
    squares = p * (X.data - mean[X.indices, 0]) ** 2
    there, variance = (np.bincount(X.indices, of, X.shape[1]) for of in (p, squares))
    return (variance[:, None] + (1.0 - there[:, None]) * mean**2).astype(mean.dtype)


def _correlations(rows: Rows, mean: Array) -> Array:
    """R, (n, n); 0 where a feature does not vary."""
    xp = array_namespace(mean)

    def of_block(X: Array, p: Array) -> Array:
        X = (X - mean) * xp.matrix_transpose(xp.sqrt(p))
        return X @ xp.matrix_transpose(X)

    C = rows.total(of_block)
    deviation = divisor(xp.sqrt(xp.linalg.diagonal(C)))
    return C / deviation / deviation[:, None]


def _inverse(R: Array, curvature: Array, decay: Array) -> Array:
    """``(D ((1 − ε) R + ε I) D + decay I)⁻¹`` with D² the curvature of each feature, (n, 1).

    Each feature is scaled to a curvature of 1 first: the matrix that is inverted has no eigenvalue
    below ε, in any units of X.
    """
    xp = array_namespace(R)
    scale = divisor(xp.sqrt(curvature + decay))
    D = xp.sqrt(curvature) / scale
    identity = backend.asarray(np.eye(R.shape[0]), like=R)
    M = xp.where(identity > 0, identity, (1.0 - SHRINKAGE) * R * D * xp.matrix_transpose(D))
    root = inverse_of_lower(xp.linalg.cholesky(M)) / xp.matrix_transpose(scale)
    return xp.matrix_transpose(root) @ root


def inverse_of_lower(L: Array) -> Array:
    """Return L⁻¹ of a lower triangular L, by halves.

    ``((A, 0), (B, C))⁻¹ = ((A⁻¹, 0), (−C⁻¹ B A⁻¹, C⁻¹))``: the zeros above multiply nothing.
    """
    xp, n = array_namespace(L), L.shape[0]
    if n <= HALVED:
        return xp.linalg.inv(L)
    half = n // 2
    A, C = inverse_of_lower(L[:half, :half]), inverse_of_lower(L[half:, half:])
    B = -1.0 * (C @ (L[half:, :half] @ A))
    above = xp.concat([A, 0.0 * xp.matrix_transpose(B)], axis=1)
    return xp.concat([above, xp.concat([B, C], axis=1)], axis=0)
