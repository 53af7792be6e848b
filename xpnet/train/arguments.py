"""What `fit` is given: refused where nothing can be trained with it, before anything is told."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj, is_dask_array

from xpnet.network import Network
from xpnet.network.arguments import beside
from xpnet.train.evaluation import labelled_data
from xpnet.types import Array, Params

__all__ = [
    "check_validation",
    "check_weights",
    "checked_callbacks",
    "checked_penalty",
    "refuse_dask",
    "whole",
]

_MOMENTS = ("on_start", "on_step", "on_epoch", "on_end")


def whole(name: str, number: Any, least: int, of: str = "") -> int:
    """`number` as an integer of Python's, not below `least`."""
    try:
        found = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} is {number!r}: expected a whole number") from None
    if found < least:
        raise ValueError(f"{name} is {number}: expected {least} or more{of}")
    return found


def checked_callbacks(callbacks: Any) -> tuple[Any, ...]:
    """The callbacks as a tuple, each of them told to be one by its four methods."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(
            f"callbacks is {_named(callbacks)}: expected a list, callbacks=[{_made(callbacks)}]"
        )
    found = tuple(callbacks)
    for callback in found:
        if isinstance(callback, type) or not all(hasattr(callback, name) for name in _MOMENTS):
            raise TypeError(
                f"callbacks holds {_named(callback)}: expected instances of "
                f"xpnet.callbacks.Callback, such as {_made(callback)}"
            )
    return found


def checked_penalty(l2: Any, params: Params) -> float | Array:
    """λ as a float, or as an array beside `params`; neither negative nor NaN nor infinite."""
    if not isinstance(l2, Real) and not is_array_api_obj(l2):
        raise TypeError(f"l2 is {l2!r}: expected a number, 0 or more")
    if not _all_in_reach(l2):
        raise ValueError(f"l2 is {l2}: expected 0 or more, and finite")
    return beside(l2, params[0].W)


def check_weights(sample_weight: Array | None) -> None:
    """Raise if a sample weighs less than nothing, or no number. Reads the device once."""
    if sample_weight is not None and not _all_in_reach(sample_weight):
        xp = array_namespace(sample_weight)
        lowest, highest = (float(end(sample_weight)) for end in (xp.min, xp.max))
        raise ValueError(
            f"sample_weight holds weights from {lowest} to {highest}: expected 0 or more, and "
            "finite"
        )


def check_validation(net: Network, params: Params, validation: Any) -> None:
    """Refuse before the first epoch what `evaluate` would refuse after it."""
    if validation is None:
        return
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError("validation: expected a pair of arrays, validation=(X, Y)")
    try:
        labelled_data(net, params, *validation)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from error


def refuse_dask(X: Array) -> None:
    """Raise if X is a Dask array."""
    if is_dask_array(X):
        raise TypeError(
            "X is a Dask array: fit does not train on Dask; use xpnet.value_and_grad on it, or "
            "move X with X.compute()"
        )


def _all_in_reach(numbers: Any) -> bool:
    """Whether all are 0 or more and finite; NaN is neither."""
    good = (numbers >= 0) & (numbers < math.inf)
    return bool(good if isinstance(numbers, Real) else array_namespace(numbers).all(good))


def _named(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"a {type(thing).__name__}"


def _made(thing: Any) -> str:
    """How an instance would be written where `thing` stands."""
    kind = thing if isinstance(thing, type) else type(thing)
    return f"{kind.__name__}(…)" if hasattr(kind, "on_epoch") else "EarlyStopping(…)"
