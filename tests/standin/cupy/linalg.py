"""Linear algebra: the names of cupy/linalg/__init__.py that NumPy has."""

from __future__ import annotations

import numpy as np

from cupy._functions import FUNCTIONS, numpys

LinAlgError = np.linalg.LinAlgError

_NAMES = """
    cholesky cond cross det eig eigh eigvals eigvalsh inv lstsq matrix_power matrix_rank norm pinv
    qr slogdet solve svd tensorinv tensorsolve
"""

globals().update({name: numpys(getattr(np.linalg, name), name) for name in _NAMES.split()})
matmul, matrix_transpose = FUNCTIONS["matmul"], FUNCTIONS["matrix_transpose"]
__all__ = ["LinAlgError", "matmul", "matrix_transpose", *_NAMES.split()]
