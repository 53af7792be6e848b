"""cuBLAS as a library of C: products of matrices at addresses.

The rules are those of cuBLAS's documentation: matrices lie by columns; a stream that is set takes
the workspace away; what is called while the stream is captured becomes part of the graph.
"""

from __future__ import annotations

import atexit
import ctypes
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cupy._core._routines_linalg import rounded
from cupy._counts import note
from cupy.cuda import cublas
from cupy.cuda.stream import Stream, stream_at
from tests.fused.cupy.compiling import compiler

SUCCESS, NOT_INITIALIZED, INVALID_VALUE = 0, 1, 7  # cublasStatus_t of cublas_api.h

_POOL = 32 * 2**20  # bytes that a product takes for itself where no workspace is set
_SCRATCH = 4096  # bytes of a workspace that each product writes to

_SIZES = {"S": "float32", "D": "float64"}
_OF_HANDLE = "void* handle, void* pointer"
_GEMM = (
    "void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* A, "
    "int lda, {}const void* B, int ldb, {}const void* beta, void* C, int ldc{}"
)
_TYPES = {"int": ctypes.c_int, "size_t": ctypes.c_size_t, "long long": ctypes.c_longlong}


def _parameters() -> dict[str, str]:
    """The parameters of each function, by its name in cublas_v2.h."""
    stride = "long long stride_{}, "
    strided = stride.format("a"), stride.format("b"), ", long long stride_c, int count"
    found = {"SetStream_v2": _OF_HANDLE, "SetWorkspace_v2": f"{_OF_HANDLE}, size_t size"}
    for kind in _SIZES:
        found[f"{kind}gemm_v2"] = _GEMM.format("", "", "")
        found[f"{kind}gemmStridedBatched"] = _GEMM.format(*strided)
    return {f"cublas{name}": parameters for name, parameters in found.items()}


class _Setting:
    """What a handle was told."""

    stream = Stream.null
    workspace: tuple[int, int] | None = None


_SETTINGS: dict[int, _Setting] = defaultdict(_Setting)


def _set_stream(handle: int, stream: int | None) -> int:
    if not cublas.exists(handle):
        return NOT_INITIALIZED
    _SETTINGS[handle].stream = stream_at(stream or 0)
    _SETTINGS[handle].workspace = None  # documentation of cublasSetStream
    return SUCCESS


def _set_workspace(handle: int, workspace: int | None, size: int) -> int:
    if not cublas.exists(handle):
        return NOT_INITIALIZED
    if workspace is None or workspace % 256:
        return INVALID_VALUE
    _SETTINGS[handle].workspace = workspace, size
    return SUCCESS


class _Product(NamedTuple):
    """The arguments of a gemm; those of the strided form where it is one of one matrix."""

    handle: int
    op_a: int
    op_b: int
    m: int
    n: int
    k: int
    alpha: int
    A: int
    lda: int
    stride_a: int
    B: int
    ldb: int
    stride_b: int
    beta: int
    C: int
    ldc: int
    stride_c: int = 0
    count: int = 1


def _gemm(dtype: str, *args: int) -> int:
    *shape, A, lda, B, ldb, beta, C, ldc = args
    return _batched(dtype, *shape, A, lda, 0, B, ldb, 0, beta, C, ldc)


def _batched(dtype: str, *args: int) -> int:
    """``C = op(A) op(B)`` of each of `count` matrices."""
    p = _Product(*args)
    if not cublas.exists(p.handle):
        return NOT_INITIALIZED
    rows = ((p.k if p.op_a else p.m, p.lda), (p.n if p.op_b else p.k, p.ldb), (p.m, p.ldc))
    if min(p.m, p.n, p.k) < 0 or any(ld < max(1, least) for least, ld in rows):
        return INVALID_VALUE
    factors = [_array(address, dtype, 1)[0] for address in (p.alpha, p.beta)]
    assert factors == [1, 0], "the stand-in neither scales nor adds"
    setting = _SETTINGS[p.handle]
    tf32 = dtype == "float32" and cublas.getMathMode(p.handle) == cublas.TF32_TENSOR_OP_MATH
    workspace = setting.workspace
    if workspace is None:
        note("allocations", _POOL)
    setting.stream.do("gemm", lambda: _multiply(p, dtype, tf32, workspace))
    return SUCCESS


def _multiply(p: _Product, dtype: str, tf32: bool, workspace: tuple[int, int] | None) -> None:
    if workspace is not None:
        address, size = workspace
        _array(address, "uint8", min(size, _SCRATCH))[:] = 0xFF
    # In C's order the factors change places: C' = op(B)' op(A)'.
    left = _matrices(p.B, dtype, (p.n, p.k), p.op_b, p.ldb, p.stride_b, p.count)
    right = _matrices(p.A, dtype, (p.k, p.m), p.op_a, p.lda, p.stride_a, p.count)
    if tf32:
        left, right = rounded(left), rounded(right)
    to = _matrices(p.C, dtype, (p.n, p.m), 0, p.ldc, p.stride_c, p.count)
    with np.errstate(all="ignore"):
        to[...] = np.matmul(left, right)


def _matrices(
    address: int,
    dtype: str,
    shape: tuple[int, int],
    transposed: int,
    leading: int,
    stride: int,
    count: int,
) -> np.ndarray:
    """The matrices of `shape` in C's order, which lie transposed or not; one without an axis."""
    rows, columns = shape[::-1] if transposed else shape
    size = np.dtype(dtype).itemsize
    flat = _array(address, dtype, (count - 1) * stride + (rows - 1) * leading + columns)
    strides = (stride * size, leading * size, size)
    found = as_strided(flat, (count, rows, columns), strides)
    found = found.swapaxes(1, 2) if transposed else found
    return found if count > 1 else found[0]


def _array(address: int, dtype: str, size: int) -> np.ndarray:
    size *= np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)


_FUNCTIONS: dict[str, Callable[..., int]] = {
    "cublasSetStream_v2": _set_stream,
    "cublasSetWorkspace_v2": _set_workspace,
    **{f"cublas{kind}gemm_v2": partial(_gemm, dtype) for kind, dtype in _SIZES.items()},
    **{
        f"cublas{kind}gemmStridedBatched": partial(_batched, dtype)
        for kind, dtype in _SIZES.items()
    },
}

_KEPT: list[Any] = []  # what C calls


@cache
def linked_library() -> str:
    """The path of a library that was linked with these functions, and has none itself."""
    folder = mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    libcublas, module = (str(Path(folder, f"lib{name}.so")) for name in ("cublas", "module"))
    _build(_code(), libcublas)
    _build("", module, "-Wl,--no-as-needed", f"-L{folder}", "-lcublas", f"-Wl,-rpath,{folder}")
    library = ctypes.CDLL(libcublas)
    for name, parameters in _parameters().items():
        own = _callback(parameters)(_FUNCTIONS[name])
        getattr(library, f"{name}_is")(own)
        _KEPT.append(own)
    return module


def _code() -> str:
    """Functions by those names, each of which calls what ``_is`` was given for it."""
    parts = ["#include <stddef.h>\n"]
    for name, parameters in _parameters().items():
        names = ", ".join(parameter.split()[-1] for parameter in parameters.split(","))
        parts.append(
            f"static int (*own_{name})({parameters});\n"
            f"void {name}_is(void* own) {{ own_{name} = own; }}\n"
            f"int {name}({parameters}) {{ return own_{name}({names}); }}\n"
        )
    return "\n".join(parts)


def _callback(parameters: str) -> Any:
    kinds = (parameter.rpartition(" ")[0].strip() for parameter in parameters.split(","))
    return ctypes.CFUNCTYPE(ctypes.c_int, *(_TYPES.get(kind, ctypes.c_void_p) for kind in kinds))


def _build(code: str, path: str, *options: str) -> None:
    command = (compiler(), "-xc", "-", "-xnone", "-shared", "-fPIC", "-o", path, *options)
    subprocess.run(command, input=code, text=True, check=True)
