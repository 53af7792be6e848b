"""Products of few rows W with many samples, so few at a time that the BLAS reads both as they lie.

What it divides among threads it first copies into another order, which takes as long as such a
product.
"""

from __future__ import annotations

from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.products.blas import ALONE, AS_IT_IS, TRANSPOSED, gemm
from xpnet.types import Array

MOST_OUTPUTS = 16
FEWEST, MOST = 16, 64
"""Samples at a time: the largest number whose whole rows go into one call, within these."""


@compiled_inner
def samples_at_once(n: int, n_x: int) -> int:
    """How many samples of `n_x` numbers to multiply at a time by `n` rows of W."""
    rows = ALONE // (n * n_x)
    if rows < FEWEST:
        return FEWEST
    return rows if rows < MOST else MOST


@compiled
def thin_product(blas: int, W: Array, X: Array, to_Z: Array) -> None:
    """``Z = W Xᵀ`` of C-contiguous W ``(n, n_x)`` and samples X ``(m, n_x)``."""
    (n, n_x), m = W.shape, X.shape[0]
    at_once = samples_at_once(n, n_x)
    width = ALONE // (n * at_once)
    one, zero = X.dtype.type(1), X.dtype.type(0)
    for start in range(0, m, at_once):
        rows = at_once if start + at_once <= m else m - start
        for first in range(0, n_x, width):
            k = width if first + width <= n_x else n_x - first
            beta, x = zero if first == 0 else one, start * n_x + first
            gemm(
                *(blas, AS_IT_IS, TRANSPOSED, n, rows, k),
                *(W, first, n_x, X, x, n_x, beta, to_Z, start, m),
            )
