"""Answers of fits for the samples that they are scored on, read for many fits at once.

scikit-learn asks each fit for its score, and needs that as a Python number before it asks the next:
a device would wait for the host each time. Here the answers of many fits are queued where the
samples lie before any is read. Then models on the host that know them are asked in place of the
fits.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace
from sklearn.base import is_classifier

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import stand_in
from xpnet.estimators._prediction import Unread, outputs
from xpnet.estimators._sklearn.warnings import attempted, warnings_noted
from xpnet.model_selection.folds import Fold, network_of
from xpnet.model_selection.handover import Fit
from xpnet.network import Network
from xpnet.types import Array, Layer

AT_ONCE = 2**24
"""Numbers that are read at once, where there are so many: the host has room for them."""

COMPARED = 2**20
"""Numbers that are compared at once, where they lie: this needs some 40 bytes for each of them."""

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
    """What a scorer is to ask, a model on the host that knows its answers, and of which samples."""

    model: Any
    X: Any
    y: Any
    params: dict[str, Any]


class ByOutputs(NamedTuple):
    """Samples whose answers are made on the host, of the network's outputs.

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

    def numbers(self, net: Network) -> int:
        """How many are to be read of a network."""
        m: int = self.X.shape[0]
        return net.sizes[-1] * m * (2 if self.with_logits else 1)

    def queued(self, networks: Sequence[Any]) -> tuple[Layer, ...]:
        """What is to be read of networks of one form."""
        return last_layers(networks, self.X, self.with_logits)

    def case(self, network: Any, layers: Sequence[Layer], k: int) -> Case:
        """What is to be asked of network k once that is read."""
        return Case(known_model(network, layers[k], self.classes), self.X, self.y, self.params)


class ByScore(NamedTuple):
    """Samples that only the estimators' own score is asked of, which is computed where they lie.

    Attributes
    ----------
    X, y : array
    weights : array or None
        With metadata routing the score is asked for without them where the estimator wants none.
    """

    X: Array
    y: Array
    weights: Array | None

    def numbers(self, net: Network) -> int:
        """How many are to be read of a network."""
        return 2 if self.weights is None else 4

    def queued(self, networks: Sequence[Any]) -> tuple[Unread, ...]:
        """The scores of networks of one form without weights, and with them."""
        each = [layer.A for layer in last_layers(networks, self.X)]
        weights = [None] if self.weights is None else [None, self.weights]
        return tuple(self._scores(networks, each, s) for s in weights)

    def _scores(self, networks: Sequence[Any], each: list[Array], s: Array | None) -> Unread:
        """Of all networks at once if they are counts: other sums of many have other bits."""
        stack = array_namespace(*each).stack
        if s is None and is_classifier(networks[0]):
            # The classes of one are those of all, as they have learned from the same samples.
            found: Unread = networks[0]._unread_score(stack(each), self.y, None)
            return found
        pairs = zip(networks, each, strict=True)
        scores = [network._unread_score(A, self.y, s) for network, A in pairs]
        return Unread(*(stack(list(numbers)) for numbers in zip(*scores, strict=True)))

    def case(self, network: Any, scores: Sequence[Unread], k: int) -> Case:
        """What is to be asked of network k once they are read."""
        known = [float(score.part[k]) / float(score.whole[k]) for score in scores]

        def score(X: Any, y: Any, sample_weight: Any = None) -> float:
            return known[0 if sample_weight is None else -1]

        return Case(SimpleNamespace(score=score), self.X, self.y, {"sample_weight": self.weights})


Part: TypeAlias = ByOutputs | ByScore

Waiting: TypeAlias = tuple[Fit, Sequence[Part]]

Alike: TypeAlias = tuple[list[Fit], Sequence[Part]]
"""Fits on the same samples, whose networks are of one form."""

Queued: TypeAlias = tuple[Sequence[Fit], Sequence[Part], tuple[Any, ...]]
"""Fits, what they are scored on, and the answers of all for each part."""


class Answers:
    """The answers of fits for some scorers, each of which asks each fit for each part in order.

    Only what is asked for next is read, so that memory does not grow with the number of fits.

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
        self.waiting: dict[int, Waiting] = {
            id(fit.estimator): (fit, of) for fit, fold in found if (of := parts[fold])
        }
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
        queued = [one for group in self._coming(wanted) for one in _queued(*group)]
        read = backend.read_tree(tuple(of_all for *_, of_all in queued))
        fits = [fit for of_group, *_ in queued for fit in of_group]
        for (of_group, parts, _), of_all in zip(queued, read, strict=True):
            for k, fit in enumerate(of_group):
                network = network_of(fit.estimator)
                cases = [
                    part.case(network, answer, k)
                    for part, answer in zip(parts, of_all, strict=True)
                ]
                self.known |= {(id(fit.estimator), scorer): deque(cases) for scorer in self.scorers}
        share = (time.perf_counter() - began) / max(1, len(fits))
        for fit in fits:  # scikit-learn counts all of the time as that of the one it asks
            fit.seconds["score_time"] += share
            asking.seconds["score_time"] -= share

    def _coming(self, wanted: int) -> list[Alike]:
        """Those that are asked for next, up to one at least: as many as are read at once."""
        groups: dict[Any, Alike] = {}
        numbers = 0
        while wanted in self.waiting or (self.waiting and numbers < AT_ONCE):
            fit, parts = self.waiting.pop(next(iter(self.waiting)))
            net = network_of(fit.estimator)._net()
            numbers += sum(part.numbers(net) for part in parts)
            groups.setdefault((id(parts), net), ([], parts))[0].append(fit)
        return [one for (_, net), group in groups.items() for one in _bounded(net, *group)]


def _bounded(net: Network, fits: list[Fit], parts: Sequence[Part]) -> list[Alike]:
    """Groups of no more fits than are compared at once."""
    most = COMPARED // (net.sizes[-1] * max(part.X.shape[0] for part in parts)) or 1
    return [(fits[k : k + most], parts) for k in range(0, len(fits), most)]


def _queued(fits: Sequence[Fit], parts: Sequence[Part]) -> list[Queued]:
    """Answers, where they are computed; none of a fit whose answers fail, or warn.

    That is to happen when scikit-learn asks for them.
    """
    networks = [network_of(fit.estimator) for fit in fits]
    with backend.on_device_of(stand_in(parts[0].X)), warnings_noted():
        found = attempted(lambda: tuple(part.queued(networks) for part in parts))
    if found is not None:
        return [(fits, parts, found)]
    return [] if len(fits) == 1 else [one for fit in fits for one in _queued([fit], parts)]


def last_layers(networks: Sequence[Any], X: Array, with_logits: bool = False) -> tuple[Layer, ...]:
    """The outputs of networks of one form for samples that are checked, where they lie.

    Of more than one output Z is left out, unless it is asked for: only logarithms of probabilities,
    and the probabilities of two classes, are made of Z.
    """
    net = networks[0]._net()
    has_logits = with_logits or net.sizes[-1] == 1
    each = (outputs(net, network._params(), X) for network in networks)
    return tuple(layer if has_logits else Layer(None, layer.A) for layer in each)


def known_model(network: Any, layer: Layer, classes: Any = None) -> Any:
    """A copy of a network on the host that has this output for whatever it is asked."""
    model = copy.copy(network)
    model._last_layer = lambda X, method: layer
    if classes is not None:
        model.classes_ = classes
    return model
