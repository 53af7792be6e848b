"""Matrix products by a cuBLAS handle of one's own, which a graph can capture.

CuPy does not call cuBLAS on a stream that is being captured (``setStream`` of its cublas.pyx).
cuBLAS itself allows it, best with a workspace that the caller owns ("CUDA Graphs Support" of its
documentation). So its functions are called where CuPy found them.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from typing import Any, TypeAlias

import cupy

from xpnet.types import Array

_WORKSPACE = 32 * 2**20  # bytes, what cuBLAS recommends for Hopper and Blackwell; others want less
_TF32_TENSOR_OP_MATH = 3  # as cublas_api.h numbers it; CuPy has no name for it

_AS_IT_LIES, _TRANSPOSED = 0, 1  # cublasOperation_t

_LETTERS: dict[str, tuple[str, Any]] = {
    "float32": ("S", ctypes.c_float),
    "float64": ("D", ctypes.c_double),
}
"""What names of cuBLAS begin with for a dtype, and the dtype in C."""

_Operand: TypeAlias = tuple[int, int, int]


class Products:
    """Products of matrices and stacks on the current device, into memory that is given.

    The factors are rounded to TF32 where CuPy was told to. The handle is destroyed with the object.

    Raises
    ------
    OSError, AttributeError
        If cuBLAS's functions are not found where CuPy's module was linked with them, as on Windows.
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
        _checked(self._library.cublasSetStream_v2(self._handle, stream.ptr))
        workspace = self._workspace.data.ptr, _WORKSPACE
        _checked(self._library.cublasSetWorkspace_v2(self._handle, *workspace))

    def __call__(self, left: Array, right: Array, out: Array) -> None:
        """``out = left @ right``.

        Parameters
        ----------
        left, right : array, shapes (..., p, k) and (..., k, q)
            Each C-contiguous or the transpose of what is; one without the leading axis is for all
            networks of a stack.
        out : array, shape (..., p, q)
            C-contiguous, of the same dtype.
        """
        letter, real = _LETTERS[out.dtype.name]
        one, zero = ctypes.byref(real(1)), ctypes.byref(real(0))
        p, q = out.shape[-2:]
        # cuBLAS's matrices lie by columns. By rows, they are its transposes: out' = right' left'.
        (op_a, ld_a, step_a), (op_b, ld_b, step_b) = _operand(right), _operand(left)
        shape = op_a, op_b, q, p, left.shape[-1], one
        A, B, C = right.data.ptr, left.data.ptr, out.data.ptr
        if out.ndim == 2:
            gemm = getattr(self._library, f"cublas{letter}gemm_v2")
            status = gemm(self._handle, *shape, A, ld_a, B, ld_b, zero, C, q)
        else:
            gemm = getattr(self._library, f"cublas{letter}gemmStridedBatched")
            stack = (A, ld_a, step_a, B, ld_b, step_b, zero, C, q, p * q, len(out))
            status = gemm(self._handle, *shape, *stack)
        _checked(status)


def _operand(array: Array) -> _Operand:
    """Whether it lies transposed; how far apart its rows or columns, and its matrices, lie."""
    *network, row, column = (stride // array.itemsize for stride in array.strides)
    step = network[0] if network else 0
    # Where there is one row or column, its stride may be any number.
    if column == 1:
        return _AS_IT_LIES, max(row, array.shape[-1]), step
    return _TRANSPOSED, max(column, array.shape[-2]), step


@cache
def _library() -> ctypes.CDLL:
    """CuPy's module, through which the system finds the very cuBLAS that it calls (dlsym(3))."""
    library = ctypes.CDLL(cupy.cuda.cublas.__file__)
    pointer, whole, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
    start = [pointer, *[whole] * 5, pointer]
    plain = [*start, pointer, whole, pointer, whole, pointer, pointer, whole]
    stacks = [*[pointer, whole, long] * 2, pointer, pointer, whole, long, whole]
    library.cublasSetStream_v2.argtypes = [pointer, pointer]
    library.cublasSetWorkspace_v2.argtypes = [pointer, pointer, ctypes.c_size_t]
    for letter, _ in _LETTERS.values():
        getattr(library, f"cublas{letter}gemm_v2").argtypes = plain
        getattr(library, f"cublas{letter}gemmStridedBatched").argtypes = [*start, *stacks]
    return library


def _checked(status: int) -> None:
    if status:
        raise RuntimeError(f"cuBLAS answers with status {status} of cublasStatus_t")
