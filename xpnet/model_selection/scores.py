"""Scores of fits whose samples lie elsewhere than on the host: all computed there, then read.

scikit-learn asks each fit for its score and needs a number of Python before it asks the next, so
that a device would wait for the host at each. Here all are known before the first is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

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

Scored: TypeAlias = tuple[Fit, dict[str, Unread]]
"""A fit, and its scores by the names of the samples."""

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
    scorers = scoring.values() if isinstance(scoring, dict) else [scoring]
    times = sum(scorer is None for scorer in scorers)
    return Asked(("test",) * times + ("train",) * (times * of_train), params)


def with_own(scoring: Any, estimator: Any, X: Any, searched: Set[str]) -> Any:
    """`scoring` with None, an estimator's own score, in place of its name, if X is not on the host.

    And if it is the same number: none of the parameters that are `searched` brings another
    estimator, and "accuracy" is divided in float64, which where arrays are dispatched it is on CuPy
    alone.
    """
    is_exact = not get_config()["array_api_dispatch"] or backend.library_name(X) == "cupy"
    is_own = is_classifier(estimator) and _has_own(estimator)
    if on_host(X) or not (is_exact and is_own) or why_not_own(estimator, searched):
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
    scored: list[Scored] = []
    with backend.on_device_of(stand_in(data.X)), warnings_noted():
        for fold in dict.fromkeys(fold for _, fold in found):
            fits = [fit for fit, of in found if of is fold and fit.error is None]
            said: list[Callable[[], object]] = []
            with suppress(Exception), noted(said):
                of_fold = _scored(fits, fold, data, asked)
                scored += [] if said else of_fold
    if not scored:
        return
    numbers = iter(read_scores([score for _, scores in scored for score in scores.values()]))
    for fit, scores in scored:
        known = {name: next(numbers) for name in scores}
        fit.scores = [known[name] for name in asked.samples]
    for fit, scores in scored:
        fit.score_seconds = (time.perf_counter() - began) / (len(scored) * len(scores))


def _scored(fits: Sequence[Fit], fold: Fold, data: Data, asked: Asked) -> list[Scored]:
    """Fits on one fold with their scores; nothing where all is left to scikit-learn."""
    if not fits or not _has_own(fits[0].estimator):
        return []
    parts = _parts(fits[0].estimator, fold, data, asked)
    return [
        (fit, {name: _score(network_of(fit.estimator), *part) for name, part in parts.items()})
        for fit in fits
        if parts
    ]


def _score(network: Any, X: Array, y: Array, weights: Array | None) -> Unread:
    A = outputs(network._net(), network._params(), X).A
    score: Unread = network._unread_score(A, y, weights)
    return score


def _parts(estimator: Any, fold: Fold, data: Data, asked: Asked) -> dict[str, Part]:
    """The samples to score on, checked once for all fits; nothing where there is no need.

    That is where a pipeline has brought them to the host, or labels are text.
    """
    network = network_of(estimator)
    X, y, params = part_for(estimator, data.X, data.y, asked.params, fold.test, fold.train)
    X = X if fold.before is None else fold.before.transform(X)
    if on_host(X) or fold.given is None:
        return {}
    X = checked_samples(network, X, reset=False)
    y = network._targets(y, X)
    if isinstance(y, np.ndarray):
        return {}
    parts = {"test": (X, y, checked_weights(params.get("sample_weight"), X))}
    if "train" in asked.samples:
        X, _, weights, y = fold.given.samples
        parts["train"] = X, network._targets(y, X), weights if params else None
    return parts
