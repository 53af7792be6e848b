"""cuBLAS as a library of C: the functions that CuPy has no names for, or does not let be captured.

The rules are those of cuBLAS's documentation: a stream that is set takes the workspace away; what
is called while the stream is captured becomes part of the graph, memory of its own included.
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
from typing import Any

from cupy._counts import note
from cupy.cuda import cublas
from cupy.cuda._gemm import Gemm, at
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


def _gemm(dtype: str, handle: int, *args: int) -> int:
    """``gemm`` and ``gemmStridedBatched``."""
    if not cublas.exists(handle):
        return NOT_INITIALIZED
    product = Gemm.of(dtype, cublas.in_tf32(handle), *args)
    if not product.is_valid():
        return INVALID_VALUE
    setting = _SETTINGS[handle]
    workspace = setting.workspace
    if workspace is None:
        note("allocations", _POOL)

    def work() -> None:
        if workspace is not None:
            address, size = workspace
            at(address, "uint8", min(size, _SCRATCH)).fill(0xFF)
        product.multiply()

    setting.stream.do("gemm", work)
    return SUCCESS


_FUNCTIONS: dict[str, Callable[..., int]] = {
    "cublasSetStream_v2": _set_stream,
    "cublasSetWorkspace_v2": _set_workspace,
}
for _letter, _dtype in _SIZES.items():
    _FUNCTIONS[f"cublas{_letter}gemm_v2"] = partial(_gemm, _dtype)
    _FUNCTIONS[f"cublas{_letter}gemmStridedBatched"] = partial(_gemm, _dtype)

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
