"""Barrier of compiled loops: each of some threads waits there for the others.

Python's own would need the interpreter's lock, and takes longer than a step of a small network. Who
waits looks again at once for some time, as the others should soon be there, then sleeps for some
microseconds and looks again: so no core is kept from whom it waits for.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xpnet.fused.numba.compilation.compiler import compiled_inner

LOOKS = 2**18
"""Times that one looks before it sleeps: some tenths of a millisecond, as many sleeps take."""

NAP = 20 if os.name != "nt" else 0
"""Microseconds of a sleep; Windows has no such, but gives the core to whoever wants it."""

ARRIVED, LEFT = 0, 8
"""Places of both counters, each in a cache line of its own."""

PLACES = 16

WHOLE = ir.IntType(64)


@cache
def sleep() -> int:
    """The address of a C function that sleeps for so many of its units."""
    file, name = ("kernel32", "Sleep") if os.name == "nt" else (None, "usleep")
    return ctypes.cast(getattr(ctypes.CDLL(file), name), ctypes.c_void_p).value or 0


@compiled_inner
def wait_for(arrivals: int, number: int, sleep: int) -> bool:
    """Arrive, and wait until so many have; false where one has left for good.

    Parameters
    ----------
    arrivals : int
        The address of `PLACES` whole numbers, which were 0 at first.
    number : int
        Arrivals since then, of all threads together.
    sleep : int
        The address of `sleep`.
    """
    counted(arrivals, ARRIVED)
    looks = 0
    while read(arrivals, ARRIVED) < number:
        if read(arrivals, LEFT) > 0:
            return False
        looks += 1
        if looks > LOOKS:
            called(sleep, NAP)
    return True


def _place(builder: Any, address: Any, number: Any) -> Any:
    return builder.gep(builder.inttoptr(address, WHOLE.as_pointer()), [number])


def _typed_counted(typing: Any, address: Any, number: Any) -> tuple[Any, Callable[..., Any]]:
    """Add 1 to a counter; what was written before is seen by whoever reads it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = ir.Constant(WHOLE, 1)
        builder.atomic_rmw("add", _place(builder, *args), one, "seq_cst")
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _typed_read(typing: Any, address: Any, number: Any) -> tuple[Any, Callable[..., Any]]:
    """A counter as it is now."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_place(builder, *args), "seq_cst", 8)

    return types.int64(types.int64, types.int64), generate


def _typed_called(typing: Any, address: Any, argument: Any) -> tuple[Any, Callable[..., Any]]:
    """Call a C function of one whole number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        short = ir.IntType(32)
        of_type = ir.FunctionType(short, [short])
        address, argument = args
        number = builder.trunc(argument, short)
        builder.call(builder.inttoptr(address, of_type.as_pointer()), [number])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


counted: Any = intrinsic(_typed_counted)
read: Any = intrinsic(_typed_read)
called: Any = intrinsic(_typed_called)
