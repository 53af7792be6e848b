"""Views of memory, in compiled code.

Each is a few instructions, where numba's slices, `reshape` and `carray` are hundreds, and functions
of their own, which take longer to compile than the loops that use them. Nothing checks that a view
is within the memory, and it does not hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

Typed = tuple[Any, Callable[..., Any]]
WHOLE = ir.IntType(64)


def made_view(context: Any, builder: Any, of_type: Any, data: Any, lengths: Sequence[Any]) -> Any:
    """The code of a view in C order of such lengths, which begins at a pointer."""
    view = context.make_array(of_type)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(of_type.dtype))
    itemsize = context.get_constant(types.intp, size)
    strides = [itemsize]
    for length in lengths[:0:-1]:
        strides.insert(0, builder.mul(length, strides[0]))
    populate_array(
        view,
        data=data,
        shape=cgutils.pack_array(builder, lengths),
        strides=cgutils.pack_array(builder, strides),
        itemsize=itemsize,
        meminfo=None,
    )
    return view._getvalue()


def data_of(context: Any, builder: Any, array: Any, value: Any, begin: Any) -> Any:
    """The code of a pointer to an entry of a contiguous array."""
    return builder.gep(context.make_array(array)(context, builder, value).data, [begin])


def _view_of(array: Any, lengths: tuple[Any, ...]) -> Typed:
    """A view of those lengths, which begins at an entry."""
    of_type = types.Array(array.dtype, len(lengths), "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, begin, *lengths = args
        data = data_of(context, builder, array, value, begin)
        return made_view(context, builder, of_type, data, lengths)

    return of_type(array, types.int64, *[types.int64] * len(lengths)), generate


def _typed_vector(typing: Any, array: Any, begin: Any, n: Any) -> Typed:
    """The n entries of a contiguous array that begin at one."""
    return _view_of(array, (n,))


def _typed_matrix(typing: Any, array: Any, begin: Any, n: Any, m: Any) -> Typed:
    """The same as a matrix (n, m)."""
    return _view_of(array, (n, m))


def _typed_rows(typing: Any, array: Any, like: Any) -> Typed:
    """A contiguous array as a matrix of as many rows as a vector has entries."""
    of_type = types.Array(array.dtype, 2, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given, other = (
            context.make_array(of)(context, builder, value)
            for of, value in zip(signature.args, args, strict=True)
        )
        rows = builder.extract_value(other.shape, 0)
        lengths = rows, builder.sdiv(given.nitems, rows)
        return made_view(context, builder, of_type, given.data, lengths)

    return of_type(array, like), generate


def _typed_array(typing: Any, address: Any, like: Any, *lengths: Any) -> Typed:
    """The array at an address, of the dtype of `like`, which may be a type of numbers."""
    of_type = types.Array(like.dtype, len(lengths), "C")
    whole = types.StarArgTuple.from_types((types.int64,) * len(lengths))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, _, packed = args
        data = builder.inttoptr(address, context.get_data_type(like.dtype).as_pointer())
        lengths = cgutils.unpack_tuple(builder, packed)
        return made_view(context, builder, of_type, data, lengths)

    return of_type(types.int64, like, whole), generate


def _typed_address(typing: Any, array: Any, begin: Any) -> Typed:
    """The address of an entry of a contiguous array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, begin = args
        return builder.ptrtoint(data_of(context, builder, array, value, begin), WHOLE)

    return types.int64(array, types.int64), generate


address_at: Any = intrinsic(_typed_address)
vector_at: Any = intrinsic(_typed_vector)
matrix_at: Any = intrinsic(_typed_matrix)
rows_as: Any = intrinsic(_typed_rows)
array_at: Any = intrinsic(_typed_array)
