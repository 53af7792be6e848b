"""Matrix product in registers, of matrices that lie in the cache as they are.

A BLAS first copies both into another order, and C from the cache and back for each part of a sum:
with few samples that takes as long as the product. Here a tile of C stays in registers for the
whole sum, W and A are read where they lie. Each entry is one sum from its first term to its last,
so it has the same bits whichever rows, columns and threads it is made with; where sums are long,
whoever calls adds up shorter ones, for roundings add up, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.views import WHOLE
from xpnet.fused.numba.registers import Vectors, registers_of
from xpnet.types import Array

SUMMED = 512
"""Inputs whose products are one sum: of more, roundings add up, and A leaves the cache."""
AHEAD = 16
"""Rows of B that are asked for ahead: where another core made them, they are far away."""
MOST, MOST_OF_FEW = 8, 6
"""Rows of a tile of two vectors, where there are 32 registers and where there are 16.

No more than a set of the cache has lines, mostly eight: where rows of A lie a power of two apart,
all of a tile's belong to one set, and more would drive each other out.
"""
WIDEST = 4
"""Vectors of a tile of two rows: with fewer sums at a time, each would wait for the one before."""


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
    whole = n // most * most
    i = j = 0
    while i < whole and j < m:
        columns = m - j
        a, b, c = A + i * row * size, B + j * size, to_C + (i * row_C + j) * size
        sums = a, row, column, b, row_B, k, adds, c, row_C, most, columns, like
        if columns < lanes:
            narrow_tile(*sums)
        else:
            tile(*sums) if columns < 2 * lanes else wide_tile(*sums)
        width = lanes if columns < 2 * lanes else 2 * lanes
        # The larger matrix is read once, and the smaller, which may stay in the cache, more often.
        if n < m:
            i += most
            i, j = (i, j) if i < whole else (0, j + width)
        else:
            j += width
            i, j = (i, j) if j < m else (i + most, 0)
    for i in range(whole, n, 4):
        a, c = A + i * row * size, to_C + i * row_C * size
        few_rows(a, row, column, B, row_B, k, adds, c, row_C, n - i, m, like)


@compiled_inner
def few_rows(
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
    """The same of the first four of n rows, or of all there are, too few for a whole tile."""
    size = like.itemsize
    lanes = register_size(like) // size
    j = 0
    while j < m:
        columns = m - j
        sums = A, row, column, B + j * size, row_B, k, adds, to_C + j * size, row_C, n, columns
        if n <= 2 and columns >= WIDEST * lanes:
            flat_tile(*sums, like)
            j += WIDEST * lanes
        elif columns >= 2 * lanes:
            wide_tile_of_4(*sums, like)
            j += 2 * lanes
        else:
            narrow_tile_of_4(*sums, like) if columns < lanes else tile_of_4(*sums, like)
            j += lanes


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


def _tile_of(rows: int | None, vectors: int, is_narrow: bool = False) -> Any:
    """What makes a tile: of up to so many rows, or of all there may be; of fewer columns."""

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
            *matrices, left, columns, _ = args
            numbers = [ir.Constant(WHOLE, r) for r in range(rows or _most(context))]
            # Of a mask that is known, nothing is left in the loop.
            mask = on.mask(columns) if is_narrow else on.all
            are_rows = [builder.icmp_signed("<", r, left) for r in numbers] if rows else []
            _tile(on, numbers, are_rows, [mask] * vectors, *matrices)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11, like), generate

    return intrinsic(typed)


def _tile(
    on: Vectors,
    numbers: list[Any],
    are_rows: list[Any],
    masks: list[Any],
    A: Any,
    row: Any,
    column: Any,
    B: Any,
    row_B: Any,
    k: Any,
    adds: Any,
    to_C: Any,
    row_C: Any,
) -> None:
    """The code of one loop over k, in which the sums stay in registers from one turn to the next.

    Where it says which rows there are, the first one is read in place of others.
    """
    builder, zero, one = on.builder, ir.Constant(WHOLE, 0), ir.Constant(WHOLE, 1)
    of_a, of_c = ([builder.mul(each, r) for r in numbers] for each in (row, row_C))
    places = [(r, v) for r in range(len(numbers)) for v in range(len(masks))]
    written = [masks[v] for _, v in places]
    if are_rows:
        of_a = [builder.select(*each, zero) for each in zip(are_rows, of_a, strict=True)]
        written = [on.where(are_rows[r], masks[v]) for r, v in places]

    before, loop = builder.block, builder.append_basic_block("sum")
    summed, added = (builder.append_basic_block(name) for name in ("summed", "added"))
    end = builder.append_basic_block("end")
    builder.branch(loop)

    builder.position_at_end(loop)
    p, *sums = (builder.phi(each) for each in (WHOLE, *[on.type] * len(places)))
    from_a = on.place(A, builder.mul(p, column))
    from_b = on.place(B, builder.mul(p, row_B))
    soon = on.place(from_b, builder.mul(row_B, ir.Constant(WHOLE, AHEAD)))
    for v in range(len(masks)):
        on.prefetch(soon, v)
    on.prefetch(from_a, 1)  # what follows in A
    b = [on.load(from_b, v, mask) for v, mask in enumerate(masks)]
    a = [on.spread(on.place(from_a, of_row)) for of_row in of_a]
    new = [on.plus_product(a[r], b[v], s) for (r, v), s in zip(places, sums, strict=True)]
    following = builder.add(p, one)
    builder.cbranch(builder.icmp_signed("<", following, k), loop, summed)
    for phi, then in zip([p, *sums], [following, *new], strict=True):
        phi.add_incoming(on.zero if phi.type == on.type else zero, before)
        phi.add_incoming(then, loop)

    builder.position_at_end(summed)
    to_rows = [on.place(to_C, of_row) for of_row in of_c]
    builder.cbranch(builder.icmp_signed("==", adds, zero), end, added)
    builder.position_at_end(added)
    old = [on.load(to_rows[r], v, mask) for (r, v), mask in zip(places, written, strict=True)]
    totals = [builder.fadd(*each) for each in zip(old, new, strict=True)]
    builder.branch(end)

    builder.position_at_end(end)
    results = [builder.phi(on.type) for _ in places]
    for (r, v), mask, *values, result in zip(places, written, new, totals, results, strict=True):
        for value, block in zip(values, (summed, added), strict=True):
            result.add_incoming(value, block)
        on.store(result, to_rows[r], v, mask)


wide_tile, wide_tile_of_4, tile, tile_of_4 = (
    _tile_of(rows, n) for n in (2, 1) for rows in (None, 4)
)
flat_tile = _tile_of(2, WIDEST)
narrow_tile, narrow_tile_of_4 = (_tile_of(rows, 1, is_narrow=True) for rows in (None, 4))
