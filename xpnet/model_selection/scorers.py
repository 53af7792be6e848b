"""scikit-learn's scorers of samples that lie elsewhere than on the host.

Its metrics are for the host. A device would wait there at each fit, and where NumPy may not read an
array many fail. Here the outputs of many fits are queued where the samples lie, and read at once;
scikit-learn's scorers then ask models on the host that have these outputs already.
"""

from __future__ import annotations

import copy
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sklearn import get_config
from sklearn.metrics import get_scorer, get_scorer_names

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import stand_in, to_host
from xpnet.estimators._prediction import outputs
from xpnet.estimators._sklearn_private import Scorer, attempted, part_for, warnings_noted
from xpnet.model_selection.folds import Data, Fold, has_steps_before, network_of
from xpnet.model_selection.handover import Fit
from xpnet.types import Array, Layer

AT_ONCE = 2**24
"""Numbers that are read at once, where there are so many: the host has room for them."""


class Part(NamedTuple):
    """Samples to score on: X as networks take it, where it lies, all else on the host.

    Attributes
    ----------
    X, y : array
    params : dict
        Of scorers: ``sample_weight``, or nothing.
    classes : array or None
        Those that all fits on the fold know.
    """

    X: Array
    y: Any
    params: dict[str, Any]
    classes: Any


class Case(NamedTuple):
    """What a scorer is to compare: what a model on the host answers at once, and the targets."""

    model: Any
    y: Any
    params: dict[str, Any]


class HostScorer(Scorer):
    """A scorer of scikit-learn's that compares on the host, where answers are known, or are read.

    Those of a class that may answer in its own way it is given where they lie, as ever.

    Attributes
    ----------
    answers : Answers or None
        Of the fits that it is going to score.
    """

    answers: Answers | None = None

    def __init__(self, scorer: Any) -> None:
        metric, sign = scorer._score_func, scorer._sign
        super().__init__(metric, sign, scorer._kwargs, scorer._response_method)

    def _score(self, method_caller: Any, estimator: Any, X: Any, y_true: Any, **kwargs: Any) -> Any:
        """What scikit-learn calls, of one scorer or several, which share answers."""
        case = self.answers.next(estimator, self) if self.answers else None
        model, y, params = case or _case_alone(estimator, X, y_true, kwargs)
        params = {name: params[name] for name in kwargs}
        return super()._score(method_caller, model, X, y, **params)


def for_host(scorers: dict[str, Any]) -> dict[str, Any]:
    """Scorers, or names, with a `HostScorer` in place of each that is scikit-learn's.

    All are as they are where one has a metric of the user's, with which others may share answers,
    and with metadata routing, as each may be given something else.
    """
    names = get_scorer_names()
    found = {name: get_scorer(one) if one in names else one for name, one in scorers.items()}
    made = {name: one for name, one in found.items() if hasattr(one, "_score_func")}
    are_theirs = all(
        type(one) is Scorer
        and str(getattr(one._score_func, "__module__", "")).startswith("sklearn.")
        for one in made.values()
    )
    if get_config()["enable_metadata_routing"] or not are_theirs:
        return scorers
    return scorers | {name: HostScorer(one) for name, one in made.items()}


def _case_alone(estimator: Any, X: Any, y: Any, params: dict[str, Any]) -> Case:
    """What to compare of one fit, which is asked for its answers now."""
    network = network_of(estimator)
    if not is_own(network):
        return Case(estimator, y, params)
    taken = estimator[:-1].transform(X) if has_steps_before(estimator) else X
    layer = Layer(*map(to_host, network._last_layer(taken, "predict")))
    model = known_model(network, layer, to_host(getattr(network, "classes_", None)))
    return Case(model, to_host(y), {name: to_host(values) for name, values in params.items()})


def answer_all(
    found: Sequence[tuple[Fit, Fold]],
    data: Data,
    params: dict[str, Any],
    names: Sequence[str],
    scorers: Sequence[HostScorer],
) -> None:
    """Let scorers know what fits answer for the samples of these names, "test" or "train".

    Those of fits that they will be asked for, in this order, each scorer for each part. The fits of
    a class that may answer in its own way are left to scikit-learn.
    """
    with backend.on_device_of(stand_in(data.X)), warnings_noted():
        host = attempted(_on_host, data, params)
        one_of_each = {fold: fit.estimator for fit, fold in found}
        parts = {
            fold: attempted(_parts, estimator, fold, data, host, names)
            for fold, estimator in one_of_each.items()
        }
    answers = Answers(found, parts, scorers)
    for scorer in scorers:
        scorer.answers = answers


def _on_host(data: Data, params: dict[str, Any]) -> Data:
    there = {name: to_host(values) for name, values in params.items()}
    return data._replace(y=to_host(data.y), params=there)


def is_own(network: Any) -> bool:
    """Whether all that it answers follows from its outputs, as in a derived class it need not."""
    return type(network) in (MLPClassifier, MLPRegressor)


def _parts(
    estimator: Any, fold: Fold, data: Data, host: Data | None, names: Sequence[str]
) -> list[Part]:
    """The samples to score on, checked once for all fits; none where it is left to each."""
    network = network_of(estimator)
    if host is None or fold.given is None or not is_own(network):
        return []
    labels, parts = fold.given.labels, []
    classes = None if labels is None else to_host(labels.classes)
    for name in names:
        # In the place of X, which is taken below, anything of its length.
        _, y, params = part_for(estimator, host.y, host.y, host.params, fold.rows(name))
        parts.append(Part(fold.taken(name, estimator, data.X), y, params, classes))
    return parts


Queued: TypeAlias = tuple[Fit, Sequence[Part], tuple[Layer, ...]]


class Answers:
    """The outputs of fits for the samples that they are scored on, read for many of them at once.

    What is read at once is asked for next: memory does not grow with the number of fits.

    Parameters
    ----------
    found, scorers
        As of `answer_all`.
    parts : dict of Fold to sequence of Part
        Nothing for fits that are left to scikit-learn.
    """

    def __init__(
        self,
        found: Sequence[tuple[Fit, Fold]],
        parts: Mapping[Fold, Sequence[Part] | None],
        scorers: Sequence[HostScorer],
    ) -> None:
        self.waiting = {id(fit.estimator): (fit, of) for fit, fold in found if (of := parts[fold])}
        self.known: dict[tuple[int, HostScorer], deque[Case]] = {}
        self.scorers = scorers
        self.has_logits = any("predict_log_proba" in one._response_method for one in scorers)

    def next(self, estimator: Any, scorer: HostScorer) -> Case | None:
        """What a scorer that is called with an estimator is to compare."""
        if id(estimator) in self.waiting:
            self._read(id(estimator))
        cases = self.known.get((id(estimator), scorer))
        return cases.popleft() if cases else None

    def _read(self, wanted: int) -> None:
        """Read the outputs of one fit, and of those after it."""
        began, (asking, _) = time.perf_counter(), self.waiting[wanted]
        queued = self._queued(wanted)
        known = backend.read_tree(tuple(layers for *_, layers in queued))
        for (fit, parts, _), layers in zip(queued, known, strict=True):
            network = network_of(fit.estimator)
            cases = [
                Case(known_model(network, layer, part.classes), part.y, part.params)
                for layer, part in zip(layers, parts, strict=True)
            ]
            self.known |= {(id(fit.estimator), scorer): deque(cases) for scorer in self.scorers}
        share = (time.perf_counter() - began) / max(1, len(queued))
        for fit, *_ in queued:  # in place of all for the one that is asked for
            fit.seconds["score_time"] += share
            asking.seconds["score_time"] -= share

    def _queued(self, wanted: int) -> list[Queued]:
        """Outputs where they are computed; a fit whose own fail, or warn, is to do so by itself."""
        queued, numbers = [], 0
        while wanted in self.waiting or (self.waiting and numbers < AT_ONCE):
            fit, parts = self.waiting.pop(next(iter(self.waiting)))
            with backend.on_device_of(stand_in(parts[0].X)), warnings_noted():
                layers = attempted(self._layers, network_of(fit.estimator), parts)
            if layers:
                queued.append((fit, parts, layers))
                numbers += sum(math.prod(layer.A.shape) for layer in layers)
        return queued

    def _layers(self, network: Any, parts: Sequence[Part]) -> tuple[Layer, ...]:
        return tuple(last_layer(network, part.X, self.has_logits) for part in parts)


def last_layer(network: Any, X: Array, has_logits: bool = False) -> Layer:
    """A network's outputs for samples that are checked, where they lie.

    Z is left out of several, unless it is asked for: the probabilities of two classes, and the
    logarithms of any, alone are not made of A.
    """
    layer = outputs(network._net(), network._params(), X)
    return layer if has_logits or layer.A.shape[0] == 1 else Layer(None, layer.A)


def known_model(network: Any, layer: Layer, classes: Any = None) -> Any:
    """A copy of a network on the host that has this output for whatever it is asked."""
    model = copy.copy(network)
    model._last_layer = lambda X, method: layer
    if classes is not None:
        model.classes_ = classes
    return model
