"""Transposed matrix, made in registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.compilation.views import WHOLE
from xpnet.fused.numba.matmul import register_size
from xpnet.fused.numba.registers import Vectors
from xpnet.types import Array


@compiled
def transpose(A: int, row_A: int, to_B: int, row_B: int, n: int, m: int, like: Array) -> None:
    """``B = Aᵀ`` of matrices (n, m) and (m, n) at those addresses, of the dtype of `like`.

    `row_A` and `row_B` are the entries from one row to the next.
    """
    size = like.itemsize
    lanes = register_size(like) // size
    for i in range(0, n, lanes):
        for j in range(0, m, lanes):
            a, b = A + (i * row_A + j) * size, to_B + (j * row_B + i) * size
            square(a, row_A, b, row_B, n - i, m - j, like)


def _typed_square(
    typing: Any, A: Any, row_A: Any, to_B: Any, row_B: Any, n: Any, m: Any, like: Any
) -> tuple[Any, Callable[..., Any]]:
    """As many rows and columns, up to n and m, as a register has lanes."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        on = Vectors(context, builder, like.dtype)
        A, row_A, to_B, row_B, n, m, _ = args
        numbers = [ir.Constant(WHOLE, lane) for lane in range(on.lanes)]
        rows = []
        for i in numbers:
            of_row = builder.select(builder.icmp_signed("<", i, n), m, numbers[0])
            rows.append(on.load(on.place(A, builder.mul(row_A, i)), 0, on.mask(of_row)))
        rows = _transposed(on, rows)
        for j, row in zip(numbers, rows, strict=True):
            of_row = builder.select(builder.icmp_signed("<", j, m), n, numbers[0])
            on.store(row, on.place(to_B, builder.mul(row_B, j)), 0, on.mask(of_row))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6, like), generate


def _transposed(on: Vectors, rows: list[Any]) -> list[Any]:
    """Two rows change halves, then those in either half quarters, and so on."""
    lanes, distance = range(on.lanes), 1
    while distance < on.lanes:
        low = [lane if not lane & distance else on.lanes + lane - distance for lane in lanes]
        high = [lane + distance if not lane & distance else on.lanes + lane for lane in lanes]
        for i in lanes:
            if not i & distance:
                a, b = rows[i], rows[i + distance]
                rows[i], rows[i + distance] = on.shuffled(a, b, low), on.shuffled(a, b, high)
        distance *= 2
    return rows


square: Any = intrinsic(_typed_square)
