"""Places of a network's matrices in its vectors, as compiled code finds them.

They are made as instructions: as loops that others call, each would be compiled by itself and in
all that call it, which took a sixth of the first fit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.views import WHOLE, Typed, data_of, made_view

N_OUT, N_IN, WEIGHTS, BIAS = range(4)  # of `layout`
A, Z, DZ, DA, REST, UNIT = range(3, 9)  # of `kinds`


def _entry(context: Any, builder: Any, table: Any, value: Any, layer: Any, column: int) -> Any:
    """The code that reads a number of a layer."""
    array = context.make_array(table)(context, builder, value)
    place = layer, ir.Constant(WHOLE, column)
    return builder.load(cgutils.get_item_pointer(context, builder, table, array, place))


def _typed_dense(typing: Any, vector: Any, layout: Any, layer: Any) -> Typed:
    """W and b of a layer, or their gradients."""
    matrix = types.Array(vector.dtype, 2, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, table, layer = args
        n_out, n_in, *begins = (
            _entry(context, builder, layout, table, layer, column)
            for column in (N_OUT, N_IN, WEIGHTS, BIAS)
        )
        views = [
            made_view(
                *(context, builder, matrix),
                *(data_of(context, builder, vector, value, begin), (n_out, n)),
            )
            for begin, n in zip(begins, (n_in, ir.Constant(WHOLE, 1)), strict=True)
        ]
        return context.make_tuple(builder, signature.return_type, views)

    return types.UniTuple(matrix, 2)(vector, layout, types.int64), generate


def _typed_rows(
    typing: Any, work: Any, layout: Any, kinds: Any, place: Any, layer: Any, m: Any
) -> Typed:
    """The matrix of a layer, (n_out, m), that begins at the row which `kinds` has at a place."""
    matrix = types.Array(work.dtype, 2, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, sizes, table, place, layer, m = args
        array = context.make_array(kinds)(context, builder, table)
        entry = cgutils.get_item_pointer(context, builder, kinds, array, (layer, place))
        n = _entry(context, builder, layout, sizes, layer, N_OUT)
        data = data_of(context, builder, work, value, builder.mul(builder.load(entry), m))
        return made_view(context, builder, matrix, data, (n, m))

    return matrix(work, layout, kinds, types.int64, types.int64, types.int64), generate


dense: Any = intrinsic(_typed_dense)
rows_of: Any = intrinsic(_typed_rows)
