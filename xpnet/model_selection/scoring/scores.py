"""Scores that scikit-learn will ask fits for, computed where the samples lie before it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np

from xpnet import backend
from xpnet.estimators._devices import on_host, stand_in, to_host
from xpnet.estimators._mlp import Checked
from xpnet.estimators._samples.validation import checked_weights
from xpnet.estimators._sklearn.private import part_for
from xpnet.estimators._sklearn.warnings import attempted, warnings_noted
from xpnet.model_selection.folds import Data, Fold, network_of
from xpnet.model_selection.handover import Fit
from xpnet.model_selection.scoring.answers import Answers, ByOutputs, ByScore, Part, is_own
from xpnet.model_selection.scoring.scorers import HostScorer, OwnScorer
from xpnet.types import Array


class Asked(NamedTuple):
    """What scikit-learn will ask of each fit.

    Attributes
    ----------
    parts : tuple of str
        The samples that it is scored on, one after the other: "test", or "test" and "train".
    scorers : tuple of HostScorer and OwnScorer
        Those that are called for each of them.
    params : dict
        Of scorers: ``sample_weight``, or nothing.
    """

    parts: tuple[str, ...]
    scorers: tuple[HostScorer | OwnScorer, ...]
    params: dict[str, Any]

    def forget(self) -> None:
        """Let go of what scorers know: after an error it may hold samples on a device."""
        for scorer in self.scorers:
            scorer.answers = None


NOTHING = Asked((), (), {})


def asked_by(scoring: Any, of_train: bool, params: dict[str, Any]) -> Asked:
    """What a search or validation by `scoring` will ask for, and with which `params`."""
    if params.keys() - {"sample_weight"}:
        return NOTHING
    scorers = scoring.values() if isinstance(scoring, dict) else [scoring]
    ours = tuple(one for one in scorers if isinstance(one, HostScorer | OwnScorer))
    return Asked(("test", "train")[: 1 + of_train], ours, params)


def score_all(found: Sequence[tuple[Fit, Fold]], data: Data, asked: Asked) -> None:
    """Let scorers know the answers that they will ask for, to be read for many fits at once.

    None are known on the host, where scikit-learn does as well by itself; none of a class that may
    answer in its own way; and none where they cannot be computed, or warn: a fit does the same when
    it is asked. `found` are in the order of the asking.
    """
    if not asked.scorers or on_host(data.X):
        return
    found = [(fit, fold) for fit, fold in found if fit.error is None and _is_known(fit, fold)]
    is_there = not all(_compares_on_host(fold) for _, fold in found)
    by_score = [one for one in asked.scorers if is_there and isinstance(one, OwnScorer)]
    by_outputs = [one for one in asked.scorers if one not in by_score]
    data = data._replace(params=asked.params)
    with backend.on_device_of(stand_in(data.X)), warnings_noted():
        if by_score:
            _let_know(by_score, found, partial(_scored_on, data, asked.parts))
        if by_outputs and (there := attempted(_on_host, data)):
            methods = [one._response_method for one in asked.scorers if isinstance(one, HostScorer)]
            with_logits = any("predict_log_proba" in method for method in methods)
            _let_know(by_outputs, found, partial(_compared_on, there, asked.parts, with_logits))


def _is_known(fit: Fit, fold: Fold) -> bool:
    """Whether all that a fit answers follows from its outputs for samples that are checked."""
    return fold.given is not None and is_own(network_of(fit.estimator))


def _compares_on_host(fold: Fold) -> bool:
    """Whether own scores are made on the host: labels are text, or a pipeline takes X there."""
    samples, labels, _ = cast(Checked, fold.given)
    return on_host(samples.X) or isinstance(getattr(labels, "classes", None), np.ndarray)


def _on_host(data: Data) -> Data:
    """The same with targets and weights on the host; X, which is compared with nothing, stays."""
    there = {name: to_host(values) for name, values in data.params.items()}
    return data._replace(y=to_host(data.y), params=there)


def _let_know(
    scorers: Sequence[HostScorer | OwnScorer],
    found: Sequence[tuple[Fit, Fold]],
    parts_of: Callable[[Fold, Any], Sequence[Part]],
) -> None:
    one_of_each = {fold: fit.estimator for fit, fold in found}
    parts = {fold: attempted(parts_of, fold, estimator) for fold, estimator in one_of_each.items()}
    answers = Answers(found, parts, scorers)
    for scorer in scorers:
        scorer.answers = answers


def _scored_on(data: Data, names: Sequence[str], fold: Fold, estimator: Any) -> list[ByScore]:
    """The samples to score on where they lie, checked once for all fits."""
    network, parts = network_of(estimator), []
    for X, y, params in _samples(data, names, fold, estimator):
        weights = checked_weights(params.get("sample_weight"), X)
        parts.append(ByScore(X, network._targets(y, X), weights))
    return parts


def _compared_on(
    data: Data, names: Sequence[str], with_logits: bool, fold: Fold, estimator: Any
) -> list[ByOutputs]:
    """The samples to compare outputs for on the host."""
    labels = cast(Checked, fold.given).labels
    classes = None if labels is None else to_host(labels.classes)
    return [
        ByOutputs(X, y, params, classes, with_logits)
        for X, y, params in _samples(data, names, fold, estimator)
    ]


def _samples(
    data: Data, names: Sequence[str], fold: Fold, estimator: Any
) -> Iterator[tuple[Array, Any, dict[str, Any]]]:
    """X of these names as networks take it, y, and the parameters of scorers."""
    for name in names:
        # y stands for X, too, of which the length alone is looked at: its rows are taken below.
        _, y, params = part_for(network_of(estimator), data.y, data.y, data.params, fold.rows(name))
        yield fold.taken(name, estimator, data.X), y, params
