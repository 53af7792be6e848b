"""Stop when it gets no better, and take the best."""

from __future__ import annotations

from xpnet.callbacks.base import Callback
from xpnet.callbacks.monitor import Monitor, check_number
from xpnet.types import Epoch, Params, Result, Run

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Ends the training when the monitor stands still, and returns the best epoch's parameters.

    They are returned too when the training ends otherwise: by Ctrl-C, or with the last epoch.

    Parameters
    ----------
    monitor : str, default "val_cost"
        A column of the history. Costs are best low, ``accuracy``, ``r2`` and ``d2`` high.
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
        check_number("patience", patience, 1, "1 epoch or more")
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

    def on_end(self, result: Result) -> Result:
        """`result` with the best parameters."""
        return result if self._params is None else result._replace(params=self._params)
