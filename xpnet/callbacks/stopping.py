"""Early stopping, and the best epoch by a column of the history."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from xpnet.callbacks.base import Callback
from xpnet.metrics import SCORES
from xpnet.types import Epoch, Params, Result, Run

_SIGNS = {"cost": -1.0} | dict.fromkeys(SCORES, 1.0)
"""-1 where less is better, by the column's name without ``val_``."""


class EarlyStopping(Callback):
    """Ends the training when the monitor stands still, and returns the best epoch's parameters.

    They are returned too when the training ends otherwise: by Ctrl-C, or with the last epoch.

    Parameters
    ----------
    monitor : str, default "val_cost"
        A column of the history. Costs are best low, metrics such as ``accuracy`` high.
    patience : int, default 10
        How many epochs without a new best end the training.
    min_delta : float, default 0
        By how much a new best must be better than the one before.

    Raises
    ------
    ValueError
        If an argument is out of range; while training, if the history has no such column.
    TypeError
        If an argument is no number; while training, if a stack of networks is trained.
    """

    def __init__(
        self, monitor: str = "val_cost", patience: int = 10, min_delta: float = 0.0
    ) -> None:
        _check_number("patience", patience, 1, "1 epoch or more")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self._best = Monitor(monitor, min_delta)
        self._params: Params | None = None

    def on_start(self, run: Run) -> None:
        """Forget an earlier training."""
        self._best, self._params = Monitor(self.monitor, self.min_delta), None

    def on_epoch(self, epoch: Epoch) -> str | None:
        """Keep the parameters if they are the best so far; return why to stop, or None."""
        if self._best.improved(epoch):
            self._params = epoch.params
        elif epoch.number - self._best.epoch >= self.patience:
            if not self._best.epoch:
                return f"{self.monitor} not finite in any of {epoch.number} epochs"
            return (
                f"{self.monitor} no better for {self.patience} epochs than {self._best.best:.4g} "
                f"in epoch {self._best.epoch}"
            )
        return None

    def state(self) -> dict[str, Any]:
        """The best epoch, its value and its parameters."""
        return {"best": self._best.best, "epoch": self._best.epoch, "params": self._params}

    def restore(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self._best.best, self._best.epoch = state["best"], state["epoch"]
        self._params = state["params"]

    def on_end(self, result: Result) -> Result:
        """`result` with the best parameters."""
        return result if self._params is None else result._replace(params=self._params)


class Monitor:
    """The best value of a column so far, and the epoch it was reached in.

    Parameters
    ----------
    name : str
        ``cost`` or a metric's, with ``val_`` before it for the validation set's.
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
        _check_number("min_delta", min_delta, 0, "0 or more")
        self.name, self.min_delta = name, min_delta
        self._sign = _SIGNS[name.removeprefix("val_")]
        self.best, self.epoch = -self._sign * math.inf, 0

    def improved(self, epoch: Epoch) -> bool:
        """Tell whether `epoch` is the best so far, and remember it if so.

        Raises ValueError if the epoch's row has no such column; TypeError if the column holds a
        value for each network of a stack.
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


def _check_number(name: str, number: Any, least: int, expected: str) -> None:
    """Raise TypeError if `number` is not a number, ValueError if it is below `least` or NaN."""
    if not isinstance(number, Real):
        raise TypeError(f"{name} is {number!r}: expected {expected}")
    if not float(number) >= least:
        raise ValueError(f"{name} is {number}: expected {expected}")
