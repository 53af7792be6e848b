"""The mode in which a cuBLAS handle multiplies: cupy_backends/cuda/libs/cublas.pyx."""

from __future__ import annotations

CUBLAS_DEFAULT_MATH = 0
TF32_TENSOR_OP_MATH = 3  # of cublas_api.h, for which CuPy has no name

_MODES: dict[int, int] = {}


def getMathMode(handle: int) -> int:  # noqa: N802 (cuBLAS's name)
    return _MODES.get(handle, CUBLAS_DEFAULT_MATH)


def setMathMode(handle: int, mode: int) -> None:  # noqa: N802
    _MODES[handle] = mode


def getVersion(handle: int) -> int:  # noqa: N802
    return 120905
