"""Answers of numba that are remembered from one loop to the next.

For each place of a loop it finds out what an operation on some types is, and tries dozens of
candidates each time: of 2,100 questions in a first fit, 270 are different. And it has LLVM read a
module for each question how many bytes a type has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from numba.core.base import BaseContext
from numba.core.types.functions import BaseFunction

_found: dict[Any, tuple[Any, Any]] = {}


@contextmanager
def remembered_answers() -> Iterator[None]:
    """Within, numba looks up nothing twice; only one thread at a time may be here."""
    functions: Any = BaseFunction
    contexts: Any = BaseContext
    operation, size = functions.get_call_type, contexts.get_abi_sizeof

    def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
        look_up = partial(operation, function, context, args, kws)
        return look_up() if kws else _remembered((id(function), tuple(args)), function, look_up)

    def get_abi_sizeof(context: Any, ty: Any) -> Any:
        return _remembered(str(ty), None, partial(size, context, ty))

    functions.get_call_type, contexts.get_abi_sizeof = get_call_type, get_abi_sizeof
    try:
        yield
    finally:
        functions.get_call_type, contexts.get_abi_sizeof = operation, size


def _remembered(question: Any, about: Any, look_up: Callable[[], Any]) -> Any:
    """The answer; what it is about is kept, too, so that nothing else gets its number."""
    if question not in _found:
        _found[question] = look_up(), about  # raises where there is none
    return _found[question][0]
