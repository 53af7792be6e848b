"""The dense layer: product, bias, activation and dropout, forward and backward.

::

    forward    Z = W A_prev + b             A = g(Z) * mask
    backward   dZ = dA * mask * g'(Z)       dA_prev = Wᵀ dZ
               dW = dZ A_prevᵀ + decay W    db = Σ_columns dZ

========== ================== ==========================================================
argument   shape              meaning
========== ================== ==========================================================
W, dW      (..., n_out, n_in) weights
b, db      (..., n_out, 1)    biases
A_prev     (..., n_in, m)     activations of the layer before, or X, which may be sparse
Z, A, dZ   (..., n_out, m)    logits, activations, derivative by the logits
mask       (..., n_out, m)    inverted dropout: 0, or 1 / (1 − rate); None for no dropout
decay      (), (..., 1, 1)    λ / S of the L2 penalty; None for no penalty
========== ================== ==========================================================

The notes divide dW and db by m in each layer. Here the output's dZ already carries the factor
(1/m, or a sample's weight over their sum), and every later derivative is linear in it: one division
where the array is smallest. Dropout follows Srivastava et al. 2014, in its inverted form.

Only two products meet a sparse X, in `dense` and `dense_backward`: by the operator of its own
library, which gives arrays.
"""

from __future__ import annotations

import math
from functools import cache
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace

from xpnet.kernels._looped import entry, entry_by_entry, from_rows, of_one_network
from xpnet.kernels.activations import ACTIVATIONS
from xpnet.types import Array, Dense, Layer


def dense(W: Array, b: Array, A_prev: Array) -> Array:
    """``Z = W A_prev + b``."""
    xp = array_namespace(W) if is_sparse(A_prev) else array_namespace(W, A_prev)
    check_dense(xp, W, b, A_prev)
    return (sparse_product(W, A_prev) if is_sparse(A_prev) else product(W, A_prev)) + b


def product(A: Array, B: Array) -> Array:
    """``A B``; networks of a stack that share B are the rows of one product.

    Libraries make one product for each network of it, with B read as often.
    """
    xp = array_namespace(A, B)
    lead, shared = A.shape[:-2], 0
    while shared < len(lead) and (B.ndim - 3 - shared < 0 or B.shape[-3 - shared] == 1):
        shared += 1
    if not shared:
        return xp.matmul(A, B)
    apart, sharing = lead[: len(lead) - shared], (*lead[len(lead) - shared :], A.shape[-2])
    rows = xp.reshape(A, (*apart, math.prod(sharing), A.shape[-1]))
    C = xp.matmul(rows, xp.reshape(B, (*B.shape[: max(B.ndim - 2 - shared, 0)], *B.shape[-2:])))
    return xp.reshape(C, (*C.shape[:-2], *sharing, B.shape[-1]))


def sparse_product(A: Array, S: Any) -> Array:
    """``A S`` of a sparse S, which all networks of a stack share: their rows of one product."""
    xp = array_namespace(A)
    C = xp.reshape(A, (math.prod(A.shape[:-1]), A.shape[-1])) @ S
    return xp.reshape(C, (*A.shape[:-1], S.shape[-1]))


def dense_looped(W: Array, b: Array, A_prev: Array) -> Array:
    """``z_ij = b_i + Σ_k w_ik a_kj``, one product at a time."""
    check_dense(array_namespace(W, A_prev), W, b, A_prev)
    n_out, n_in = of_one_network(W)
    _, m = of_one_network(A_prev)
    Z = []
    for i in range(n_out):
        row = []
        for j in range(m):
            z = float(b[i, 0])
            for k in range(n_in):
                z += float(W[i, k]) * float(A_prev[k, j])
            row.append(z)
        Z.append(row)
    return from_rows(Z, A_prev)


def dense_backward(dZ: Array, A_prev: Array, W: Array, decay: float | Array | None) -> Dense:
    """``dW = dZ A_prevᵀ + decay W``, ``db = Σ_columns dZ``."""
    xp = array_namespace(dZ, W)
    is_of_sparse = is_sparse(A_prev)
    dW = sparse_product(dZ, A_prev.T) if is_of_sparse else product(dZ, xp.matrix_transpose(A_prev))
    db = xp.sum(dZ, axis=-1, keepdims=True)
    return Dense(dW if decay is None else dW + decay * W, db)


def dense_backward_looped(dZ: Array, A_prev: Array, W: Array, decay: float | Array | None) -> Dense:
    """``dw_ik = Σ_j dz_ij a_kj + decay w_ik``, ``db_i = Σ_j dz_ij``."""
    n_out, n_in = of_one_network(W)
    _, m = of_one_network(dZ)
    shrink = 0.0 if decay is None else entry(decay, 0)
    dW, db = [], []
    for i in range(n_out):
        row = []
        for k in range(n_in):
            dw = shrink * float(W[i, k])
            for j in range(m):
                dw += float(dZ[i, j]) * float(A_prev[k, j])
            row.append(dw)
        dW.append(row)
        bias = 0.0
        for j in range(m):
            bias += float(dZ[i, j])
        db.append([bias])
    return Dense(from_rows(dW, dZ), from_rows(db, dZ))


def input_gradient(W: Array, dZ: Array) -> Array:
    """``dA_prev = Wᵀ dZ``."""
    xp = array_namespace(W, dZ)
    return xp.matmul(xp.matrix_transpose(W), dZ)


def input_gradient_looped(W: Array, dZ: Array) -> Array:
    """``da_kj = Σ_i w_ik dz_ij``."""
    n_out, n_in = of_one_network(W)
    _, m = of_one_network(dZ)
    dA_prev = []
    for k in range(n_in):
        row = []
        for j in range(m):
            da = 0.0
            for i in range(n_out):
                da += float(W[i, k]) * float(dZ[i, j])
            row.append(da)
        dA_prev.append(row)
    return from_rows(dA_prev, dZ)


def dropout(A: Array, mask: Array | None) -> Array:
    """``A * mask``: forward on A, and backward on dA."""
    return A if mask is None else A * mask


@entry_by_entry
def dropout_looped(a: float, mask: float | None) -> float:
    """``a_ij mask_ij``."""
    return a if mask is None else a * mask


def before_dropout(A: Array, mask: Array | None) -> Array:
    """The activations as they were before the mask, which the derivative is made of.

    Where the mask is 0 the derivative is multiplied by 0 afterwards, so any value serves.
    """
    return A if mask is None else A / array_namespace(A, mask).where(mask == 0, 1.0, mask)


@entry_by_entry
def before_dropout_looped(a: float, mask: float | None) -> float:
    """``a_ij / mask_ij`` where that is defined."""
    return a if mask is None else a / (mask or 1.0)


@entry_by_entry
def product_looped(x: float, y: float) -> float:
    """``x_ij y_ij``."""
    return x * y


def dense_activation(
    activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
) -> Layer:
    """One layer forward: ``Z = W A_prev + b`` and ``A = g(Z) * mask``."""
    Z = dense(W, b, A_prev)
    return Layer(Z, dropout(ACTIVATIONS[activation].apply(Z), mask))


def dense_activation_looped(
    activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
) -> Layer:
    """`dense_activation` by loops over scalars."""
    Z = dense_looped(W, b, A_prev)
    return Layer(Z, dropout_looped(ACTIVATIONS[activation].apply_looped(Z), mask))


def activation_dense_backward(
    activation: str,
    dA: Array,
    layer: Layer,
    A_prev: Array,
    W: Array,
    *,
    mask: Array | None = None,
    decay: float | Array | None = None,
    need_dA_prev: bool = True,
) -> tuple[Dense, Array | None]:
    """One layer backward: from dA to ``(dW, db)`` and, if asked for, dA_prev."""
    dZ = activation_backward(activation, dA, layer, mask)
    grads = dense_backward(dZ, A_prev, W, decay)
    return grads, input_gradient(W, dZ) if need_dA_prev else None


def activation_backward(activation: str, dA: Array, layer: Layer, mask: Array | None) -> Array:
    """``dZ = dA * mask * g'(Z)``."""
    dZ = dropout(dA, mask)
    if activation == "identity":
        return dZ
    return dZ * ACTIVATIONS[activation].derivative(layer.Z, before_dropout(layer.A, mask))


def activation_dense_backward_looped(
    activation: str,
    dA: Array,
    layer: Layer,
    A_prev: Array,
    W: Array,
    *,
    mask: Array | None = None,
    decay: float | Array | None = None,
    need_dA_prev: bool = True,
) -> tuple[Dense, Array | None]:
    """`activation_dense_backward` by loops over scalars."""
    slope = ACTIVATIONS[activation].derivative_looped(layer.Z, before_dropout_looped(layer.A, mask))
    dZ = product_looped(dropout_looped(dA, mask), slope)
    grads = dense_backward_looped(dZ, A_prev, W, decay)
    return grads, input_gradient_looped(W, dZ) if need_dA_prev else None


def is_sparse(A: Any) -> bool:
    """Whether A is a sparse matrix of SciPy or of cupyx."""
    return hasattr(A, "toarray") and hasattr(A, "nnz")


def check_dense(xp: ModuleType, W: Array, b: Array, A_prev: Array) -> None:
    """Raise unless W ``(…, n_out, n_in)``, b ``(…, n_out, 1)`` and A_prev ``(…, n_in, m)`` fit."""
    if W.dtype != A_prev.dtype or b.dtype != W.dtype:
        raise TypeError(
            f"W, b and A_prev must have one dtype, but they have {W.dtype}, {b.dtype} and "
            f"{A_prev.dtype}: cast with xp.astype(A_prev, W.dtype)"
        )
    if not is_computed(xp, W.dtype):
        raise TypeError(f"W, b and A_prev have dtype {W.dtype}: expected float32 or float64")
    if W.shape[-1] != A_prev.shape[-2] or b.shape[-2:] != (W.shape[-2], 1):
        raise ValueError(
            f"W has shape {tuple(W.shape)}, b {tuple(b.shape)} and A_prev {tuple(A_prev.shape)}: "
            "expected (n_out, n_in), (n_out, 1) and (n_in, m), samples as columns"
        )


@cache
def is_computed(xp: ModuleType, dtype: Any) -> bool:
    """Whether the kernels compute in `dtype`, in this machine's byte order."""
    return dtype in (xp.float32, xp.float64)
