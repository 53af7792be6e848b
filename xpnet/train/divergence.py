"""The error of a training whose cost is no number any more."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

from xpnet import backend
from xpnet.types import Params

__all__ = ["DivergenceError", "all_finite", "check_start"]

_SHOWN = 5
"""Members of a stack that an error names; the rest are in ``.members``."""


class DivergenceError(ArithmeticError):
    """The cost became infinite or NaN.

    Attributes
    ----------
    epoch, step : int
        Where: the epoch, and the first bad step counted over the whole training, both from 1. The
        last step of all, where the cost is not finite after its update.
    learning_rate : float or array
        The optimiser's rate at that step.
    params : Params
        The last parameters after an epoch whose cost is known to be finite; of a stack, those of
        all its members.
    history : tuple of dict
        The rows of the epochs behind `params`. Empty where nothing was learned.
    members : tuple of int, or of tuple of int
        Of a stack, the indices of the networks whose cost is not finite at that step.
    at_end : bool
        Whether every cost was finite until the last update.
    """

    def __init__(
        self,
        epoch: int,
        step: int,
        learning_rate: Any,
        params: Params,
        history: Sequence[dict[str, Any]] = (),
        members: Sequence[Any] = (),
        at_end: bool = False,
    ) -> None:
        self.epoch, self.step, self.learning_rate, self.params = epoch, step, learning_rate, params
        self.history, self.members, self.at_end = tuple(history), tuple(members), at_end
        what, where = "the cost", f"is not finite from step {step} on"
        if at_end:
            what, where = "parameters or cost", f"are not finite after step {step}, the last"
        kept = f"those after epoch {len(history)}" if history else "those it began with"
        super().__init__(
            f"{what}{_of_members(members)} {where}, in epoch {epoch}, at learning rate "
            f"{_rate_of(learning_rate, members)}: lower the learning rate, clip the gradients "
            f"(xpnet.optim.clip), or scale X; .params are {kept}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        where = self.epoch, self.step, self.learning_rate
        return type(self), (*where, self.params, self.history, self.members, self.at_end)


def all_finite(params: Params) -> Any:
    """Whether all parameters are finite, for each network of a stack; looked at on the host.

    A copy there costs less than what JAX would compile for every shape.
    """
    hosts = [backend.to_numpy(array) for layer in params for array in layer]
    flags = [(abs(host) < math.inf).all(axis=(-2, -1)) for host in hosts]
    return functools.reduce(operator.and_, flags)


def check_start(params: Params) -> None:
    """Raise ValueError if parameters hold NaN or infinity, naming the first such layer."""
    for number, layer in enumerate(params, 1):
        if not all_finite((layer,)).all():
            raise ValueError(
                f"params hold NaN or infinity in layer {number}: expected finite numbers to start "
                "from, such as net.init(seed=0, like=X)"
            )


def _of_members(members: Sequence[Any]) -> str:
    """Which networks of a stack, for the error's text."""
    if not members:
        return ""
    shown = ", ".join(map(str, members[:_SHOWN])) + (", …" if len(members) > _SHOWN else "")
    return f" of network{'s' * (len(members) > 1)} {shown} of the stack (counted from 0)"


def _rate_of(rate: Any, members: Sequence[Any]) -> Any:
    """The learning rate for the error's text: that of the first of `members`, if each has one."""
    rates = _flat(rate)
    if len(rates) == 1:
        return rates[0]
    one_axis = len(members) > 0 and isinstance(members[0], int)
    return rates[members[0]] if one_axis else f"{min(rates)} to {max(rates)}"


def _flat(rate: Any) -> list[Any]:
    return (
        [number for inner in rate for number in _flat(inner)] if isinstance(rate, list) else [rate]
    )
