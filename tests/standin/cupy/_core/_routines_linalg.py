"""Matrix products, in full float32 or in TF32.

The rules of cupy/_core/_routines_linalg.pyx: a product of two matrices has the compute type that
was set for its dtype, and reads ``CUPY_TF32`` once where none was; one of stacks is cuBLAS's
batched one, for which the mode of the handle holds.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from cupy.cuda import cublas
from cupy.cuda.device import get_cublas_handle

COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_TF32 = 1, 7

_COMPUTE_TYPES: dict[np.dtype, int] = {}


def set_compute_type(dtype: Any, compute_type: int) -> None:
    """Say how matrices of that dtype are multiplied from here on."""
    _COMPUTE_TYPES[np.dtype(dtype)] = compute_type


def get_compute_type(dtype: Any) -> int:
    """How they are multiplied, which the first product settles."""
    dtype = np.dtype(dtype)
    if dtype not in _COMPUTE_TYPES:
        tf32 = dtype == np.float32 and int(os.getenv("CUPY_TF32", "0")) > 0
        set_compute_type(dtype, COMPUTE_TYPE_TF32 if tf32 else COMPUTE_TYPE_DEFAULT)
    return _COMPUTE_TYPES[dtype]


def matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left @ right``, of arrays on the host."""
    if left.ndim == 0 or right.ndim == 0:
        raise ValueError("Scalar operands are not allowed, use '*' instead")
    dtype = np.promote_types(left.dtype, right.dtype)
    if max(left.ndim, right.ndim) <= 2:
        tf32 = get_compute_type(dtype) == COMPUTE_TYPE_TF32
    else:
        tf32 = cublas.in_tf32(get_cublas_handle())
    if tf32 and dtype == np.float32:
        left, right = rounded(left), rounded(right)
    return np.matmul(left, right)


def rounded(array: np.ndarray) -> np.ndarray:
    """Float32 numbers with 10 of the 23 bits of their fractions."""
    bits = np.asarray(array, np.float32, order="C").view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
