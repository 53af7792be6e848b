"""Result of a training: parameters, history, why it ended; its summary."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from xpnet.types.params import Params, count


class Result(NamedTuple):
    """What `fit` returns.

    Attributes
    ----------
    params : Params
        The trained parameters.
    history : tuple of dict
        A row an epoch: ``epoch``, ``cost``, ``learning_rate``, ``seconds`` and, with a
        validation set, ``val_cost`` and ``val_`` with the metric's name.
    stopped : str
        Why training ended: ``"all epochs done"``, ``"interrupted"``, or a callback's reason.
    steps : int
        How many updates were made, also in an epoch that was not completed.
    members : tuple of Result
        Of a stack, one for each network, nested as its leading axes are: why and when it ended, the
        rows until then, and its parameters.
    """

    params: Params
    history: tuple[dict[str, Any], ...]
    stopped: str
    steps: int = 0
    members: tuple[Any, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Epochs, steps, the last row's costs and scores, why it ended, how many parameters.

        Of a stack the lowest and the highest finite number stand for a cost or score; how many of
        its networks ended before the others is said where any did.
        """
        last = self.history[-1] if self.history else {}
        figures = {name: _extremes(last[name]) for name in last if name not in NOT_FIGURES}
        counts = {"epochs": len(self.history), "steps": self.steps}
        ends = [member.stopped for member in _flat(self.members)]
        early = sum(end != self.stopped for end in ends)
        ended = {"ended before": f"{early} of {len(ends)} networks"} if early else {}
        how = {"stopped": self.stopped, "parameters": count(self.params)}
        return counts | figures | ended | how

    def plot(self, title: str = "") -> Any:
        """The learning curve, a matplotlib figure: see `xpnet.plot.learning_curve`."""
        from xpnet.plot import learning_curve

        return learning_curve(self.history, title)

    def __repr__(self) -> str:
        """Its summary, on a line or two."""
        figures = self.summary() | {"stopped": repr(self.stopped)}
        return f"Result({', '.join(f'{name}={value}' for name, value in figures.items())})"

    def _repr_html_(self) -> str:
        from xpnet._html import of_result

        return of_result(self)


NOT_FIGURES = ("epoch", "learning_rate", "seconds")
"""The columns of the history that are not costs or scores."""


def _extremes(value: Any) -> str:
    if isinstance(value, list):
        finite = finite_numbers(value)
        return f"{min(finite):.4g} to {max(finite):.4g}"
    return f"{value:.4g}"


def finite_numbers(values: list[Any]) -> list[float]:
    """Those of a stack's (nested) lists; NaN where there is none, as all diverged at once."""
    return [number for number in _flat(values) if math.isfinite(number)] or [math.nan]


def _flat(nested: Any) -> list[Any]:
    """What (nested) lists or tuples hold; a `Result`, though a tuple, is one of a kind."""
    if isinstance(nested, Result) or not isinstance(nested, list | tuple):
        return [nested]
    return [leaf for branch in nested for leaf in _flat(branch)]
