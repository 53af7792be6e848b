"""Answers of fits for the samples that they are scored on, read for many fits at once.

scikit-learn asks each fit for its score and needs a number of Python before it asks the next, so
that a device would wait for the host at each. Here the answers of many fits are queued where the
samples lie before any is read; models on the host that have them already are asked in their place.
"""

from __future__ import annotations

import copy
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import stand_in
from xpnet.estimators._prediction import Unread, outputs
from xpnet.estimators._sklearn_private import attempted, warnings_noted
from xpnet.model_selection.folds import Fold, network_of
from xpnet.model_selection.handover import Fit
from xpnet.types import Array, Layer

AT_ONCE = 2**24
"""Numbers that are read at once, where there are so many: the host has room for them."""

ANSWERS = (
    *("predict", "predict_proba", "predict_log_proba", "decision_function", "score", "classes_"),
    *("_net", "_params", "_last_layer", "_labels"),
    *("_targets", "_encoded", "_unread_score", "_score_on_host"),
)
"""What scorers ask of an estimator, and what it makes that of."""


def is_own(network: Any) -> bool:
    """Whether all that it answers follows from its outputs, as in a derived class it need not."""
    for own in (MLPClassifier, MLPRegressor):
        if isinstance(network, own):
            return not any(
                name in vars(network)
                or getattr(type(network), name, None) is not getattr(own, name, None)
                for name in ANSWERS
            )
    return False


class Case(NamedTuple):
    """What a scorer is to ask: a model on the host that knows its answers, and of what."""

    model: Any
    X: Any
    y: Any
    params: dict[str, Any]


class ByOutputs(NamedTuple):
    """Samples that answers on the host are made for, of the network's outputs.

    Attributes
    ----------
    X : array
        As networks take it, where it lies.
    y : array
    params : dict
        Of scorers, ``sample_weight`` or nothing; as y, on the host.
    classes : array or None
        Those that all fits on the fold know.
    with_logits : bool
        Whether answers are made of Z, too.
    """

    X: Array
    y: Any
    params: dict[str, Any]
    classes: Any
    with_logits: bool

    def queued(self, network: Any) -> Layer:
        """What is to be read of a network."""
        return last_layer(network, self.X, self.with_logits)

    def case(self, network: Any, layer: Layer) -> Case:
        """What is to be asked once that is read."""
        return Case(known_model(network, layer, self.classes), self.X, self.y, self.params)


class ByScore(NamedTuple):
    """Samples that the estimators' own score is computed for where they lie: with it, all is known.

    Attributes
    ----------
    X, y : array
    weights : array or None
        With metadata routing the score is asked for without them where the estimator wants none.
    """

    X: Array
    y: Array
    weights: Array | None

    def queued(self, network: Any) -> tuple[Unread, ...]:
        """The score without weights, and with them."""
        A = last_layer(network, self.X).A
        weights = [None] if self.weights is None else [None, self.weights]
        return tuple(network._unread_score(A, self.y, s) for s in weights)

    def case(self, network: Any, scores: Sequence[Unread]) -> Case:
        """What is to be asked once they are read."""
        known = [float(part) / float(whole) for part, whole in scores]

        def score(X: Any, y: Any, sample_weight: Any = None) -> float:
            return known[0 if sample_weight is None else -1]

        return Case(SimpleNamespace(score=score), self.X, self.y, {"sample_weight": self.weights})


Part: TypeAlias = ByOutputs | ByScore

Queued: TypeAlias = tuple[Fit, Sequence[Part], tuple[Any, ...]]


class Answers:
    """The answers of fits for some scorers, each of which asks each fit for each part in order.

    What is read at once is asked for next: memory does not grow with the number of fits.

    Parameters
    ----------
    found : sequence of (Fit, Fold)
        In the order of the asking.
    parts : dict of Fold to sequence of Part
        Nothing for fits that are left to scikit-learn.
    scorers : sequence of scorer
    """

    def __init__(
        self,
        found: Sequence[tuple[Fit, Fold]],
        parts: Mapping[Fold, Sequence[Part] | None],
        scorers: Sequence[Any],
    ) -> None:
        self.waiting = {id(fit.estimator): (fit, of) for fit, fold in found if (of := parts[fold])}
        self.known: dict[tuple[int, Any], deque[Case]] = {}
        self.scorers = scorers

    def next(self, estimator: Any, scorer: Any) -> Case | None:
        """What a scorer that is called with an estimator is to ask; None for the estimator."""
        if id(estimator) in self.waiting:
            self._read(id(estimator))
        cases = self.known.get((id(estimator), scorer))
        return cases.popleft() if cases else None

    def _read(self, wanted: int) -> None:
        """Read the answers of one fit, and of those after it."""
        began, (asking, _) = time.perf_counter(), self.waiting[wanted]
        queued = self._queued(wanted)
        read = backend.read_tree(tuple(of_fit for *_, of_fit in queued))
        for (fit, parts, _), of_fit in zip(queued, read, strict=True):
            network = network_of(fit.estimator)
            cases = [part.case(network, one) for part, one in zip(parts, of_fit, strict=True)]
            self.known |= {(id(fit.estimator), scorer): deque(cases) for scorer in self.scorers}
        share = (time.perf_counter() - began) / max(1, len(queued))
        for fit, *_ in queued:  # in place of all for the one that is asked for
            fit.seconds["score_time"] += share
            asking.seconds["score_time"] -= share

    def _queued(self, wanted: int) -> list[Queued]:
        """Answers where they are computed; a fit whose own fail, or warn, is to do so by itself."""
        queued, numbers = [], 0
        while wanted in self.waiting or (self.waiting and numbers < AT_ONCE):
            fit, parts = self.waiting.pop(next(iter(self.waiting)))
            with backend.on_device_of(stand_in(parts[0].X)), warnings_noted():
                found = attempted(_of_parts, network_of(fit.estimator), parts)
            if found:
                queued.append((fit, parts, found))
                numbers += sum(math.prod(array.shape) for array in backend.leaves(found))
        return queued


def _of_parts(network: Any, parts: Sequence[Part]) -> tuple[Any, ...]:
    return tuple(part.queued(network) for part in parts)


def last_layer(network: Any, X: Array, with_logits: bool = False) -> Layer:
    """A network's outputs for samples that are checked, where they lie.

    Z is left out of several, unless it is asked for: the probabilities of two classes, and the
    logarithms of any, alone are not made of A.
    """
    layer = outputs(network._net(), network._params(), X)
    return layer if with_logits or layer.A.shape[0] == 1 else Layer(None, layer.A)


def known_model(network: Any, layer: Layer, classes: Any = None) -> Any:
    """A copy of a network on the host that has this output for whatever it is asked."""
    model = copy.copy(network)
    model._last_layer = lambda X, method: layer
    if classes is not None:
        model.classes_ = classes
    return model
