"""The error of a training whose cost is no number any more."""

from __future__ import annotations

from typing import Any

from xpnet.types import Params

__all__ = ["DivergenceError"]


class DivergenceError(ArithmeticError):
    """The cost became infinite or NaN.

    Attributes
    ----------
    epoch, step : int
        Where: the epoch, and the first bad step counted over the whole training, both from 1.
    learning_rate : float or array
        The optimiser's rate at that step.
    params : Params
        The parameters after the last epoch whose costs were all finite.
    history : tuple of dict
        The rows of the epochs behind `params`; empty where nothing was learned.
    """

    def __init__(
        self,
        epoch: int,
        step: int,
        learning_rate: Any,
        params: Params,
        history: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self.epoch, self.step, self.learning_rate, self.params = epoch, step, learning_rate, params
        self.history = history
        super().__init__(
            f"the cost is not finite from step {step} on, in epoch {epoch}, at learning rate "
            f"{learning_rate}: lower the learning rate, clip the gradients "
            "(xpnet.optim.clip), or scale X; .params holds the last finite epoch's parameters"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.epoch, self.step, self.learning_rate, self.params, self.history)
