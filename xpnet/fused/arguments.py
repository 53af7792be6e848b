"""Conditions on arguments that fused kernels of several libraries have in common.

What is asked at every step is a loop: `all` of a generator takes twice as long, and on a small
network that shows.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from xpnet.kernels import UPDATES
from xpnet.types import Array, Dense, Params


def like(array: Array | None, other: Array) -> bool:
    """Whether `array`, where there is one, has the shape and dtype of `other`."""
    return array is None or bool(array.shape == other.shape and array.dtype == other.dtype)


def are_dense(*trees: Params) -> bool:
    """Whether every layer of parameters, gradients and moments is a `Dense`."""
    for tree in trees:
        for layer in tree:
            if type(layer) is not Dense:
                return False
    return True


def are_floats(numbers: Iterable[Any]) -> bool:
    """Whether each is one number for all networks of a stack."""
    for number in numbers:  # noqa: SIM110
        if not isinstance(number, float):
            return False
    return True


def _signature(step: Callable[..., Any]) -> tuple[int, set[str]]:
    """How many moments a step takes beside θ and g, and the names of its hyperparameters."""
    parameters = inspect.signature(step).parameters.values()
    names = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    return len(parameters) - len(names) - 2, names


SIGNATURES = {name: _signature(step.apply) for name, step in UPDATES.items()}
"""Of each plain step; looked up at every update, which on small networks shows."""


def are_of_step(
    optimizer: str, moments: Sequence[Params], hyperparameters: Mapping[str, Any]
) -> bool:
    """Whether the plain step takes as many moments, and hyperparameters of these names."""
    count, names = SIGNATURES[optimizer]
    return len(moments) == count and hyperparameters.keys() == names


def are_same(returned: Sequence[Params], given: Sequence[Params]) -> bool:
    """Whether `given` are the very objects that the call before returned.

    In a training loop, which alone holds them, they may be written over.
    """
    return returned is given or (
        len(returned) == len(given) and all(map(operator.is_, returned, given))
    )


def is_known(apply: Callable[..., Any]) -> bool:
    """Whether this update is ours: parameters and moments come out of it as they went in."""
    return hasattr(getattr(apply, "then", apply), "kernel")
