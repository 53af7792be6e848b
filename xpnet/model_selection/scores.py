"""Scores of fits whose samples lie elsewhere than on the host: all computed there, then read.

scikit-learn asks each fit for its score and needs a number of Python before it asks the next, so
that a device would wait for the host at each. Here all are known before the first is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn import get_config
from sklearn.base import is_classifier

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import on_host, stand_in
from xpnet.estimators._prediction import Unread, outputs, read_scores
from xpnet.estimators._sklearn_private import attempted, part_for, warnings_noted
from xpnet.estimators._validation import checked_weights
from xpnet.model_selection.folds import Data, Fold, network_of, why_not_own
from xpnet.model_selection.handover import Fit
from xpnet.model_selection.scorers import HostScorer, answer_all, for_host, is_own
from xpnet.types import Array

Part: TypeAlias = tuple[Array, Array, Array | None]
"""Samples, targets and weights."""

OWN = MLPClassifier.score, MLPRegressor.score


class Asked(NamedTuple):
    """What scikit-learn will ask of each fit.

    Attributes
    ----------
    parts : tuple of str
        The samples that it is scored on, one after the other: "test", or "test" and "train".
    own : int
        How often its `score` is called for each of them.
    scorers : tuple of HostScorer
        Those that are called.
    params : dict
        Of every call: ``sample_weight``, or nothing.
    """

    parts: tuple[str, ...]
    own: int
    scorers: tuple[HostScorer, ...]
    params: dict[str, Any]


NOTHING = Asked((), 0, (), {})


def asked_by(scoring: Any, of_train: bool, params: dict[str, Any]) -> Asked:
    """What a search or validation by `scoring` will ask for, and with which `params`."""
    is_routed = bool(params) and get_config()["enable_metadata_routing"]
    if is_routed or params.keys() - {"sample_weight"}:
        return NOTHING  # one scorer may get what another does not
    scorers = list(scoring.values()) if isinstance(scoring, dict) else [scoring]
    of_host = [scorer for scorer in scorers if isinstance(scorer, HostScorer)]
    is_function = sum(map(callable, scorers)) > len(of_host)  # and may ask for scores, too
    own = 0 if is_function else scorers.count(None)
    return Asked(("test", "train")[: 1 + of_train], own, tuple(of_host), params)


def for_all(
    scoring: Any, estimator: Any, X: Any, y: Any, searched: Set[str], *, is_weighted: bool = False
) -> Any:
    """`scoring` with scorers whose part is done for all fits at once, if X is not on the host.

    The estimator's own score, None, takes the place of its name if both do the same: it is of no
    derived class, which may predict in its own way; weights, which are not added up in the same
    order, are not given; y is no column, of which the estimator's own would warn; and no parameter
    that is `searched` brings another estimator.
    """
    if scoring is None or on_host(X):
        return scoring
    if isinstance(scoring, list | tuple) and _are_names(scoring):
        scoring = dict(zip(scoring, scoring, strict=True))
    is_column = tuple(getattr(y, "shape", ()))[1:] == (1,)
    is_same = (
        is_classifier(estimator)
        and is_own(network_of(estimator))
        and not (is_weighted or is_column or why_not_own(estimator, searched))
    )
    scorers = scoring if isinstance(scoring, dict) else {"": scoring}
    if is_same:
        scorers = {name: _own(scorer) for name, scorer in scorers.items()}
    scorers = for_host(scorers)
    return scorers if isinstance(scoring, dict) else scorers[""]


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
    """Let fits know the scores, and scorers the answers, that will be asked for, read at once.

    None are known where scikit-learn does as well by itself: on the host; where they cannot be
    computed, or warn, as each that is asked for then does. `found` are in the order of the asking.
    """
    if on_host(data.X):
        return
    trained = [(fit, fold) for fit, fold in found if fit.error is None]
    if asked.own:
        _score_all(trained, data, asked)
    if asked.scorers:
        answer_all(trained, data, asked.params, asked.parts, asked.scorers)


def _score_all(found: Sequence[tuple[Fit, Fold]], data: Data, asked: Asked) -> None:
    began = time.perf_counter()
    unread = _unread(found, data, asked)
    if not unread:
        return
    scores = read_scores([score for of_fit in unread.values() for score in of_fit.values()])
    seconds, numbers = (time.perf_counter() - began) / len(scores), iter(scores)
    for fit, of_fit in unread.items():
        known = {name: next(numbers) for name in of_fit}
        fit.scores = [known[name] for name in asked.parts for _ in range(asked.own)]
        fit.seconds["score_time"] = seconds


def _unread(
    found: Sequence[tuple[Fit, Fold]], data: Data, asked: Asked
) -> dict[Fit, dict[str, Unread]]:
    """The scores of fits by the names of the samples; a fit whose score is left to it has none."""
    with backend.on_device_of(stand_in(data.X)), warnings_noted():
        one_of_each = {fold: fit.estimator for fit, fold in found}
        parts = {
            fold: attempted(_parts, estimator, fold, data, asked)
            for fold, estimator in one_of_each.items()
        }
        scores = {
            fit: attempted(_scores, network_of(fit.estimator), of_fold)
            for fit, fold in found
            if (of_fold := parts[fold])
        }
    return {fit: of_fit for fit, of_fit in scores.items() if of_fit}


def _parts(estimator: Any, fold: Fold, data: Data, asked: Asked) -> dict[str, Part]:
    """The samples to score on, checked once for all fits; none where it is left to each.

    That is for a score of a derived class, where a pipeline has brought the samples to the host,
    and for labels that are text.
    """
    if fold.given is None or not _has_own(estimator):
        return {}
    network = network_of(estimator)
    X = fold.taken("test", estimator, data.X)
    if on_host(X):
        return {}
    _, y, params = part_for(estimator, data.X, data.y, asked.params, fold.test, fold.train)
    y = network._targets(y, X)
    if isinstance(y, np.ndarray):
        return {}
    parts = {"test": (X, y, checked_weights(params.get("sample_weight"), X))}
    if "train" in asked.parts:
        _, _, weights, y = fold.given.samples
        X = fold.taken("train", estimator, data.X)
        parts["train"] = X, network._targets(y, X), weights if params else None
    return parts


def _scores(network: Any, parts: dict[str, Part]) -> dict[str, Unread]:
    net, params = network._net(), network._params()
    return {
        name: network._unread_score(outputs(net, params, X).A, y, weights)
        for name, (X, y, weights) in parts.items()
    }
