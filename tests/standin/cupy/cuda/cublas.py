"""cuBLAS as CuPy shows it: products, and the mode of a handle.

The signatures are those of cupy_backends/cuda/libs/cublas.pyx.
"""

from __future__ import annotations

from functools import partial
from typing import Any

CUBLAS_DEFAULT_MATH = 0
TF32_TENSOR_OP_MATH = 3  # of cublas_api.h, for which CuPy has no name

_MODES: dict[int, int] = {}


def getMathMode(handle: int) -> int:  # noqa: N802 (cuBLAS's name)
    return _MODES.get(handle, CUBLAS_DEFAULT_MATH)


def setMathMode(handle: int, mode: int) -> None:  # noqa: N802
    _MODES[handle] = mode


def getVersion(handle: int) -> int:  # noqa: N802
    return 120905


def _gemm(name: str, dtype: str, handle: int, *args: Any) -> None:
    *shape, alpha, A, lda, B, ldb, beta, C, ldc = args
    _batched(name, dtype, handle, *shape, alpha, A, lda, 0, B, ldb, 0, beta, C, ldc, 0, 1)


def _batched(name: str, dtype: str, handle: int, *args: Any) -> None:
    from cupy._counts import note
    from cupy.cuda._gemm import Gemm, multiplied

    note("launches", name)
    multiplied(Gemm(dtype, getMathMode(handle) == TF32_TENSOR_OP_MATH, *args))


for _letter, _dtype in (("s", "float32"), ("d", "float64")):
    globals()[f"{_letter}gemm"] = partial(_gemm, f"{_letter}gemm", _dtype)
    _name = f"{_letter}gemmStridedBatched"
    globals()[_name] = partial(_batched, _name, _dtype)
