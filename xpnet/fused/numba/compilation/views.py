"""Views of a vector, in compiled code.

Each is a few instructions, where numba's slices and `reshape` are hundreds, which take longer to
compile than the loops that use them. Nothing checks that a view is within the vector, and it does
not hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


def _view(array: Any, begin: Any, shape: tuple[Any, ...]) -> tuple[Any, Callable[..., Any]]:
    """A view of that shape in C order, which begins at an entry."""
    of_type = types.Array(array.dtype, len(shape), "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given, begin, *lengths = args
        source = context.make_array(array)(context, builder, given)
        strides = [source.itemsize]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(length, strides[0]))
        view = context.make_array(of_type)(context, builder)
        populate_array(
            view,
            data=builder.gep(source.data, [begin]),
            shape=cgutils.pack_array(builder, lengths),
            strides=cgutils.pack_array(builder, strides),
            itemsize=source.itemsize,
            meminfo=None,
        )
        return view._getvalue()

    return of_type(array, types.int64, *[types.int64] * len(shape)), generate


def _typed_vector(typing: Any, array: Any, begin: Any, n: Any) -> tuple[Any, Callable[..., Any]]:
    """The n entries of a contiguous array that begin at one."""
    return _view(array, begin, (n,))


def _typed_matrix(
    typing: Any, array: Any, begin: Any, n: Any, m: Any
) -> tuple[Any, Callable[..., Any]]:
    """The same as a matrix (n, m)."""
    return _view(array, begin, (n, m))


vector_at: Any = intrinsic(_typed_vector)
matrix_at: Any = intrinsic(_typed_matrix)
