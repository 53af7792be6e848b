"""scikit-learn's functions of cross-validation, whose fits train side by side."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn import get_config, model_selection
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import indexable

from xpnet import backend
from xpnet.estimators._devices import stand_in, to_host
from xpnet.model_selection.elsewhere import beside
from xpnet.model_selection.fitting import fit_all, say, why_all, why_not
from xpnet.model_selection.folds import Data
from xpnet.model_selection.handover import Dealer, Fit, jobs_of_scores, seconds_of
from xpnet.model_selection.near import moved, on_host
from xpnet.model_selection.scoring.scorers import for_all
from xpnet.model_selection.scoring.scores import asked_by
from xpnet.model_selection.splits import splitter_for

BY_CLASS = ("decision_function", "predict_proba", "predict_log_proba")
"""Methods for which scikit-learn's `cross_val_predict` fits on the numbers of the classes."""


def _side_by_side(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of scikit-learn's, ``(estimator, X, y, …)``, with fits that train side by side."""
    has_scores = "scoring" in inspect.signature(function).parameters

    @functools.wraps(function)
    def validated(estimator: Any, X: Any, y: Any = None, **options: Any) -> Any:
        if near := _near(estimator, X, y, options):
            result = validated(estimator, *near, **options)
            return _with_moved(result, X) if has_scores else _predictions(result, X)
        given, verbose = options.get("params") or {}, options.get("verbose", 0)
        searched = {options["param_name"]} if "param_name" in options else set()
        if has_scores:
            options["scoring"] = for_all(options.get("scoring"), estimator, X, y, searched)
        options["cv"] = splitter_for(options.get("cv"), estimator, X, y)
        if options.get("method") in BY_CLASS and not get_config()["array_api_dispatch"]:
            y = to_host(y)  # of which scikit-learn numbers the classes there
        reason = why_not(estimator, given)
        if get_config()["enable_metadata_routing"] and given:
            reason = reason or "metadata is routed"
        reason = reason or why_all(estimator, _candidates(options))
        if reason:
            say(verbose, f"Trained one by one: {reason}")
            return function(estimator, X, y, **options)
        with backend.on_device_of(stand_in(X)):
            return _trained(function, estimator, X, y, given, options)

    return validated


def _near(
    estimator: Any, X: Any, y: Any, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray] | None:
    """X and y as NumPy's arrays of the same memory, where nobody can tell the difference."""
    if options.get("params") or options.get("groups") is not None:
        return None
    tried = {options["param_name"]: options.get("param_range")} if "param_name" in options else {}
    return on_host(
        estimator,
        X,
        y,
        scoring=options.get("scoring"),
        cv=options.get("cv"),
        grids=[tried],
        tells_labels=options.get("method", "predict") == "predict",
    )


def _with_moved(result: Any, X: Any) -> Any:
    """Scores, and estimators, if there are any, beside X."""
    if isinstance(result, dict) and "estimator" in result:
        result["estimator"] = [moved(estimator, X) for estimator in result["estimator"]]
    return result


def _predictions(values: Any, X: Any) -> Any:
    """Predictions for samples of X where scikit-learn has them."""
    return beside(values, X) if get_config()["array_api_dispatch"] else values


def _candidates(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters of each candidate: of `validation_curve` several, else what is given alone."""
    if "param_name" not in options:
        yield {}
    for value in options.get("param_range", ()):
        yield {options["param_name"]: value}


def _trained(
    function: Callable[..., Any],
    estimator: Any,
    X: Any,
    y: Any,
    given: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    """What the function returns, which is handed estimators that are fitted already.

    They are trained when it asks for the first, after its own checks of all arguments.
    """
    X, y, groups = indexable(X, y, options.get("groups"))
    cv = model_selection.check_cv(options.get("cv"), y, classifier=is_classifier(estimator))
    options["cv"] = splits = list(cv.split(X, y, groups))
    # `validation_curve` has no such option, and asks in any case.
    of_train = options.get("return_train_score", "param_name" in options)
    asked, dealer = asked_by(options.get("scoring"), of_train, {}), Dealer(estimator)
    fits: list[Fit | None] = []

    def handed_over() -> Iterator[Any]:
        fitted_on = _numbered(y) if options.get("method") in BY_CLASS else y
        fits.extend(
            fit_all(
                estimator,
                list(_candidates(options)),
                Data(X, fitted_on, given, splits),
                asked=asked,
                by_fold="param_name" in options,  # of `validation_curve`
                verbose=options.get("verbose", 0),
            )
        )
        yield from (fit and fit.handed_over() for fit in fits)

    dealer.give(handed_over())
    options["n_jobs"] = jobs_of_scores(options.get("n_jobs"))
    try:
        return _with_seconds(function(dealer.estimator, X, y, **options), fits)
    finally:
        dealer.close()
        asked.forget()


def _numbered(y: Any) -> Any:
    """The targets as numbers of their classes; several columns are numbered each by itself."""
    y = np.asarray(to_host(y))
    if y.ndim == 1:
        return LabelEncoder().fit_transform(y)
    return np.stack([LabelEncoder().fit_transform(column) for column in y.T], axis=1)


def _with_seconds(result: Any, fits: Sequence[Fit | None]) -> Any:
    """The result of `cross_validate` with the time that each fit took; any other as it is."""
    if isinstance(result, dict):
        for name in ("fit_time", "score_time"):
            result[name] += [seconds_of(fit)[name] for fit in fits]
    return result


cross_validate = _side_by_side(model_selection.cross_validate)
cross_val_score = _side_by_side(model_selection.cross_val_score)
cross_val_predict = _side_by_side(model_selection.cross_val_predict)
validation_curve = _side_by_side(model_selection.validation_curve)
