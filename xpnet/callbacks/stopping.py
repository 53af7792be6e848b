"""Early stopping, and the best epoch by a column of the history."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from operator import attrgetter
from typing import Any

from xpnet.callbacks.base import Callback
from xpnet.metrics import SCORES
from xpnet.types import Epoch, Params, Result, Run, where_params

_SIGNS = {"cost": -1.0} | dict.fromkeys(SCORES, 1.0)
"""-1 where less is better, by the column's name without ``val_``."""


class EarlyStopping(Callback):
    """Ends the training when the monitor stands still, and returns the best epoch's parameters.

    They are returned too when the training ends otherwise: by Ctrl-C, or with the last epoch. Each
    network of a stack has a best epoch and an end of its own, and the others go on.

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
        If an argument is no number.
    """

    def __init__(
        self, monitor: str = "val_cost", patience: int = 10, min_delta: float = 0.0
    ) -> None:
        _check_number("patience", patience, 1, "1 epoch or more")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        # A monitor for each network of a stack, in lists nested as those of the history are.
        self._best: Any = Monitor(monitor, min_delta)
        self._params: Params | None = None

    def on_start(self, run: Run) -> None:
        """Forget an earlier training."""
        self._best, self._params = Monitor(self.monitor, self.min_delta), None

    def on_epoch(self, epoch: Epoch) -> Any:
        """Keep the best parameters so far; return why to stop, or None: of a stack, for each."""
        values = column(self.monitor, epoch)
        if epoch.number == 1:
            self._best = _mapped(lambda _: Monitor(self.monitor, self.min_delta), values)
        improved = _mapped(lambda best, value: best.takes(value, epoch.number), self._best, values)
        self._params = _where(improved, epoch.params, self._params or epoch.params)
        return _mapped(lambda best: self._reason(best, epoch.number), self._best)

    def _reason(self, best: Monitor, number: int) -> str | None:
        """Why to stop after that epoch; None where there is patience left."""
        if number - best.epoch < self.patience:
            return None
        if not best.epoch:
            return f"{self.monitor} not finite in any of {number} epochs"
        return (
            f"{self.monitor} no better for {self.patience} epochs than {best.best:.4g} in epoch "
            f"{best.epoch}"
        )

    def state(self) -> dict[str, Any]:
        """The best epoch, its value and its parameters."""
        best, epoch = (_mapped(attrgetter(name), self._best) for name in ("best", "epoch"))
        return {"best": best, "epoch": epoch, "params": self._params}

    def restore(self, state: dict[str, Any]) -> None:
        """Take them back."""

        def monitor(best: float, epoch: int) -> Monitor:
            found = Monitor(self.monitor, self.min_delta)
            found.best, found.epoch = best, epoch
            return found

        self._best = _mapped(monitor, state["best"], state["epoch"])
        self._params = state["params"]

    def on_end(self, result: Result) -> Result:
        """`result` with the best parameters."""
        if self._params is None:
            return result
        found = _mapped(lambda best: best.epoch > 0, self._best)
        return result._replace(params=_where(found, self._params, result.params))


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
        value = column(self.name, epoch)
        if isinstance(value, list):
            raise TypeError(
                f"{self.name} has {len(value)} values, one a network: a monitor follows one "
                "network; train the stack without it, and choose from the history"
            )
        return self.takes(value, epoch.number)

    def takes(self, value: float, number: int) -> bool:
        """Tell whether the value of that epoch is the best so far, and remember it if so."""
        if not self._sign * (value - self.best) > self.min_delta:
            return False
        self.best, self.epoch = float(value), number
        return True


def column(name: str, epoch: Epoch) -> Any:
    """What the epoch's row says of `name`: a number, or lists of them for a stack."""
    if name not in epoch.row:
        raise ValueError(
            f"monitor is {name!r}, but the history has only {', '.join(epoch.row)}: choose one of "
            "these, or give fit a validation set"
        )
    return epoch.row[name]


def _mapped(function: Callable[..., Any], *nested: Any) -> Any:
    """`function` of each number, or of each of (nested) lists of them."""
    if not isinstance(nested[0], list):
        return function(*nested)
    return [_mapped(function, *branches) for branches in zip(*nested, strict=True)]


def _where(chosen: Any, params: Params, others: Params) -> Params:
    """`params` where `chosen`, or those of the networks for which it is."""
    if isinstance(chosen, list):
        return where_params(chosen, params, others)
    return params if chosen else others


def _check_number(name: str, number: Any, least: int, expected: str) -> None:
    """Raise TypeError if `number` is not a number, ValueError if it is below `least` or NaN."""
    if not isinstance(number, Real):
        raise TypeError(f"{name} is {number!r}: expected {expected}")
    if not float(number) >= least:
        raise ValueError(f"{name} is {number}: expected {expected}")
