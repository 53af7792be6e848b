"""Plan of a training: what follows from the number of samples, where no option says it.

Small tables learn more from small networks, and need more epochs: an epoch of theirs is a few
steps. A cost that stands still ends such a training, and the best epoch's parameters are kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_SMALL = 1000
"""Training samples from which on the network is the larger one."""

_EPOCHS, _STEPS = 30, 2000
"""As many epochs, or as many as make so many steps where these are more."""

_PATIENCE = 0.3
"""Of the epochs."""

_FELL, _FELL_OF_ALL = 0.05, 0.01
"""A cost still fell that lost these shares, of itself and of the first, in the second half."""


class Plan(NamedTuple):
    """The hidden layers, samples per step, epochs and patience of a training on `m` samples."""

    m: int
    hidden: str
    batch_size: int
    epochs: int
    patience: int | None

    @classmethod
    def of(
        cls,
        m: int,
        *,
        hidden: str | None,
        batch_size: int | None,
        epochs: int | None,
        patience: int | None,
        validated: bool,
    ) -> Plan:
        """Return the plan for `m` samples where some options are None; `validated` by samples.

        Epochs that the user asked for end early only by a patience that they asked for, too.
        """
        batch_size = batch_size or default_batch_size(m)
        if epochs is None:
            epochs = max(_EPOCHS, math.ceil(_STEPS / math.ceil(m / batch_size)))
            if patience is None and validated:
                patience = math.ceil(_PATIENCE * epochs)
        return cls(m, default_hidden(m) if hidden is None else hidden, batch_size, epochs, patience)

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * math.ceil(self.m / self.batch_size)

    def settings(self) -> dict[str, Any]:
        """Return the options that say all of this."""
        return {name: value for name, value in self._asdict().items() if name != "m"}


def default_hidden(m: int) -> str:
    """One layer of 100 units; two of 512 and 256 from 1000 training samples on."""
    return "100" if m < _SMALL else "512,256"


def default_batch_size(m: int) -> int:
    """64 samples per step; fewer, down to 32, if an epoch would have less than 80 steps."""
    return max(32, min(64, m // 80))


def still_falling(history: Sequence[Mapping[str, Any]], epochs: int) -> bool:
    """Tell whether all `epochs` are done and the cost, on validation samples if any, still fell."""
    if len(history) < max(epochs, 2):
        return False
    column = "val_cost" if "val_cost" in history[0] else "cost"
    first, half, last = (history[k][column] for k in (0, len(history) // 2 - 1, -1))
    return bool(half - last > max(_FELL * half, _FELL_OF_ALL * first))
