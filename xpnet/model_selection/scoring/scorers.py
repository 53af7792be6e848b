"""scikit-learn's scorers of samples that lie elsewhere than on the host.

Their metrics are for the host: many fail on arrays that NumPy may not read. The scorers here take
their place and compare on the host: answers that are known already, or that an estimator is asked
for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence, Set
from typing import Any

from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer, get_scorer_names

from xpnet.estimators._devices import on_host, to_host
from xpnet.estimators._sklearn.private import PassthroughScorer, Scorer
from xpnet.model_selection.folds import network_of, why_not_own
from xpnet.model_selection.scoring.answers import Answers, Case, is_own

RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")
"""The methods that metrics compare the answers of."""


class HostScorer(Scorer):
    """A scorer of scikit-learn's that compares on the host.

    Attributes
    ----------
    answers : Answers or None
        Of the fits that it is going to score.
    """

    answers: Answers | None = None

    def __init__(self, scorer: Scorer) -> None:
        self.__dict__.update(vars(scorer))

    def _score(self, method_caller: Any, estimator: Any, X: Any, y_true: Any, **kwargs: Any) -> Any:
        """What scikit-learn calls, of one scorer or several, which share answers."""
        case = self.answers.next(estimator, self) if self.answers else None
        model, X, y, params = case or _case_alone(estimator, X, y_true, kwargs)

        def answers(model: Any, method: str, *args: Any, **named: Any) -> Any:
            # A tuple: by the name itself, users' scorers share the answers where they lie.
            return method_caller(model, (method,), *args, **named)

        return super()._score(answers, model, X, y, **{name: params[name] for name in kwargs})


class OwnScorer(PassthroughScorer):
    """The estimators' own score; they are asked for it where it is not known before.

    Attributes
    ----------
    answers : Answers or None
        As of `HostScorer`.
    """

    answers: Answers | None = None

    def __call__(self, estimator: Any, X: Any, y: Any = None, **kwargs: Any) -> Any:
        """Return the score of an estimator."""
        case = self.answers.next(estimator, self) if self.answers else None
        model, X, y, params = case or Case(estimator, X, y, kwargs)
        return model.score(X, y, **{name: params[name] for name in kwargs})


class OnHost:
    """Stands in for an estimator where its answers are to come to the host.

    Parameters
    ----------
    estimator : estimator
    take : function, optional
        Returns the samples that it is to be asked for, given those it is asked for.
    """

    def __init__(self, estimator: Any, take: Callable[[Any], Any] | None = None) -> None:
        self._estimator, self._take = estimator, take or (lambda X: X)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """That of the estimator, by which scikit-learn's errors call it."""
        return type(self._estimator)

    @property
    def classes_(self) -> Any:
        """The estimator's."""
        return _moved(self._estimator.classes_)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._estimator, name)
        if name not in RESPONSES:
            return found
        return functools.wraps(found)(lambda X: _moved(found(self._take(X))))


def _moved(answers: Any) -> Any:
    """Answers on the host; those of some estimators are a list, with an array for each output."""
    return list(map(to_host, answers)) if isinstance(answers, list) else to_host(answers)


def _case_alone(estimator: Any, X: Any, y: Any, params: dict[str, Any]) -> Case:
    """What to compare of one fit, which is asked for its answers now."""
    there = {name: to_host(values) for name, values in params.items()}
    return Case(OnHost(estimator), X, to_host(y), there)


def for_all(
    scoring: Any, estimator: Any, X: Any, y: Any, searched: Set[str], *, is_weighted: bool = False
) -> Any:
    """`scoring` with scorers that compare on the host, or know scores, if X lies elsewhere.

    A scorer of the user's stays, and is called with the estimator and what lies there.

    The estimator's own score takes the place of the name "accuracy" if both do the same. They do
    not for a derived class, which may predict in its own way; with weights, which they add up in
    different orders, or which may be routed to one of them alone; for a y that is a column, of
    which the own score would warn; and where a parameter that is `searched` brings another
    estimator.
    """
    if not lies_elsewhere(X):
        return scoring
    if isinstance(scoring, list | tuple) and _are_names(scoring):
        scoring = dict(zip(scoring, scoring, strict=True))
    is_column = tuple(getattr(y, "shape", ()))[1:] == (1,)
    has_own = is_own(network_of(estimator))
    is_same = (
        has_own
        and is_classifier(estimator)
        and not (is_weighted or get_config()["enable_metadata_routing"])
        and not (is_column or why_not_own(estimator, searched))
    )

    def made(scorer: Any) -> Any:
        if has_own and (scorer is None or (is_same and _is(scorer, "accuracy"))):
            return OwnScorer(estimator)
        return _for_host(scorer)

    if isinstance(scoring, dict):
        return {name: made(scorer) for name, scorer in scoring.items()}
    return made(scoring)


def _for_host(scorer: Any) -> Any:
    """A `HostScorer` in the place of a scorer, or its name, that is scikit-learn's."""
    if isinstance(scorer, str) and scorer in get_scorer_names():
        scorer = get_scorer(scorer)
    is_theirs = type(scorer) is Scorer and str(
        getattr(scorer._score_func, "__module__", "")
    ).startswith("sklearn.")
    return HostScorer(scorer) if is_theirs else scorer


def lies_elsewhere(X: Any) -> bool:
    """Whether X is an array of another library than NumPy, that xpnet computes with."""
    try:
        return not on_host(X)
    except TypeError:
        return False


def _is(scorer: Any, name: str) -> bool:
    return isinstance(scorer, str) and scorer == name


def _are_names(scoring: Sequence[Any]) -> bool:
    """Whether scikit-learn takes a list of scorers: of names, each once."""
    are_texts = all(isinstance(name, str) for name in scoring)
    return are_texts and 0 < len(scoring) == len(set(scoring))
