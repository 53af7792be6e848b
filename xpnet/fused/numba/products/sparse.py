"""Products of a layer with a sparse X, of SciPy: weights lie as rows of features.

Each non-zero takes a row of Wᵀ or dZᵀ, which is contiguous where W is in Fortran order. So are the
gradients in that order: from one step to the next nothing is transposed but dZ.

Wᵀ of many features does not fit into the cache, and the processor cannot know which row is next:
it is told a few non-zeros ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.gather import prefetch
from xpnet.fused.numba.memory import CACHE_LINE
from xpnet.types import Array

AHEAD = 16  # non-zeros
LINES = 4  # that are asked for of a row; those that follow, the processor expects


@compiled
def row_products(
    values: Array, columns: Array, begins: Array, V: Array, U: Any, factor: float, to: Array
) -> None:
    """``S V + factor · U``, four non-zeros at a time.

    S has a row from each of `begins` to the next in `values` and their `columns`, as in SciPy's
    CSR. Without U, which may be None, ``S V``.
    """
    n, last = V.shape[1], len(columns) - 1
    number, entries = V.dtype.type, CACHE_LINE // V.itemsize
    for i in range(len(to)):
        row = to[i]
        for c in range(n):
            if U is None:
                row[c] = number(0)
            else:
                row[c] = number(factor) * U[i, c]
        begin, end = begins[i], begins[i + 1]
        whole = end - (end - begin) % 4
        for j in range(begin, whole, 4):
            for k in range(j + AHEAD, j + AHEAD + 4):
                for c in range(0, min(n, LINES * entries), entries):
                    prefetch(V, columns[min(k, last)], c)
            s0, s1, s2, s3 = values[j], values[j + 1], values[j + 2], values[j + 3]
            v0, v1 = V[columns[j]], V[columns[j + 1]]
            v2, v3 = V[columns[j + 2]], V[columns[j + 3]]
            for c in range(n):
                row[c] += s0 * v0[c] + s1 * v1[c] + s2 * v2[c] + s3 * v3[c]
        for j in range(whole, end):
            s, v = values[j], V[columns[j]]
            for c in range(n):
                row[c] += s * v[c]


def sparse_product(W: Array, X: Any, empty: Callable[..., Array]) -> Array:
    """``W X`` of columns X ``(n_in, m)``, in C order."""
    S = X.tocsc()  # which lies in memory as the rows of Xᵀ
    to = empty((X.shape[1], len(W)), W.dtype)
    row_products(S.data, S.indices, S.indptr, np.ascontiguousarray(W.T), None, 0.0, to)
    return np.ascontiguousarray(to.T)


def sparse_gradient(
    dZ: Array, X: Any, W: Array, decay: float | Array | None, empty: Callable[..., Array]
) -> Array:
    """``dZ Xᵀ + decay W``, in Fortran order."""
    S = X.tocsr()
    to = empty((W.shape[1], len(W)), W.dtype)
    U, factor = (
        (None, 0.0) if decay is None else (np.ascontiguousarray(W.T), np.asarray(decay).item())
    )
    row_products(S.data, S.indices, S.indptr, np.ascontiguousarray(dZ.T), U, factor, to)
    return to.T
