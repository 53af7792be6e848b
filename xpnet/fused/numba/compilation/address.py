"""Calls of compiled loops by their addresses: a program compiles what its network needs, no more.

A loop that another one calls by name is compiled into it, and every activation and cost would be,
as any network may want them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from xpnet._interrupts import deferred_signals
from xpnet.fused.numba.compilation import cache


def address_of(loop: Any, *arguments: Any) -> int:
    """Where the code of a loop for such arguments lies, until the process ends."""
    signature = tuple(map(numba.typeof, arguments))
    with deferred_signals():
        code = loop.inner.loaded(signature)
    cache.warn_once()
    address: int = code.library.get_pointer_to_function(code.fndesc.llvm_func_name)
    return address


def _calling(returned: Any) -> Any:
    """What calls a loop that returns such a value, in compiled code: ``f(address, *arguments)``.

    Nothing checks that the loop is one for these arguments.
    """

    def typed_call(typing: Any, address: Any, *given: Any) -> tuple[Any, Callable[..., Any]]:
        arguments = tuple(map(types.unliteral, given))

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            convention = context.call_conv
            of_type = convention.get_function_type(returned, arguments)
            address, packed = args
            function = builder.inttoptr(address, of_type.as_pointer())
            status, result = convention.call_function(
                builder, function, returned, arguments, cgutils.unpack_tuple(builder, packed)
            )
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return context.get_dummy_value() if returned == types.void else result

        return returned(types.int64, types.StarArgTuple.from_types(arguments)), generate

    return intrinsic(typed_call)


call: Any = _calling(types.void)
number_of: Any = _calling(types.float64)
