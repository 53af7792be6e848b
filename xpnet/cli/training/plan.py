"""Plan of a training: what follows from the number of samples, where no option says it.

Small tables learn more from small networks, and need more epochs: an epoch of theirs is a few
steps. All their samples are trained on: a validation set would take a tenth of them, and be too
small to tell a good epoch from a lucky one. What holds such a network back from learning the noise
is a penalty, ``½‖W‖²`` in all beside the sum of the samples' losses, as of scikit-learn's
`LogisticRegression`. From 1000 samples on, those for validation among them, a validation cost that
stands still ends the training, and the best epoch's parameters are kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SMALL = 1000
"""Training samples, those for validation among them, from which on a table is not small."""

VALIDATION = 0.1
"""The share of the training samples that is set aside then."""

_EPOCHS, _STEPS = 30, 2000
"""As many epochs, or as many as make so many steps where these are more."""

_PATIENCE = 0.3
"""Of the epochs."""

_FELL = 0.02
"""The share of the first epoch's cost that one which still fell lost in the second half.

Twice the epochs then lower it by about 0.05 of that: the rate of cosine is low in the second half.
"""


class Plan(NamedTuple):
    """Hidden layers, samples per step, epochs, patience and penalty for `m` samples."""

    m: int
    hidden: str
    batch_size: int
    epochs: int
    patience: int | None
    l2: float

    @classmethod
    def of(
        cls,
        m: int,
        m_validation: int,
        *,
        hidden: str | None,
        batch_size: int | None,
        epochs: int | None,
        patience: int | None,
        l2: float | None,
    ) -> Plan:
        """Return the plan for `m` samples beside those for validation, where options are None.

        Epochs that the user asked for end early only by a patience that they asked for, too.
        """
        batch_size = batch_size or default_batch_size(m)
        if epochs is None:
            epochs = max(_EPOCHS, math.ceil(_STEPS / math.ceil(m / batch_size)))
            if patience is None and m_validation:
                patience = math.ceil(_PATIENCE * epochs)
        small = m + m_validation < SMALL
        if hidden is None:
            hidden = "100" if small else "512,256"
        if l2 is None:
            l2 = small_l2(m, batch_size) if small else 0.0
        return cls(m, hidden, batch_size, epochs, patience, l2)

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * math.ceil(self.m / self.batch_size)

    def settings(self) -> dict[str, Any]:
        """Return the options that say all of this."""
        return {name: value for name, value in self._asdict().items() if name != "m"}


def default_batch_size(m: int) -> int:
    """64 samples per step; fewer, down to 32, if an epoch would have less than 80 steps."""
    return max(32, min(64, m // 80))


def small_l2(m: int, batch_size: int) -> float:
    """The penalty that is 1 in all, as each step counts it for its batch alone."""
    return float(f"{min(1.0, batch_size / m):.3g}")


def default_validation(m: int) -> float:
    """The share of `m` training samples that is set aside for validation."""
    return 0.0 if m < SMALL else VALIDATION


def still_falling(history: Sequence[Mapping[str, Any]], epochs: int) -> bool:
    """Tell whether all `epochs` are done and the cost, on validation samples if any, still fell."""
    if len(history) < max(epochs, 2):
        return False
    column = "val_cost" if "val_cost" in history[0] else "cost"
    first, half, last = (history[k][column] for k in (0, len(history) // 2 - 1, -1))
    return bool(half - last > _FELL * first)
