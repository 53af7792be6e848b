"""Rows of a table in compiled code, whose fields are read by name.

numba's own type of a row has all its fields in its name, and this in the name of each loop that
takes one and of all that is in it: a fifth of what it took to compile them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, lower_getattr_generic, models, register_model


class Row(types.Opaque):
    """The type of a row, which is its address."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._key = str(dtype)
        super().__init__("Row")

    @property
    def key(self) -> str:
        """What numba tells types apart by, in place of the name."""
        return self._key


register_model(Row)(models.OpaqueModel)


@infer_getattr
class _Fields(AttributeTemplate):
    """The types of the fields."""

    key = Row

    def generic_resolve(self, row: Any, name: str) -> Any:  # type: ignore[override]
        return from_dtype(row.dtype.fields[name][0])


@lower_getattr_generic(Row)
def _field(context: Any, builder: Any, row: Any, address: Any, name: str) -> Any:
    """The code that reads a field."""
    dtype, offset = row.dtype.fields[name]
    field = builder.gep(address, [ir.Constant(ir.IntType(64), offset)])
    of_type = context.get_data_type(from_dtype(dtype))
    return builder.load(builder.bitcast(field, of_type.as_pointer()))


def row_of_table(dtype: np.dtype[Any]) -> Any:
    """What gives, in compiled code, row k of the table of that dtype at an address."""
    of_type = Row(dtype)

    def typed(typing: Any, table: Any, k: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            table, k = args
            offset = builder.mul(k, ir.Constant(k.type, dtype.itemsize))
            return builder.inttoptr(builder.add(table, offset), ir.IntType(8).as_pointer())

        return of_type(types.int64, types.int64), generate

    return intrinsic(typed)


def _typed_address(typing: Any, row: Any) -> tuple[Any, Callable[..., Any]]:
    """The address of a row, for loops that are given whole numbers."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], ir.IntType(64))

    return types.int64(row), generate


address_of_row: Any = intrinsic(_typed_address)
