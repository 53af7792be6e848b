"""Cost and gradients of a whole network as one compiled call, its products among the rest.

Called one by one, the kernels of a small network take less time than Python between them. This
program takes networks whose hidden layers keep no Z. All parameters lie in one vector and all
gradients in another; `layout` has a row a layer: n_out, n_in, and where W and b begin in both.
"""

from __future__ import annotations

import numpy as np

from xpnet.fused import _numba_loops as loops
from xpnet.fused._numba_activations import activate
from xpnet.fused._numba_blas import product
from xpnet.fused._numba_compiled import compiled
from xpnet.fused._numba_cost import cost_of
from xpnet.fused._numba_thin import MOST_OUTPUTS, thin_cost_and_gradients
from xpnet.types import Array

__all__ = ["cost_and_gradients"]


@compiled
def cost_and_gradients(
    blas: int,
    layout: Array,
    kinds: Array,
    slopes: Array,
    output: int,
    X: Array,
    Y: Array,
    weight: Array | None,
    l2: float,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """Forward, cost and backward; returns J.

    Parameters
    ----------
    blas : int
        Of `routine`.
    layout : array of int, shape (L, 4)
    kinds : array of int, shape (L,)
    slopes : array, shape (L, 2, 3)
        Of `_numba_activations`; the identity in the output layer.
    output : int
        Of `OUTPUTS`.
    X, Y : array, shapes (m, n_x) and (m, n_y)
        Samples as rows, C-contiguous.
    weight : array, shape (1, m), or None
    l2 : float
    theta, to_gradients : array, shape (P,)
    work : array
        Room for A of every layer and three matrices of the widest: ``m (Σ n_out + 3 max n_out)``.
    """
    m = X.shape[0]
    S = float(m) if weight is None else total(weight)
    share = 1.0 / S if S > 0 else 0.0
    if len(layout) == 1 and layout[0, 0] <= MOST_OUTPUTS:
        W, b = dense(theta, layout, 0)
        dW, db = dense(to_gradients, layout, 0)
        J = thin_cost_and_gradients(output, X, Y, weight, share, W, b, dW, db)
    else:
        J = by_products(
            blas, layout, kinds, slopes, output, X, Y, weight, share, theta, work, to_gradients
        )
    return J + decayed(layout, theta, l2 * share, to_gradients) if l2 != 0.0 else J


@compiled
def total(weight: Array) -> float:
    """``Σ s``, in double precision: of a million in single, three digits would be gone."""
    S = 0.0
    for j in range(weight.shape[1]):
        S += weight[0, j]
    return S


@compiled
def by_products(
    blas: int,
    layout: Array,
    kinds: Array,
    slopes: Array,
    output: int,
    X: Array,
    Y: Array,
    weight: Array | None,
    share: float,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """The same for any layers, by matrix products; without the penalty."""
    m, last = X.shape[0], len(layout) - 1
    ends = m * np.cumsum(layout[:, 0])
    room = m * layout[:, 0].max()
    A, passes = work[: ends[-1]], work[ends[-1] : ends[-1] + 3 * room].reshape((3, room))
    forward(blas, layout, kinds, slopes, X, theta, ends, A)
    Z, dZ = units(A, ends, last, m), matrix(passes[last % 2], layout[last, 0], m)
    if weight is None:
        J = cost_of(output, Z, Y.T, share, None, dZ)
    else:
        J = cost_of(output, Z, Y.T, 1.0, weight * X.dtype.type(share), dZ)
    backward(blas, layout, slopes, X, theta, ends, A, passes, to_gradients)
    return J


@compiled
def forward(
    blas: int,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    theta: Array,
    ends: Array,
    to_A: Array,
) -> None:
    for layer in range(len(layout)):
        W, b = dense(theta, layout, layer)
        A = units(to_A, ends, layer, X.shape[0])
        if layer == 0:
            product(blas, W, False, X, True, A)
        else:
            product(blas, W, False, units(to_A, ends, layer - 1, X.shape[0]), False, A)
        activate(kinds[layer], slopes[layer], A, b, None)


@compiled
def backward(
    blas: int,
    layout: Array,
    slopes: Array,
    X: Array,
    theta: Array,
    ends: Array,
    A: Array,
    passes: Array,
    to_gradients: Array,
) -> None:
    """From the last layer's dZ, which is in its place, to all gradients.

    The first two rows of `passes` hold dZ of one layer and the next in turn, the third dA.
    """
    m, last = X.shape[0], len(layout) - 1
    for layer in range(last, -1, -1):
        W, _ = dense(theta, layout, layer)
        dW, db = dense(to_gradients, layout, layer)
        n_out, n_in = W.shape
        dZ = matrix(passes[layer % 2], n_out, m)
        if layer == last:
            loops.row_sums(dZ, db)
        else:
            dA, A_here = matrix(passes[2], n_out, m), units(A, ends, layer, m)
            loops.piecewise_backward(dA, A_here, None, slopes[layer], dZ, db)
        if layer == 0:
            product(blas, dZ, False, X, False, dW)
        else:
            product(blas, dZ, False, units(A, ends, layer - 1, m), True, dW)
            product(blas, W, True, dZ, False, matrix(passes[2], n_in, m))


@compiled
def decayed(layout: Array, theta: Array, decay: float, to_gradients: Array) -> float:
    """In place: ``dW ← dW + decay · W``; returns ``½ decay Σ ‖W‖²``."""
    total = 0.0
    for layer in range(len(layout)):
        W, _ = dense(theta, layout, layer)
        dW, _ = dense(to_gradients, layout, layer)
        loops.add_scaled(W, decay, dW)
        total += loops.square_sum(W)
    return 0.5 * decay * total


@compiled
def dense(vector: Array, layout: Array, layer: int) -> tuple[Array, Array]:
    """W and b of a layer, or their gradients."""
    n_out, n_in, first_W, first_b = layout[layer]
    W = vector[first_W : first_W + n_out * n_in].reshape((n_out, n_in))
    return W, vector[first_b : first_b + n_out].reshape((n_out, 1))


@compiled
def units(vector: Array, ends: Array, layer: int, m: int) -> Array:
    """The matrix (n_out, m) of a layer."""
    begin = ends[layer - 1] if layer > 0 else 0
    return vector[begin : ends[layer]].reshape(((ends[layer] - begin) // m, m))


@compiled
def matrix(vector: Array, n: int, m: int) -> Array:
    """The first entries as a matrix (n, m)."""
    return vector[: n * m].reshape((n, m))
