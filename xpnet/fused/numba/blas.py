"""Matrix product of NumPy's own BLAS, for compiled code.

It is the routine that `numpy.dot` calls, with the same threads: a second BLAS beside it would have
threads of its own, and they would fight.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compiler import compiled
from xpnet.types import Array

ROUTINES = {"float32": "scipy_cblas_sgemm64_", "float64": "scipy_cblas_dgemm64_"}
"""As NumPy's wheels name them, for whole numbers of 64 bits."""

ROW_MAJOR = 101  # cblas.h
AS_IT_IS: Any = np.int32(111)
TRANSPOSED: Any = np.int32(112)


@cache
def routine(dtype: Any) -> int | None:
    """The address of NumPy's matrix product, or None where it was built with another BLAS.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.
    """
    for file in _libraries():
        with suppress(AttributeError, OSError):
            found = getattr(ctypes.CDLL(file), ROUTINES[dtype.name])
            return ctypes.cast(found, ctypes.c_void_p).value
    return None


def _libraries() -> Iterator[str]:
    """Where the product may be; a library that is loaded already is not loaded twice."""
    core = getattr(np, "_core", None)
    # Looking a name up in a library looks in those it is linked to as well, but on Windows.
    if (linked := getattr(core, "_multiarray_umath", None)) is not None:
        yield linked.__file__
    yield from map(str, Path(np.__file__).parents[1].glob("numpy.libs/*openblas*"))


@compiled
def product(blas: int, A: Array, op_A: int, B: Array, op_B: int, to_C: Array) -> None:
    """``C = A B`` of C-contiguous matrices, each `AS_IT_IS` or `TRANSPOSED` first.

    Not true or false: numba would compile it for each pair of these.
    """
    _call(
        blas,
        op_A,
        op_B,
        to_C.shape[0],
        to_C.shape[1],
        A.shape[0] if op_A == TRANSPOSED else A.shape[1],
        A,
        A.shape[1],
        B,
        B.shape[1],
        to_C,
        to_C.shape[1],
    )


def _typed_call(
    typing: Any,
    blas: Any,
    op_A: Any,
    op_B: Any,
    m: Any,
    n: Any,
    k: Any,
    A: Any,
    lda: Any,
    B: Any,
    ldb: Any,
    C: Any,
    ldc: Any,
) -> tuple[Any, Callable[..., Any]]:
    """``cblas_?gemm`` at the address `blas`, with α = 1 and β = 0."""
    matrices = (A, B, C)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        real = context.get_value_type(A.dtype)
        address, op_A, op_B, m, n, k, *rest = args
        a, b, c = (
            context.make_array(matrix)(context, builder, value).data
            for matrix, value in zip(matrices, rest[::2], strict=True)
        )
        whole, short, pointer = ir.IntType(64), ir.IntType(32), real.as_pointer()
        of_type = ir.FunctionType(
            ir.VoidType(),
            [short] * 3
            + [whole] * 3
            + [real, pointer, whole, pointer, whole]
            + [real, pointer, whole],
        )
        function = builder.inttoptr(address, of_type.as_pointer())
        lda, ldb, ldc = rest[1::2]
        one, zero = ir.Constant(real, 1.0), ir.Constant(real, 0.0)
        order = ir.Constant(short, ROW_MAJOR)
        builder.call(function, [order, op_A, op_B, m, n, k, one, a, lda, b, ldb, zero, c, ldc])
        return context.get_dummy_value()

    i32, i64 = types.int32, types.int64
    return types.void(i64, i32, i32, i64, i64, i64, A, i64, B, i64, C, i64), generate


_call: Any = intrinsic(_typed_call)
