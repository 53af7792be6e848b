"""Matrix products by a cuBLAS handle of one's own, which a graph can capture.

CuPy does not call cuBLAS on a stream that is being captured (``setStream`` of its cublas.pyx).
cuBLAS itself allows it, best with a workspace that the caller owns ("CUDA Graphs Support" of its
documentation). So its functions are called where CuPy found them.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from typing import Any

import cupy
import numpy as np

from xpnet.fused.cupy.driver import Product
from xpnet.fused.cupy.network.calls import gemm_of

_WORKSPACE = 32 * 2**20  # bytes, what cuBLAS recommends for Hopper and Blackwell; others want less
_TF32_TENSOR_OP_MATH = 3  # as cublas_api.h numbers it; CuPy has no name for it

_NAMES = {
    "sgemm": "cublasSgemm_v2",
    "dgemm": "cublasDgemm_v2",
    "sgemmStridedBatched": "cublasSgemmStridedBatched",
    "dgemmStridedBatched": "cublasDgemmStridedBatched",
}
"""What cublas_v2.h calls the functions that CuPy calls so."""


class Products:
    """Products on the current device. The handle is destroyed with the object.

    Factors are rounded to TF32 where CuPy was told to.

    Raises
    ------
    OSError, AttributeError
        If cuBLAS's functions are not found through CuPy's module, as on Windows.
    """

    def __init__(self) -> None:
        self._library = _library()
        self._handle: int = cupy.cuda.cublas.create()
        weakref.finalize(self, cupy.cuda.cublas.destroy, self._handle)
        self._workspace = cupy.empty(_WORKSPACE, "uint8")
        linalg = cupy._core._routines_linalg
        if linalg.get_compute_type("float32") == linalg.COMPUTE_TYPE_TF32:
            cupy.cuda.cublas.setMathMode(self._handle, _TF32_TENSOR_OP_MATH)

    def on(self, stream: Any) -> None:
        """Let what follows run on `stream`, in the workspace, which a new stream takes away."""
        _check(self._library.cublasSetStream_v2(self._handle, stream.ptr))
        workspace = self._workspace.data.ptr, _WORKSPACE
        _check(self._library.cublasSetWorkspace_v2(self._handle, *workspace))

    def __call__(self, product: Product) -> None:
        """Start a product."""
        one, zero = np.ones(1, product.out.dtype), np.zeros(1, product.out.dtype)
        gemm = gemm_of(product, self._handle, one.ctypes.data, zero.ctypes.data)
        function = getattr(self._library, _NAMES[gemm.name])
        _check(function(*gemm.before, product.right.data.ptr, *gemm.after))


@cache
def _library() -> ctypes.CDLL:
    """CuPy's module, through which the system finds the very cuBLAS that it calls (dlsym(3))."""
    library = ctypes.CDLL(cupy.cuda.cublas.__file__)
    pointer, whole, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
    start = [pointer, *[whole] * 5, pointer]
    library.cublasSetStream_v2.argtypes = [pointer, pointer]
    library.cublasSetWorkspace_v2.argtypes = [pointer, pointer, ctypes.c_size_t]
    for ours, name in _NAMES.items():
        strides, count = ([long], [whole]) if ours.endswith("StridedBatched") else ([], [])
        matrix = [pointer, whole, *strides]
        getattr(library, name).argtypes = [*start, *matrix, *matrix, pointer, *matrix, *count]
    return library


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"cuBLAS answers with status {status} of cublasStatus_t")
