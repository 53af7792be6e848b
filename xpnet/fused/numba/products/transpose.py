"""Transposed matrix, made in registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.compilation.views import WHOLE
from xpnet.fused.numba.products.matmul import register_size
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
            if n - i >= lanes and m - j >= lanes:
                square(a, row_A, b, row_B, n, m, like)
            else:
                part_of_square(a, row_A, b, row_B, n - i, m - j, like)


def _square(is_part: bool) -> Any:
    """What transposes as many rows and columns as a register has lanes, or up to n and m."""

    def typed(
        typing: Any, A: Any, row_A: Any, to_B: Any, row_B: Any, n: Any, m: Any, like: Any
    ) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            on = Vectors(context, builder, like.dtype)
            A, row_A, to_B, row_B, n, m, _ = args
            numbers = [ir.Constant(WHOLE, lane) for lane in range(on.lanes)]

            def masks(rows: Any, columns: Any) -> list[Any]:
                """Of rows from the first on, which lanes are within the matrix."""
                if not is_part:
                    return [on.all] * on.lanes
                mask = on.mask(columns)
                return [on.where(builder.icmp_signed("<", i, rows), mask) for i in numbers]

            rows = []
            for i, mask in zip(numbers, masks(n, m), strict=True):
                rows.append(on.load(on.place(A, builder.mul(row_A, i)), 0, mask))
            for j, row, mask in zip(numbers, _transposed(on, rows), masks(m, n), strict=True):
                on.store(row, on.place(to_B, builder.mul(row_B, j)), 0, mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6, like), generate

    return intrinsic(typed)


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


square, part_of_square = map(_square, (False, True))
