"""Matrix product that skips zeros, of samples that have many: images, counts, words as columns.

For each number of A that is not 0, a row of B is taken times it. Sums are those of `matmul` without
their terms that are 0: where B is finite, they have the same bits, but for the sign of a sum that
is 0 as a product was too small for the dtype.

A comes in words: so many numbers of a row, whose bits say which are not 0. As many rows of B stay
in the cache while all rows of A take from them. Rows of B and C are whole pairs of registers, so
that nothing has to be masked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.compiler import compiled
from xpnet.fused.numba.compilation.views import WHOLE, array_at
from xpnet.fused.numba.products.matmul import register_size
from xpnet.fused.numba.registers import Vectors
from xpnet.types import Array

WORD = 64
"""Numbers of a word: as many as an integer has bits."""
PAIR, WIDE = 2, 8
"""Registers of a row, at the least and at the most: its sums stay in them."""
SHARE = 0.3
"""Share of numbers that are not 0 up to which they are few: each takes twice as long by itself."""
LOOKED_AT = 64
"""Samples that are looked at."""
LEAST_UNITS, LEAST_WEIGHTS = 32, 2**13
"""Of a layer, or of those that have their products together, from which on it pays."""


def pays(n: int, n_in: int) -> bool:
    """Whether it pays to leave out zeros where so many units have so many inputs."""
    return n >= LEAST_UNITS and n * n_in >= LEAST_WEIGHTS


def has_many_zeros(X: Array) -> bool:
    """Whether numbers that are not 0 are few in samples (m, n_in); some from all parts tell."""
    are = X[:: len(X) // LOOKED_AT + 1] != 0
    return bool(np.count_nonzero(are) <= SHARE * are.size)


@compiled
def product_without_zeros(
    A: int,
    row: int,
    word: int,
    B: int,
    k: int,
    most: int,
    to_C: int,
    further: int,
    n: int,
    width: int,
    like: Array,
) -> None:
    """``C = A B``, each entry added up from sums of `most` terms.

    Parameters
    ----------
    A, B, to_C : int
        The addresses of matrices (n, k), (k, width) and (n, width), the latter in C order.
    row, word : int
        Numbers from one row of A to the next, and from one word of a row to the next.
    k : int
    most : int
        Whole words.
    further : int
        The address of room for such a C, where k is more than `most`.
    n : int
    width : int
        Pairs of registers.
    like : array
        Of the dtype of the matrices.
    """
    size = like.itemsize
    registers = width * size // register_size(like)
    for start in range(0, k, WORD):
        left = WORD if k - start > WORD else k - start
        of_sum = start % most
        to_sums = to_C if start < most else further
        b = B + start * width * size
        for i in range(n):
            a = A + (i * row + start // WORD * word) * size
            arguments = a, b, width, left, of_sum, to_sums + i * width * size, like
            if registers > 6:
                of_8(*arguments)
            elif registers > 4:
                of_6(*arguments)
            else:
                of_2(*arguments) if registers == PAIR else of_4(*arguments)
        if start >= most and (of_sum + WORD == most or start + WORD >= k):
            C, sums = array_at(to_C, like, n * width), array_at(further, like, n * width)
            for entry in range(n * width):
                C[entry] += sums[entry]


def _word_of(vectors: int) -> Any:
    """What goes on with a row of so many registers by one word."""

    def typed(
        typing: Any,
        A: Any,
        B: Any,
        width: Any,
        k: Any,
        of_sum: Any,
        to_C: Any,
        like: Any,
    ) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _word(Vectors(context, builder, like.dtype), vectors, *args[:-1])
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6, like), generate

    return intrinsic(typed)


def _word(
    on: Vectors, vectors: int, A: Any, B: Any, width: Any, k: Any, of_sum: Any, to_C: Any
) -> None:
    """The code of a loop over the bits of a word; sums begin with 0, or go on with those of C."""
    builder, zero, one = on.builder, ir.Constant(WHOLE, 0), ir.Constant(WHOLE, 1)
    old = on.where(builder.icmp_signed(">", of_sum, zero), on.all)
    begun = [on.load(to_C, v, old) for v in range(vectors)]
    found = _bits(on, A, k)
    before = builder.block
    loop, body, end = (builder.append_basic_block(name) for name in ("loop", "body", "end"))
    builder.branch(loop)

    builder.position_at_end(loop)
    bits, *sums = (builder.phi(each) for each in (WHOLE, *[on.type] * vectors))
    builder.cbranch(builder.icmp_signed("!=", bits, zero), body, end)

    builder.position_at_end(body)
    p = builder.cttz(bits, ir.Constant(ir.IntType(1), 1))
    others = builder.and_(bits, builder.sub(bits, one))
    a, from_b = on.spread(on.place(A, p)), on.place(B, builder.mul(p, width))
    b = [on.load(from_b, v, on.all) for v in range(vectors)]
    new = [on.plus_product(a, *each) for each in zip(b, sums, strict=True)]
    builder.branch(loop)
    for phi, *values in zip([bits, *sums], [found, *begun], [others, *new], strict=True):
        for value, block in zip(values, (before, body), strict=True):
            phi.add_incoming(value, block)

    builder.position_at_end(end)
    for v in range(vectors):
        on.store(sums[v], to_C, v, on.all)


def _bits(on: Vectors, A: Any, k: Any) -> Any:
    """The code of an integer that has a bit for each of the first k numbers from A on, if not 0."""
    builder, found = on.builder, ir.Constant(WHOLE, 0)
    for v in range(WORD // on.lanes):
        begin = ir.Constant(WHOLE, v * on.lanes)
        values = on.load(A, v, on.mask(builder.sub(k, begin)))
        are = builder.fcmp_unordered("!=", values, on.zero)  # NaN is not 0, either
        part = builder.zext(builder.bitcast(are, ir.IntType(on.lanes)), WHOLE)
        found = builder.or_(found, builder.shl(part, begin))
    return found


of_2, of_4, of_6, of_8 = map(_word_of, range(PAIR, WIDE + 1, PAIR))
