"""One column of the history, and which of its values is the best."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from xpnet.types import Epoch

__all__ = ["Monitor", "check_number"]

_SIGNS = {"cost": -1.0, "accuracy": 1.0, "r2": 1.0, "d2": 1.0}
"""-1 where less is better, by the column's name without ``val_``."""


def check_number(name: str, number: Any, least: int, expected: str) -> None:
    """Raise TypeError if `number` is none, ValueError if it is below `least` or NaN."""
    if not isinstance(number, Real):
        raise TypeError(f"{name} is {number!r}: expected {expected}")
    if not float(number) >= least:
        raise ValueError(f"{name} is {number}: expected {expected}")


class Monitor:
    """The best value of a column so far, and the epoch it was reached in.

    Parameters
    ----------
    name : str
        ``cost``, ``accuracy``, ``r2`` or ``d2``, with ``val_`` before it for the validation set's.
    min_delta : float, default 0
        By how much a value must be better than the best to count.

    Raises
    ------
    ValueError, TypeError
        If the column's name is another, or `min_delta` negative or no number.
    """

    def __init__(self, name: str, min_delta: float = 0.0) -> None:
        if not isinstance(name, str) or name.removeprefix("val_") not in _SIGNS:
            raise ValueError(
                f"monitor is {name!r}: expected one of {', '.join(_SIGNS)}, with val_ before it "
                "for the validation set's"
            )
        check_number("min_delta", min_delta, 0, "0 or more")
        self.name, self.min_delta = name, min_delta
        self._sign = _SIGNS[name.removeprefix("val_")]
        self.best, self.epoch = -self._sign * math.inf, 0

    def improved(self, epoch: Epoch) -> bool:
        """Tell whether `epoch` is the best so far, and remember it if so.

        Raises
        ------
        ValueError
            If the epoch's row has no such column.
        TypeError
            If the column holds a value for each network of a stack.
        """
        value = self._value(epoch)
        if not self._sign * (value - self.best) > self.min_delta:
            return False
        self.best, self.epoch = value, epoch.number
        return True

    def _value(self, epoch: Epoch) -> float:
        if self.name not in epoch.row:
            raise ValueError(
                f"monitor is {self.name!r}, but the history has only {', '.join(epoch.row)}: "
                "choose one of these, or give fit a validation set"
            )
        value = epoch.row[self.name]
        if isinstance(value, list):
            raise TypeError(
                f"{self.name} has {len(value)} values, one a network: a monitor follows one "
                "network; train the stack without it, and choose from the history"
            )
        return float(value)
