"""Fits side by side: groups, what a pipeline computes before them, and warnings."""

from __future__ import annotations

import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import ClassVar

import numpy as np
import pytest
from sklearn import model_selection as theirs
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import SMALL, Unequal, X, Y, heard
from xpnet import MLPClassifier, optim
from xpnet import model_selection as ours
from xpnet.callbacks import Callback
from xpnet.estimators._sklearn.warnings import noted, warnings_noted


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_candidates_on_the_same_samples_are_made_as_groups(monkeypatch):
    trainings = pytest.importorskip("xpnet.fused.numba.network.trainings")
    groups_of, sizes = trainings.groups_of, []

    def noted(calls):
        groups = groups_of(calls)
        sizes.extend(map(len, groups))
        return groups

    monkeypatch.setattr(trainings, "groups_of", noted)
    monkeypatch.setattr("xpnet.train.together.side_by_side.FIRST", (24,))  # or some are too few
    ours.GridSearchCV(MLPClassifier(**SMALL), {"alpha": [0.1, 0.2, 0.3]}, cv=4).fit(X, Y)
    assert set(sizes) == {3}


class Scaler(StandardScaler):
    """Notes whether trainings side by side have the BLAS use one thread each meanwhile."""

    began: ClassVar = []

    def fit(self, X, y=None, sample_weight=None):
        trainings = pytest.importorskip("xpnet.fused.numba.network.trainings")
        self.began.append(len(trainings._before))
        if len(X) < 170:
            raise ValueError("too few")
        return super().fit(X, y)


def test_what_a_pipeline_computes_comes_before_the_trainings(monkeypatch):
    """It may have other bits with one thread of the BLAS; where it fails, each fit does."""
    monkeypatch.setattr(Scaler, "began", began := [])
    model = make_pipeline(Scaler(), MLPClassifier(**SMALL))
    grid = {"mlpclassifier__alpha": [0.1, 0.2]}
    search, warned = heard(lambda: ours.GridSearchCV(model, grid, cv=Unequal()).fit(X, Y))
    assert FitFailedWarning in [category for _, category, _ in warned]
    assert began[:3] == [0, 0, 0]
    failed = [np.isnan(search.cv_results_[f"split{k}_test_score"]).tolist() for k in range(3)]
    assert failed == [[False, False], [True, True], [True, True]]


class Warns(StandardScaler):
    """Warns, and fails on few samples."""

    def fit(self, X, y=None, sample_weight=None):
        warnings.warn(f"of {len(X)}", UserWarning, stacklevel=1)
        if len(X) < 170:
            raise ValueError("too few")
        return super().fit(X, y)


def test_what_a_step_of_a_pipeline_warns_of_is_said_by_each_fit_even_where_it_fails():
    grid = {"mlpclassifier__alpha": [0.1, 0.2]}

    def warned_by(module):
        model = make_pipeline(Warns(), MLPClassifier(**SMALL))
        _, warned = heard(lambda: module.GridSearchCV(model, grid, cv=Unequal()).fit(X, Y))
        return Counter(text for text, category, _ in warned if category is UserWarning)

    assert warned_by(ours) == warned_by(theirs)


class WarnsOfSteps(Callback):
    def on_step(self, step):
        warnings.warn("of a step", RuntimeWarning, stacklevel=1)


def warns_of_rates(rate):
    def schedule(t):
        warnings.warn("of a step", RuntimeWarning, stacklevel=1)
        return rate(t)

    return optim.adam(schedule)


@pytest.mark.parametrize(
    "grid",
    [{"callbacks": [[], [WarnsOfSteps()]]}, {"solver": ["adam", warns_of_rates]}],
    ids=["callback", "schedule"],
)
@pytest.mark.parametrize("fused", ["1", "0"], ids=["runs", "stacks"])
@pytest.mark.filterwarnings("error:of a step")
@pytest.mark.filterwarnings("ignore")
def test_a_warning_that_is_an_error_fails_its_own_fit_alone(grid, fused, monkeypatch):
    monkeypatch.setenv("XPNET_FUSED", fused)
    found, expected = (
        module.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2).fit(X, Y).cv_results_
        for module in (ours, theirs)
    )
    assert np.isnan(expected["mean_test_score"][1])
    np.testing.assert_equal(found["mean_test_score"], expected["mean_test_score"])


@pytest.mark.parametrize("fused", ["1", "0"], ids=["runs", "stacks"])
@pytest.mark.parametrize(
    ("settings", "action"),
    [
        ({"callbacks": [WarnsOfSteps()]}, "default"),
        ({"callbacks": [WarnsOfSteps()]}, "always"),
        ({"solver": warns_of_rates}, "default"),  # a stack asks once for the rates of all folds
    ],
    ids=["callback", "each callback", "schedule"],
)
def test_a_warning_is_given_as_often_as_the_filter_says(settings, fused, action, monkeypatch):
    monkeypatch.setenv("XPNET_FUSED", fused)

    def count(module):
        model = MLPClassifier(**SMALL | settings)
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("ignore")
            warnings.filterwarnings(action, "of a step")
            module.GridSearchCV(model, {"alpha": [1e-5, 1.0]}, cv=2).fit(X, Y)
        return len(shown)

    assert count(ours) == count(theirs) > 0


def test_what_another_thread_was_warned_of_at_the_same_line_is_noted():
    def warn(said=None):
        with nullcontext() if said is None else noted(said):
            warnings.warn("of a step", stacklevel=1)

    with ThreadPoolExecutor(1) as other, warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        with warnings_noted():
            other.submit(warn).result()
            warn(said := [])
    assert len(shown) == len(said) == 1


@pytest.mark.filterwarnings("always:of ")
def test_after_searches_in_two_threads_warnings_are_shown_again():
    """The first to begin is the first to end."""
    first, second, before = warnings_noted(), warnings_noted(), warnings.showwarning
    with (
        ThreadPoolExecutor(1) as one,
        ThreadPoolExecutor(1) as other,
        warnings.catch_warnings(record=True) as shown,
    ):
        one.submit(first.__enter__).result()
        other.submit(second.__enter__).result()
        warnings.warn("of no search", stacklevel=1)
        one.submit(first.__exit__, None, None, None).result()
        other.submit(warnings.warn, "of the second").result()
        assert [str(w.message) for w in shown] == ["of no search"]
        other.submit(second.__exit__, None, None, None).result()
        assert warnings.showwarning is before
    assert [str(w.message) for w in shown] == ["of no search", "of the second"]


def test_a_search_leaves_the_filters_of_other_threads_to_them():
    """Those that hold meanwhile, and those that one changes meanwhile and takes back later."""
    search, before = warnings_noted(), list(warnings.filters)
    with ThreadPoolExecutor(1) as other, warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("ignore")
        other.submit(search.__enter__).result()
        warnings.warn("ignored", stacklevel=1)
        with warnings.catch_warnings():
            other.submit(search.__exit__, None, None, None).result()
            warnings.simplefilter("error", UserWarning)
        warnings.warn("ignored", stacklevel=1)
        assert warnings.filters[1:] == before
    assert shown == []


def test_filters_that_another_thread_takes_back_during_a_search_stay_taken_back():
    before = list(warnings.filters)
    with ThreadPoolExecutor(1) as other:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            search = warnings_noted()
            other.submit(search.__enter__).result()
        other.submit(search.__exit__, None, None, None).result()
    assert warnings.filters == before
