"""Checks of the settings of optimisers, schedules and clipping, made where these are made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from numbers import Real
from types import FunctionType
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj

from xpnet.types import Optimizer


def at_least_zero(**settings: Any) -> None:
    """Raise unless every setting, a number or an array of them, is 0 or more, and finite."""
    _check(
        settings, lambda number: (number >= 0) & (number < float("inf")), "0 or more, and finite"
    )


def tolerances(**settings: Any) -> None:
    """Raise unless every setting is a number: below 0 is never met, infinity at once."""
    _check(settings, lambda number: number == number, "a number")


def positive(**settings: Any) -> None:
    """Raise unless every setting is above 0, and finite."""
    _check(settings, lambda number: (number > 0) & (number < float("inf")), "a number above 0")


def fractions(**settings: Any) -> None:
    """Raise unless every setting is 0 or more and below 1: averages divide by 1 less it."""
    _check(settings, lambda number: (number >= 0) & (number < 1), "0 or more and below 1")


def shares(**settings: Any) -> None:
    """Raise unless every setting lies between 0 and 1, both included."""
    _check(settings, lambda number: (number >= 0) & (number <= 1), "a number from 0 to 1")


def single(**settings: Any) -> None:
    """Raise unless every setting is one number, the same for all networks of a stack."""
    for name, number in settings.items():
        if not isinstance(number, Real):
            raise TypeError(
                f"{name} is {number!r}: expected one number, the same for all networks of a stack"
            )


def check_optimizer(optimizer: Any) -> None:
    """Raise a TypeError that says what is expected, unless `optimizer` is one."""
    if not isinstance(optimizer, Optimizer):
        name = (
            f"the function {optimizer.__name__}"
            if isinstance(optimizer, FunctionType)
            else repr(optimizer)
        )
        raise TypeError(
            f"optimizer is {name}: expected an optimizer, such as xpnet.optim.adam(1e-3)"
        )


def check_kind(name: str, number: Any, expected: str) -> None:
    """Raise unless `number` is one, or an array of one for each network; nothing is read."""
    if isinstance(number, Real):
        return
    if not is_array_api_obj(number):
        raise TypeError(
            f"{name} is {number!r}: expected {expected}; for a stack of networks an array of "
            "shape (K, 1, 1)"
        )
    if number.ndim and number.shape[-2:] != (1, 1):
        raise ValueError(
            f"{name} has shape {tuple(number.shape)}: expected a number, or (K, 1, 1), "
            "one for each network of a stack"
        )


def _check(settings: dict[str, Any], fits: Callable[[Any], Any], expected: str) -> None:
    for name, number in settings.items():
        check_kind(name, number, expected)
        with _where_it_lies(number):
            good = fits(number)
            if not bool(good if isinstance(number, Real) else array_namespace(number).all(good)):
                raise ValueError(f"{name} is {number}: expected {expected}")


def _where_it_lies(number: Any) -> AbstractContextManager[Any]:
    """The device of an array as a context, where it can be one.

    CuPy computes on its current device, not on that of the operands.
    """
    device = getattr(number, "device", None)
    return device if isinstance(device, AbstractContextManager) else nullcontext()
