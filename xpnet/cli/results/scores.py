"""Scores of a model on labelled data: accuracy of a classifier, R² and MAE of a regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from xpnet import backend, metrics, predict
from xpnet import evaluate as cost_and_score
from xpnet.cli.options import plural
from xpnet.data import Classes, Quantities
from xpnet.network import Network
from xpnet.types import Array, Params


class Scores(NamedTuple):
    """Cost and scores by name, each as a text, of so many samples; and what was predicted.

    `classes` are the labels, and the numbers ``(m,)`` of the true and the predicted classes.
    """

    cost: str
    named: dict[str, str]
    m: int
    classes: tuple[Sequence[str | int], np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(
        cls,
        net: Network,
        params: Params,
        targets: Classes | Quantities,
        samples: tuple[Array, Array],
    ) -> Scores:
        """Return the scores of `params` on inputs ``(n_x, m)`` and targets ``(n_y, m)``."""
        X, Y = samples
        found = cost_and_score(net, params, X, Y)
        cost, m = f"{found['cost']:.4f}", int(X.shape[-1])
        A = predict(net, params, X)
        if isinstance(targets, Classes):
            true, predicted = (backend.to_numpy(each).argmax(axis=0) for each in (Y, A))
            # In double precision, as a report rounds it: 113 of 160 are 70.62 % in both.
            accuracy = {"accuracy": f"{np.mean(true == predicted):.2%}"}
            return cls(cost, accuracy, m, (targets.labels, true, predicted))
        # Of one sample there is nothing to compare its error with.
        r2 = f"{float(backend.to_numpy(metrics.r2(A, Y))):.4f}" if m > 1 else "-"
        error = targets.decode(backend.to_numpy(A)) - targets.decode(backend.to_numpy(Y))
        return cls(cost, {"R2": r2, "MAE": f"{np.abs(error).mean():.6g}"}, m)

    def line(self) -> str:
        """Return all but the cost on one line."""
        scores = ", ".join(f"{name} {value}" for name, value in self.named.items())
        return f"test {scores} ({plural(self.m, 'sample')})"
