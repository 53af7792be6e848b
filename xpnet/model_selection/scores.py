"""Scores of fits whose samples lie elsewhere than on the host: all computed there, then read.

scikit-learn asks each fit for its score and needs a number of Python before it asks the next, so
that a device would wait for the host at each. Here all are known before the first is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from sklearn import get_config
from sklearn.base import is_classifier

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import on_host, stand_in
from xpnet.estimators._prediction import Unread, outputs, read_scores
from xpnet.estimators._sklearn_private import noted, part_for, warnings_noted
from xpnet.estimators._validation import checked_samples, checked_weights
from xpnet.model_selection.folds import Data, Fold, network_of, why_not_own
from xpnet.model_selection.handover import Fit
from xpnet.types import Array

Part: TypeAlias = tuple[Array, Array, Array | None]
"""Samples, targets and weights."""

Found = TypeVar("Found")

OWN = MLPClassifier.score, MLPRegressor.score


class Asked(NamedTuple):
    """What scikit-learn will ask the `score` of each fit for.

    Attributes
    ----------
    samples : tuple of str
        Of each call, "test" or "train".
    params : dict
        Of every call: ``sample_weight``, or nothing.
    """

    samples: tuple[str, ...]
    params: dict[str, Any]


NOTHING = Asked((), {})


def asked_by(scoring: Any, of_train: bool, params: dict[str, Any]) -> Asked:
    """What a search or validation by `scoring` will ask for, and with which `params`."""
    is_routed = bool(params) and get_config()["enable_metadata_routing"]
    if is_routed or params.keys() - {"sample_weight"}:
        return NOTHING  # one scorer may get what another does not
    scorers = list(scoring.values()) if isinstance(scoring, dict) else [scoring]
    if any(map(callable, scorers)):
        return NOTHING  # a function of the user's may ask for scores, too
    times = scorers.count(None)
    return Asked(("test",) * times + ("train",) * (times * of_train), params)


def with_own(scoring: Any, estimator: Any, X: Any, y: Any, searched: Set[str]) -> Any:
    """`scoring` with None, an estimator's own score, in place of its name, if X is not on the host.

    And if both do the same: y is no column, of which the estimator's own would warn; no parameter
    that is `searched` brings another estimator; and scikit-learn divides in float64, as with its
    array API dispatch it is sure to do on CuPy alone.
    """
    if scoring is None or on_host(X):
        return scoring
    is_own = is_classifier(estimator) and _has_own(estimator)
    is_column = tuple(getattr(y, "shape", ()))[1:] == (1,)
    if not is_own or is_column or why_not_own(estimator, searched):
        return scoring
    if get_config()["array_api_dispatch"] and backend.library_name(stand_in(X)) != "cupy":
        return scoring
    if isinstance(scoring, list | tuple) and _are_names(scoring):
        scoring = dict(zip(scoring, scoring, strict=True))
    if isinstance(scoring, dict):
        return {name: _own(scorer) for name, scorer in scoring.items()}
    return _own(scoring)


def _own(scorer: Any) -> Any:
    return None if isinstance(scorer, str) and scorer == "accuracy" else scorer


def _are_names(scoring: Sequence[Any]) -> bool:
    """Whether scikit-learn takes a list of scorers: of names, each once."""
    are_texts = all(isinstance(name, str) for name in scoring)
    return are_texts and 0 < len(scoring) == len(set(scoring))


def _has_own(estimator: Any) -> bool:
    """Whether its score is xpnet's, and not that of a derived class."""
    return getattr(type(network_of(estimator)), "score", None) in OWN


def score_all(found: Sequence[tuple[Fit, Fold]], data: Data, asked: Asked) -> None:
    """Give fits the scores that they will be asked for, all of them by one read.

    None are given where scikit-learn does as well by itself: on the host; where scores cannot be
    computed, or warn, as each that is asked for then does.
    """
    if not asked.samples or on_host(data.X):
        return
    began = time.perf_counter()
    unread = _unread([(fit, fold) for fit, fold in found if fit.error is None], data, asked)
    if not unread:
        return
    scores = read_scores([score for of_fit in unread.values() for score in of_fit.values()])
    seconds, numbers = (time.perf_counter() - began) / len(scores), iter(scores)
    for fit, of_fit in unread.items():
        known = {name: next(numbers) for name in of_fit}
        fit.scores = [known[name] for name in asked.samples]
        fit.score_seconds = seconds


def _unread(
    found: Sequence[tuple[Fit, Fold]], data: Data, asked: Asked
) -> dict[Fit, dict[str, Unread]]:
    """The scores of fits by the names of the samples; a fit whose score is left to it has none."""
    with backend.on_device_of(stand_in(data.X)), warnings_noted():
        one_of_each = {fold: fit.estimator for fit, fold in found}
        parts = {
            fold: _attempted(_parts, estimator, fold, data, asked)
            for fold, estimator in one_of_each.items()
        }
        scores = {
            fit: _attempted(_scores, network_of(fit.estimator), of_fold)
            for fit, fold in found
            if (of_fold := parts[fold])
        }
    return {fit: of_fit for fit, of_fit in scores.items() if of_fit}


def _attempted(function: Callable[..., Found], *args: Any) -> Found | None:
    """What a function returns; None if it fails or warns: it is to do so for each that asks."""
    said: list[Callable[[], object]] = []
    with suppress(Exception), noted(said):
        found = function(*args)
        return None if said else found
    return None


def _parts(estimator: Any, fold: Fold, data: Data, asked: Asked) -> dict[str, Part]:
    """The samples to score on, checked once for all fits; none where it is left to each.

    That is for a score of a derived class, where a pipeline has brought the samples to the host,
    and for labels that are text.
    """
    if fold.given is None or not _has_own(estimator):
        return {}
    X, y, params = part_for(estimator, data.X, data.y, asked.params, fold.test, fold.train)
    X = X if fold.before is None else fold.before.transform(X)
    if on_host(X):
        return {}
    network = network_of(estimator)
    X = checked_samples(network, X, reset=False)
    y = network._targets(y, X)
    if isinstance(y, np.ndarray):
        return {}
    parts = {"test": (X, y, checked_weights(params.get("sample_weight"), X))}
    if "train" in asked.samples:
        X, _, weights, y = fold.given.samples
        parts["train"] = X, network._targets(y, X), weights if params else None
    return parts


def _scores(network: Any, parts: dict[str, Part]) -> dict[str, Unread]:
    net, params = network._net(), network._params()
    return {
        name: network._unread_score(outputs(net, params, X).A, y, weights)
        for name, (X, y, weights) in parts.items()
    }
