"""Matrix product of NumPy's own BLAS, for compiled code.

It is the routine that `numpy.dot` calls, with the same threads: a second BLAS beside it would have
threads of its own, and they would fight.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.types import Array

ROUTINES = {"float32": "scipy_cblas_sgemm64_", "float64": "scipy_cblas_dgemm64_"}
"""As NumPy's wheels name them, for whole numbers of 64 bits."""

ROW_MAJOR = 101  # cblas.h
AS_IT_IS: Any = np.int32(111)
TRANSPOSED: Any = np.int32(112)

UNDIVIDED = 256
"""Length of a sum up to which no OpenBLAS kernel divides it; longer ones it divides in one way for
one thread and in another for many."""
HALVED, EVEN = 512, 64
"""Length up to which it makes two halves at most, the same for any number of threads where the
length is a multiple of this one: level3.c and level3_thread.c there round halves differently."""
ALONE = 2**18
"""Multiplications up to which OpenBLAS uses one thread: interface/gemm.c there."""
SMALL = 2**20
"""Multiplications that two threads hardly do faster than one, and that wait for both on a machine
in use."""
FEWEST = 32
"""Rows of a piece: for fewer, the BLAS spends more time on rearranging B."""


@cache
def routine(dtype: Any) -> int | None:
    """The address of NumPy's matrix product, or None where it was built with another BLAS.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.
    """
    found = _function(ROUTINES[dtype.name])
    return None if found is None else ctypes.cast(found, ctypes.c_void_p).value


@cache
def number_of_threads() -> tuple[Callable[[], int], Callable[[int], object]]:
    """What gets and what sets the number of threads, where there is a `routine`."""
    get, set_ = (_function(f"scipy_openblas_{verb}_num_threads64_") for verb in ("get", "set"))
    number, most = map(_variable, ("blas_cpu_number", "blas_num_threads"))
    if get is None or set_ is None:
        return (lambda: 1), (lambda number: None)
    return get, set_ if number is None or most is None else partial(_set, number, most, set_)


def _set(variable: Any, most: Any, function: Callable[[int], object], number: int) -> None:
    """Set the number: by the variable alone, where there were so many threads before.

    OpenBLAS's function also starts those again that `end_threads` ended.
    """
    if number <= most.value:
        variable.value = number
    else:
        function(number)


def end_threads() -> None:
    """End the threads that NumPy's BLAS has waiting, which it starts again when it needs them.

    OpenBLAS's wait in a loop for a tenth of a second after a product, and keep their cores from
    other threads for so long. It ends them in the same way before a process forks.
    """
    if (end := _end_of_threads()) is not None:
        end()


@cache
def _end_of_threads() -> Any:
    return _function("blas_thread_shutdown_")


def _function(name: str) -> Any:
    """A function of NumPy's BLAS; None where it has none of that name."""
    for file in _libraries():
        with suppress(AttributeError, OSError):
            return getattr(ctypes.CDLL(file), name)
    return None


def _variable(name: str) -> Any:
    """A whole number of NumPy's BLAS; None where it shows none of that name."""
    for file in _libraries():
        with suppress(ValueError, OSError):
            return ctypes.c_int.in_dll(ctypes.CDLL(file), name)
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

    Not true or false: numba would compile it for each pair of these. In parts: sums of such
    lengths come out the same to the bit however many threads there are, and what is too small to
    gain from threads comes in pieces that it leaves to one.
    """
    n_out, m = to_C.shape
    n_in = A.shape[0] if op_A == TRANSPOSED else A.shape[1]
    # How far apart in memory the rows of A lie, and its columns; and the rows of B.
    row, column = (1, A.shape[1]) if op_A == TRANSPOSED else (A.shape[1], 1)
    row_B = 1 if op_B == TRANSPOSED else B.shape[1]
    summed = n_in if n_in < HALVED else HALVED
    rows = ALONE // (m * summed)
    if n_out * m * summed > SMALL or rows < FEWEST:
        rows = n_out
    start = 0
    while start < n_in:
        k = n_in - start if n_in - start < HALVED else HALVED
        k -= k % EVEN if k > UNDIVIDED else 0
        beta = to_C.dtype.type(0 if start == 0 else 1)
        for i in range(0, n_out, rows):
            n = rows if rows < n_out - i else n_out - i
            a, b = i * row + start * column, start * row_B
            gemm(
                blas, op_A, op_B, n, m, k, A, a, A.shape[1], B, b, B.shape[1], beta, to_C, i * m, m
            )
        start += k


def multiply(A: Array, B: Array, to_C: Array) -> Any:
    """``C = A B`` by `product`; NotImplemented of arrays that it is not compiled for."""
    blas = routine(to_C.dtype)
    if blas is None or not (is_for_product(A) and is_for_product(B)):
        return NotImplemented
    (A, op_A), (B, op_B) = _in_order(A), _in_order(B)
    return product(blas, A, op_A, B, op_B, to_C)


def _in_order(A: Array) -> tuple[Array, Any]:
    """A or its transpose, whichever is C-contiguous, and how that is to be used."""
    return (A, AS_IT_IS) if A.flags.c_contiguous else (A.T, TRANSPOSED)


def is_for_product(A: Array) -> bool:
    """Whether `product` is compiled for a matrix: contiguous, and not of numba's read-only type."""
    return bool(A.flags.writeable and (A.flags.c_contiguous or A.flags.f_contiguous))


def _typed_gemm(
    typing: Any,
    blas: Any,
    op_A: Any,
    op_B: Any,
    m: Any,
    n: Any,
    k: Any,
    A: Any,
    first_a: Any,
    lda: Any,
    B: Any,
    first_b: Any,
    ldb: Any,
    beta: Any,
    C: Any,
    first_c: Any,
    ldc: Any,
) -> tuple[Any, Callable[..., Any]]:
    """``cblas_?gemm`` at the address `blas`, with α = 1, from these entries of A, B and C on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        real = context.get_value_type(A.dtype)
        address, *sizes, a, first_a, lda, b, first_b, ldb, beta, c, first_c, ldc = args

        def pointer_to(matrix: Any, value: Any, first: Any) -> Any:
            return builder.gep(context.make_array(matrix)(context, builder, value).data, [first])

        whole, short, pointer = ir.IntType(64), ir.IntType(32), real.as_pointer()
        of_type = ir.FunctionType(
            ir.VoidType(),
            [short] * 3
            + [whole] * 3
            + [real, pointer, whole, pointer, whole]
            + [real, pointer, whole],
        )
        function = builder.inttoptr(address, of_type.as_pointer())
        order, alpha = ir.Constant(short, ROW_MAJOR), ir.Constant(real, 1.0)
        a, b, c = pointer_to(A, a, first_a), pointer_to(B, b, first_b), pointer_to(C, c, first_c)
        builder.call(function, [order, *sizes, alpha, a, lda, b, ldb, beta, c, ldc])
        return context.get_dummy_value()

    i32, i64 = types.int32, types.int64
    matrices = A, i64, i64, B, i64, i64, A.dtype, C, i64, i64
    return types.void(i64, i32, i32, i64, i64, i64, *matrices), generate


gemm: Any = intrinsic(_typed_gemm)
