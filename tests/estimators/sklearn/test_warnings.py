"""Warnings stand at the caller's line, and scikit-learn's filters silence them."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor
from xpnet.estimators._sklearn.warnings import warn

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
SHORT = {"max_iter": 2, "random_state": 0}
WARNED = {
    "adam": (MLPClassifier((4,), **SHORT), Y, ConvergenceWarning),
    "lbfgs": (MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", **SHORT), Y, ConvergenceWarning),
    "logistic": (LogisticRegression(max_iter=1, tol=1e-9), Y, ConvergenceWarning),
    "column": (LogisticRegression(), Y[:, None], DataConversionWarning),
    "penalty": (LogisticRegression("l2"), Y, FutureWarning),
    "ignored": (LogisticRegression(None, C=2.0), Y, UserWarning),
    "batch-size": (MLPClassifier((4,), batch_size=99, **SHORT), Y, UserWarning),
}


def warned_by(call, action="always"):
    """The warnings of a call under a filter that records by `action`."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter(action)
        call()
    return warned


@pytest.mark.parametrize(("model", "y", "category"), WARNED.values(), ids=WARNED)
def test_scikit_learns_filter_silences_it(model, y, category):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
        warnings.filterwarnings("ignore", category=FutureWarning, module="sklearn")
        model.fit(X, y)


@pytest.mark.parametrize(("model", "y", "category"), WARNED.values(), ids=WARNED)
def test_it_stands_at_the_callers_line(model, y, category):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        model.fit(X, y)
        line = inspect.currentframe().f_lineno - 1
    assert category in {warning.category for warning in warned}
    assert {(warning.filename, warning.lineno) for warning in warned} == {(__file__, line)}


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2),
    ],
    ids=["pipeline", "search"],
)
def test_what_stands_between_is_skipped(wrapped):
    warned = warned_by(lambda: wrapped(MLPClassifier((4,), **SHORT)).fit(X, Y))
    assert warned
    assert {warning.filename for warning in warned} == {__file__}


def twice_from_one_line():
    for _ in range(2):
        warn(MLPClassifier(), "the same")


@pytest.mark.parametrize(("action", "times"), [("always", 4), ("default", 2), ("once", 1)])
def test_each_line_is_heard_as_often_as_the_filter_says(action, times):
    def call():
        twice_from_one_line()
        for _ in range(2):
            warn(MLPClassifier(), "the same")

    assert len(warned_by(call, action)) == times
