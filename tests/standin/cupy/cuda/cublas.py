"""Handles of cuBLAS and their modes: cupy_backends/cuda/libs/cublas.pyx.

Its file is a library that was linked with cuBLAS, as CuPy's is.
"""

from __future__ import annotations

from itertools import count
from typing import Any

CUBLAS_OP_N, CUBLAS_OP_T = 0, 1
CUBLAS_DEFAULT_MATH = 0
TF32_TENSOR_OP_MATH = 3  # of cublas_api.h, for which CuPy has no name

_MODES: dict[int, int] = {}
_NUMBERS = count(1)
_OWN: set[int] = set()

del globals()["__file__"]


def __getattr__(name: str) -> Any:
    if name == "__file__":
        from cupy.cuda._libcublas import linked_library

        return linked_library()
    raise AttributeError(name)


def create() -> int:
    """A handle beside those of the threads."""
    _OWN.add(handle := next(_NUMBERS))
    return handle


def destroy(handle: int) -> None:
    _OWN.remove(handle)
    _MODES.pop(handle, None)


def exists(handle: int) -> bool:
    """Whether `create` made it, and nobody destroyed it."""
    return handle in _OWN


def getMathMode(handle: int) -> int:  # noqa: N802 (cuBLAS's name)
    return _MODES.get(handle, CUBLAS_DEFAULT_MATH)


def setMathMode(handle: int, mode: int) -> None:  # noqa: N802
    _MODES[handle] = mode


def getVersion(handle: int) -> int:  # noqa: N802
    return 120905


def in_tf32(handle: int) -> bool:
    """Whether it rounds the factors of float32 products."""
    return getMathMode(handle) == TF32_TENSOR_OP_MATH
