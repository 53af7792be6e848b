"""What `fit` is given: refused where nothing can be trained with it, before anything is told."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

from array_api_compat import is_array_api_obj, is_dask_array

from xpnet.network import Network
from xpnet.train.evaluation import labelled_data
from xpnet.types import Array, Batch, Params

__all__ = [
    "check_batches",
    "check_samples",
    "check_validation",
    "checked_callbacks",
    "parts_of",
    "refuse_dask",
    "targets_of",
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


def targets_of(net: Network, value_and_grad: Any) -> str:
    """The output whose range targets must be in: a loss of one's own takes any finite ones."""
    return net.output if value_and_grad is None else "identity"


def check_batches(batches: Any) -> None:
    """Raise unless `batches` can be walked through, and is more than one batch."""
    if isinstance(batches, Batch) or not _is_several(batches):
        raise TypeError(
            f"batches is a {type(batches).__name__}: expected an iterable of (X, Y) or "
            "(X, Y, sample_weight), such as [(X, Y)]"
        )


def parts_of(batch: Any, number: int) -> tuple[Array, Array, Array | None]:
    """X, Y and the weights, or None, of a batch that is a pair or triple of any kind."""
    if not _is_several(batch):
        raise TypeError(
            f"batch {number} is a {type(batch).__name__}: expected (X, Y) or "
            "(X, Y, sample_weight); a single batch goes as batches=[(X, Y)]"
        )
    parts = tuple(batch)
    if len(parts) not in (2, 3):
        raise ValueError(
            f"batch {number} has {len(parts)} entries: expected (X, Y) or (X, Y, sample_weight)"
        )
    return parts if len(parts) == 3 else (*parts, None)


def _is_several(things: Any) -> bool:
    """Whether a loop takes them one by one, also as a torch Dataset has them, by number."""
    if is_array_api_obj(things) or isinstance(things, Mapping | str):
        return False
    return isinstance(things, Iterable) or hasattr(type(things), "__getitem__")


def check_samples(X: Array, Y: Array) -> None:
    """Raise unless X and Y are samples that can be shuffled, and there is one."""
    for name, array in (("X", X), ("Y", Y)):
        if array.ndim != 2:
            raise ValueError(
                f"{name} has shape {tuple(array.shape)}: fit gives every network of a stack the "
                "same samples, expected (n, m); xpnet.steps takes batches (K, n, m)"
            )
    if X.shape[1] == 0:
        raise ValueError(f"X has shape {tuple(X.shape)}: expected at least one sample to train on")


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


def _named(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"a {type(thing).__name__}"


def _made(thing: Any) -> str:
    """How an instance would be written where `thing` stands."""
    kind = thing if isinstance(thing, type) else type(thing)
    return f"{kind.__name__}(…)" if hasattr(kind, "on_epoch") else "EarlyStopping(…)"
