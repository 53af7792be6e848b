"""Fits of candidates on folds, side by side where they can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from xpnet import backend
from xpnet.estimators._devices import _stand_in
from xpnet.estimators._mlp import BaseMLP, Given
from xpnet.estimators._sklearn_private import (
    check_parameters,
    checks_skipped,
    has_callbacks,
    noted,
    part_for,
    warnings_noted,
)
from xpnet.model_selection.handover import Fit
from xpnet.train.epochs import Rounds
from xpnet.train.together import together


class Data(NamedTuple):
    """What a search fits on: X, y, the parameters of `fit`, and the rows of each split."""

    X: Any
    y: Any
    params: dict[str, Any]
    splits: Sequence[tuple[Any, Any]]


def why_not(estimator: Any) -> str:
    """Why fits of an estimator go one by one as in scikit-learn; empty where they need not."""
    network = _network(estimator)
    if not isinstance(network, BaseMLP):
        return f"{type(network).__name__} is none of xpnet's networks that train on mini-batches"
    if any(map(has_callbacks, (estimator, network))):
        return "scikit-learn's callbacks follow each fit"
    if isinstance(estimator, Pipeline) and estimator.memory is not None:
        return "the pipeline has a memory"
    return ""


def why_not_with(estimator: Any, params: dict[str, Any]) -> str:
    """The same of a candidate, by the parameters that are set for it."""
    network = _network(clone(estimator).set_params(**clone(params, safe=False)))
    if not isinstance(network, BaseMLP):
        return f"{type(network).__name__} is none of xpnet's networks that train on mini-batches"
    if network.solver == "lbfgs":
        return "lbfgs has no mini-batches"
    if network.verbose:
        return "verbose=True writes of one fit after another"
    if isinstance(estimator, Pipeline):
        own = f"{estimator.steps[-1][0]}__"
        others = sorted(name for name in params if not name.startswith(own))
        if others:
            return f"{others[0]} is of a step before the network"
    return ""


class Fold:
    """The samples of one split to fit on, and what they are once they have been transformed."""

    def __init__(self, estimator: Any, data: Data, rows: Any) -> None:
        self.X, self.y, self.params = part_for(estimator, data.X, data.y, data.params, rows)
        self.said: list[Callable[[], object]] = []
        self.before: Any = None

    def transform(self, pipeline: Pipeline) -> None:
        """Fit all steps but the last of `pipeline`, and keep what they make of the samples."""
        with noted(self.said):
            self.before = clone(pipeline[:-1])
            self.X = self.before.fit_transform(self.X, self.y)


def fit_all(
    estimator: Any, candidates: Sequence[dict[str, Any]], data: Data
) -> list[Fit | None]:
    """A fit of each candidate on each split, in scikit-learn's order; None of one left to it."""
    reasons = [why_not_with(estimator, params) for params in candidates]
    folds = [Fold(estimator, data, train) for train, _ in data.splits]
    fits: list[Fit | None] = []
    trainings: list[Rounds] = []
    for (params, reason), fold in product(zip(candidates, reasons, strict=True), folds):
        if reason:
            fits.append(None)
            continue
        fit = Fit(clone(estimator).set_params(**clone(params, safe=False)))
        fits.append(fit)
        trainings.append(_training(fit, fold))
    found = [fit for fit in fits if fit is not None]
    began = time.perf_counter()
    with backend.on_device_of(_stand_in(data.X)), checks_skipped(), warnings_noted():
        together(trainings, _stand_in(data.X), lambda k: found[k].watched(), lambda going: None)
    share = (time.perf_counter() - began) / max(1, len(found))
    for fit in found:
        fit.seconds = share
    return fits


def _training(fit: Fit, fold: Fold) -> Rounds:
    """The epochs of one fit."""
    estimator = fit.estimator
    if isinstance(estimator, Pipeline):
        if fold.before is None:
            fold.transform(estimator)
        fit.said += fold.said
        estimator.steps[:-1] = fold.before.steps
    network = _network(estimator)
    check_parameters(network)
    yield from network._rounds(Given(fold.X, fold.y, fold.params.get("sample_weight")), Given(None, None, None))


def _network(estimator: Any) -> Any:
    """The estimator, or the last step of a pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
