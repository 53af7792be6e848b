"""cuBLAS as CuPy shows it: products, and the mode of a handle.

The signatures are those of cupy_backends/cuda/libs/cublas.pyx. The file is a library that was
linked with cuBLAS, as CuPy's is.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

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


def _product(name: str, dtype: str, handle: int, *args: Any) -> None:
    from cupy.cuda._gemm import Gemm
    from cupy.cuda.stream import get_current_stream

    stream = get_current_stream()  # setStream of cublas.pyx
    stream.refuse_capture("calling cuBLAS API during stream capture is currently unsupported")
    product = Gemm.of(dtype, in_tf32(handle), *args)
    if not product.is_valid():
        raise RuntimeError("CUBLAS_STATUS_INVALID_VALUE")
    stream.do(name, product.multiply)


for _letter, _dtype in (("s", "float32"), ("d", "float64")):
    for _name in (f"{_letter}gemm", f"{_letter}gemmStridedBatched"):
        globals()[_name] = partial(_product, _name, _dtype)
