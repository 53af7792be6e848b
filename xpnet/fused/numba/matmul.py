"""Matrix product in registers, of matrices that lie in the cache as they are.

A BLAS first copies both into another order, and C from the cache and back for each part of a sum:
with few samples that takes as long as the product. Here a tile of C stays in registers for the
whole sum, W and A are read where they lie. Each entry is one sum from its first term to its last,
so it has the same bits whichever rows, columns and threads it is made with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.compilation.views import WHOLE
from xpnet.fused.numba.registers import Vectors, registers_of
from xpnet.types import Array

AHEAD = 16
"""Rows of B that are asked for ahead: where another core made them, they are far away."""
MOST, MOST_OF_FEW = 12, 6
"""Rows of a tile of two vectors, where there are 32 registers and where there are 16."""


@compiled
def matmul(
    A: int,
    row: int,
    column: int,
    B: int,
    row_B: int,
    k: int,
    adds: int,
    to_C: int,
    row_C: int,
    n: int,
    m: int,
    like: Array,
) -> None:
    """``C = A B``, or ``C + A B`` where `adds` is 1.

    Parameters
    ----------
    A, B, to_C : int
        The addresses of matrices (n, k), (k, m) and (n, m).
    row, column : int
        Entries from one row of A to the next, and from one column to the next; B and C have theirs
        side by side.
    row_B, row_C : int
    k, adds, n, m : int
    like : array
        Of the dtype of the matrices.
    """
    size, most = like.itemsize, tile_rows(like)
    lanes = register_size(like) // size
    for j in range(0, m, 2 * lanes):
        columns = m - j
        i = 0
        while i < n:
            left = n - i
            a, b, c = A + i * row * size, B + j * size, to_C + (i * row_C + j) * size
            sums = a, row, column, b, row_B, k, adds, c, row_C, left, columns, like
            if columns > lanes:
                if left >= most:
                    wide_tile(*sums)
                    i += most
                else:
                    wide_tile_of_4(*sums)
                    i += 4
            elif left >= most:
                tile(*sums)
                i += most
            else:
                tile_of_4(*sums)
                i += 4


def _most(context: Any) -> int:
    return MOST if registers_of(context).number >= 32 else MOST_OF_FEW


def _constant_of(number: Callable[[Any], int]) -> Any:
    """What is, in compiled code, a constant of the processor."""

    def typed(typing: Any, like: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return ir.Constant(WHOLE, number(context))

        return types.int64(like), generate

    return intrinsic(typed)


tile_rows = _constant_of(_most)
register_size = _constant_of(lambda context: registers_of(context).size)


def _tile_of(rows: int | None, vectors: int) -> Any:
    """What makes a tile of so many rows, all there may be without a number, in one loop over k."""

    def typed(
        typing: Any,
        A: Any,
        row: Any,
        column: Any,
        B: Any,
        row_B: Any,
        k: Any,
        adds: Any,
        to_C: Any,
        row_C: Any,
        left: Any,
        columns: Any,
        like: Any,
    ) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            on = Vectors(context, builder, like.dtype)
            _tile(on, rows or _most(context), vectors, *args[:-1])
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11, like), generate

    return intrinsic(typed)


def _tile(
    on: Vectors,
    rows: int,
    vectors: int,
    A: Any,
    row: Any,
    column: Any,
    B: Any,
    row_B: Any,
    k: Any,
    adds: Any,
    to_C: Any,
    row_C: Any,
    left: Any,
    columns: Any,
) -> None:
    """The code of it: the sums stay in registers from one turn of the loop to the next.

    Of some rows `left` may be fewer: then the first one is read in place of others.
    """
    builder, zero, one = on.builder, ir.Constant(WHOLE, 0), ir.Constant(WHOLE, 1)
    numbers = [ir.Constant(WHOLE, r) for r in range(rows)]
    are_rows = [builder.icmp_signed("<", r, left) for r in numbers]
    masks = [on.mask(v * on.lanes, columns) for v in range(vectors)]
    of_rows = [on.place(to_C, builder.mul(row_C, r)) for r in numbers]
    places = [(r, v) for r in range(rows) for v in range(vectors)]
    first = []
    for r, v in places:
        added = builder.select(are_rows[r], builder.mul(columns, adds), zero)
        first.append(on.load(of_rows[r], v, on.mask(v * on.lanes, added)))

    of_a = [
        builder.mul(row, builder.select(is_row, r, zero))
        for r, is_row in zip(numbers, are_rows, strict=True)
    ]

    before, loop = builder.block, builder.append_basic_block("sum")
    end = builder.append_basic_block("summed")
    builder.branch(loop)
    builder.position_at_end(loop)
    p = builder.phi(WHOLE)
    sums = [builder.phi(on.type) for _ in places]
    from_a = on.place(A, builder.mul(p, column))
    from_b = on.place(B, builder.mul(p, row_B))
    soon = on.place(from_b, builder.mul(row_B, ir.Constant(WHOLE, AHEAD)))
    for v in range(vectors):
        on.prefetch(soon, v)
    b = [on.load(from_b, v, masks[v]) for v in range(vectors)]
    a = [on.spread(on.place(from_a, of_row)) for of_row in of_a]
    new = [on.plus_product(a[r], b[v], s) for (r, v), s in zip(places, sums, strict=True)]
    following = builder.add(p, one)
    builder.cbranch(builder.icmp_signed("<", following, k), loop, end)
    for phi, begin, then in zip([p, *sums], [zero, *first], [following, *new], strict=True):
        phi.add_incoming(begin, before)
        phi.add_incoming(then, loop)

    builder.position_at_end(end)
    for (r, v), value in zip(places, new, strict=True):
        written = on.mask(v * on.lanes, builder.select(are_rows[r], columns, zero))
        on.store(value, of_rows[r], v, written)


wide_tile, wide_tile_of_4 = (_tile_of(rows, 2) for rows in (None, 4))
tile, tile_of_4 = (_tile_of(rows, 1) for rows in (None, 4))
