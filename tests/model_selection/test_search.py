"""Searches: the results of scikit-learn's classes, to the bit."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import ClassVar

import numpy as np
import pytest
from sklearn import model_selection as theirs
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import (
    REAL_X,
    REAL_Y,
    SMALL,
    Unequal,
    X,
    Y,
    assert_same_results,
    heard,
)
from xpnet import Checkpoints, LogisticRegression, MLPClassifier, MLPRegressor, optim
from xpnet import model_selection as ours
from xpnet.callbacks import Callback
from xpnet.estimators._sklearn_private import warnings_noted

RATES = {"learning_rate_init": [1e-3, 3e-2]}
LONG = {**SMALL, "max_iter": 12}
CLASSIFY, REGRESS = (X, Y), (REAL_X, REAL_Y)


def failing(rate):
    """A solver that has no rate from some step of the second epoch on."""

    def schedule(t):
        if t > 4:
            raise ArithmeticError("there is no rate")
        return rate(t)

    return optim.adam(schedule)


SEARCHES = {
    "grid": (MLPClassifier(**SMALL), RATES | {"alpha": [1e-5, 1.0]}, CLASSIFY, {}, {}),
    "architectures": (
        MLPClassifier(**SMALL),
        {"hidden_layer_sizes": [(4,), (5, 3)], "activation": ["relu", "tanh"]},
        (X.astype(float), Y),
        {},
        {},
    ),
    "early_stopping": (
        MLPClassifier(early_stopping=True, n_iter_no_change=1, **LONG),
        RATES,
        CLASSIFY,
        {},
        {},
    ),
    "patience": (
        MLPClassifier(solver="sgd", learning_rate="adaptive", tol=0.1, n_iter_no_change=1, **LONG),
        {"learning_rate_init": [1e-3, 0.1, 1.0]},
        CLASSIFY,
        {},
        {},
    ),
    "solvers": (
        MLPClassifier(**SMALL),
        {"solver": ["rmsprop", "lbfgs", "lion"], "clip_norm": [None, 0.1]},
        CLASSIFY,
        {},
        {},
    ),
    "unequal": (MLPClassifier(**SMALL), {"batch_size": [30, 64]}, CLASSIFY, {"cv": Unequal()}, {}),
    "pipeline": (
        make_pipeline(StandardScaler(), MLPClassifier(**SMALL)),
        {"mlpclassifier__alpha": [1e-5, 1.0], "standardscaler__with_mean": [True]},
        CLASSIFY,
        {},
        {},
    ),
    "pipeline-own": (
        make_pipeline(StandardScaler(), MLPClassifier(**SMALL)),
        {"mlpclassifier__alpha": [1e-5, 1.0]},
        CLASSIFY,
        {},
        {"mlpclassifier__sample_weight": np.linspace(0.1, 1, len(Y))},
    ),
    "regression": (MLPRegressor(**SMALL), RATES, REGRESS, {}, {}),
    "two-outputs": (MLPRegressor(**SMALL), RATES, (REAL_X, np.c_[REAL_Y, -REAL_Y]), {}, {}),
    "metrics": (
        MLPClassifier(class_weight="balanced", **SMALL),
        {"dropout": [0.0, 0.3]},
        (X, np.array(list("abcdefghij"))[Y]),
        {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro", "return_train_score": True},
        {},
    ),
    "groups": (
        MLPClassifier(**SMALL),
        RATES,
        (X, Y > 4),
        {"cv": theirs.GroupKFold(2)},
        {"groups": np.arange(len(Y)) // 20},
    ),
    "random-splits": (
        MLPClassifier(**SMALL),
        RATES,
        CLASSIFY,
        {"cv": theirs.ShuffleSplit(2, random_state=np.random.RandomState(3))},
        {},
    ),
    "diverging": (
        MLPClassifier(solver="sgd", **SMALL),
        {"learning_rate_init": [1e3, 1e-2, 1e30]},
        CLASSIFY,
        {"error_score": -1.0},
        {},
    ),
    "failing": (
        MLPClassifier(**SMALL),
        {"solver": [failing, "adam"]},
        CLASSIFY,
        {"error_score": -1.0},
        {},
    ),
    "invalid": (MLPClassifier(**SMALL), {"alpha": [-1.0, 1e-2]}, CLASSIFY, {}, {}),
    "another": (LogisticRegression(), {"C": [0.1, 1.0]}, CLASSIFY, {}, {}),
}


@pytest.mark.parametrize(
    ("model", "grid", "data", "options", "of_fit"), SEARCHES.values(), ids=SEARCHES
)
def test_grid_search_is_scikit_learns(model, grid, data, options, of_fit):
    options = {"cv": 2} | options

    def search(module):
        made = module.GridSearchCV(model, grid, **copy.deepcopy(options))
        return heard(lambda: made.fit(*data, **of_fit))

    (found, warned), (expected, expected_warned) = search(ours), search(theirs)
    assert_same_results(found.cv_results_, expected.cv_results_)
    assert Counter(warned) == Counter(expected_warned)
    assert found.best_params_ == expected.best_params_
    np.testing.assert_equal(found.predict(data[0]), expected.predict(data[0]))


def test_randomized_search_is_scikit_learns():
    def results(module):
        search = module.RandomizedSearchCV(
            MLPClassifier(**SMALL),
            {"alpha": np.logspace(-5, 0, 20)},
            n_iter=3,
            cv=2,
            random_state=np.random.RandomState(1),
        )
        return heard(lambda: search.fit(X, Y).cv_results_)

    (found, warned), (expected, expected_warned) = results(ours), results(theirs)
    assert_same_results(found, expected)
    assert Counter(warned) == Counter(expected_warned)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("error_score", [np.nan, "raise"])
def test_a_candidate_that_diverges_leaves_the_others_as_they_are(error_score):
    model, grid = MLPClassifier(solver="sgd", **SMALL), {"learning_rate_init": [1e30, 1e-2]}
    search = ours.GridSearchCV(model, grid, cv=2, error_score=error_score)
    if error_score == "raise":
        with pytest.raises(ValueError, match="Solver produced non-finite"):
            search.fit(X, Y)
        return
    _, warned = heard(lambda: search.fit(X, Y))
    assert FitFailedWarning in {category for _, category, _ in warned}
    alone = ours.GridSearchCV(model, {"learning_rate_init": [1e-2]}, cv=2)
    heard(lambda: alone.fit(X, Y))
    scores = search.cv_results_["mean_test_score"]
    assert np.isnan(scores[0])
    assert scores[1] == alone.best_score_


def half_an_answer(epoch):
    return 7 if epoch.number == 2 else None


OTHERS_FAIL = {
    "schedule": {"solver": ["adam", failing, optim.adam(0.02)]},
    "answer": {
        "callbacks": [
            [type("Wrong", (Callback,), {"every_step": False, "on_epoch": on_epoch})()]
            for on_epoch in (staticmethod(half_an_answer), staticmethod(lambda epoch: None))
        ]
    },
    "a third diverge": {"learning_rate_init": [1e30, 1e-2, 3e-2], "solver": ["sgd"]},
}


@pytest.mark.parametrize(
    ("library", "case"),
    [
        *product(["torch"], OTHERS_FAIL),
        # Whose stack goes on with one that has ended; JAX compiles for each case.
        ("jax.numpy", "a third diverge"),
    ],
)
def test_on_other_libraries_too_one_that_fails_leaves_the_others(library, case):
    asarray, grid = pytest.importorskip(library).asarray, OTHERS_FAIL[case]

    def search(module, asarray):
        made = module.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2, error_score=-1.0)
        return heard(lambda: made.fit(asarray(X), asarray(Y)).cv_results_["mean_test_score"])

    (found, warned), (expected, expected_warned) = search(ours, asarray), search(theirs, np.asarray)
    assert -1.0 in expected
    assert max(expected) > 0.0
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert Counter(warned) == Counter(expected_warned)


TOGETHER = {
    "dropout": ({}, {"dropout": [0.1, 0.4], "alpha": [1e-4, 1.0]}, {}),
    "weights": ({}, RATES, {"sample_weight": np.linspace(0.1, 1, len(Y), dtype="f4")}),
    "orders": ({}, {"random_state": [0, 1, 2, 3]}, {}),
    "stopping": (
        {"early_stopping": True, "n_iter_no_change": 1},
        {"random_state": [0, 1, 2, 3]},
        {},
    ),
}


@pytest.mark.parametrize(("model", "grid", "of_fit"), TOGETHER.values(), ids=TOGETHER)
def test_on_other_libraries_too_candidates_train_together(model, grid, of_fit, capsys):
    asarray = pytest.importorskip("torch").asarray

    def results(module, asarray):
        search = module.GridSearchCV(MLPClassifier(**model, **LONG), grid, cv=2, verbose=1)
        there = {name: asarray(values) for name, values in of_fit.items()}
        return heard(lambda: search.fit(asarray(X), asarray(Y), **there).cv_results_)

    (found, warned), (expected, expected_warned) = (
        results(ours, asarray),
        results(theirs, np.asarray),
    )
    np.testing.assert_allclose(found["mean_test_score"], expected["mean_test_score"], rtol=1e-6)
    assert Counter(warned) == Counter(expected_warned)
    assert "one after another" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_candidates_on_the_same_samples_are_made_as_groups(monkeypatch):
    trainings = pytest.importorskip("xpnet.fused.numba.network.trainings")
    groups_of, sizes = trainings.groups_of, []

    def noted(calls):
        groups = groups_of(calls)
        sizes.extend(map(len, groups))
        return groups

    monkeypatch.setattr(trainings, "groups_of", noted)
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


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_memory_limits_how_many_train_at_once():
    model = MLPClassifier(early_stopping=True, **SMALL)
    results = [
        ours.GridSearchCV(model, RATES, cv=2, memory=memory).fit(X, Y).cv_results_
        for memory in (None, "1 KiB")
    ]
    assert_same_results(*results)
    with pytest.raises(ValueError, match="memory is '1 pint': expected a number of bytes"):
        ours.GridSearchCV(model, RATES, cv=2, memory="1 pint").fit(X, Y)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs")
def test_verbose_says_what_is_trained_one_by_one(capsys):
    grid = {"solver": ["lbfgs", "adam"]}
    ours.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2, verbose=1).fit(X, Y)
    text = "1 of 2 candidates are trained one by one: lbfgs has no mini-batches\n"
    assert text in capsys.readouterr().out
    ours.GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2, verbose=1).fit(X, Y)
    assert "one by one: LogisticRegression is none of" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_verbose_says_which_trainings_are_not_made_beside_others(capsys):
    grid = {"clip_norm": [None, 1.0, 2.0], "hidden_layer_sizes": [(3,), (4, 2)]}
    ours.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2, verbose=1).fit(X, Y)
    clips = "its optimiser does more than one update, such as to clip gradients"
    assert f"8 of 12 trainings were made one after another: {clips}\n" in capsys.readouterr().out
    model = MLPClassifier(shuffle=False, **SMALL)
    ours.GridSearchCV(model, RATES, cv=2, verbose=1).fit(X, Y)
    said = "4 of 4 trainings were made one after another: its samples are not shuffled\n"
    assert said in capsys.readouterr().out
    ours.GridSearchCV(model.set_params(shuffle=True), RATES, cv=2, verbose=1).fit(X, Y)
    assert "one after another" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("early_stopping", "best"), [(False, "lowest loss"), (True, "best validation score")]
)
def test_verbose_shows_how_far_it_is(early_stopping, best, capsys, monkeypatch):
    monkeypatch.setattr("xpnet.model_selection.progress.SECONDS", 0.0)
    monkeypatch.setattr("xpnet.train.together.side_by_side.SECONDS", 0.0)  # a round is an epoch
    model = MLPClassifier(early_stopping=early_stopping, **SMALL)
    ours.GridSearchCV(model, RATES, cv=2, verbose=1).fit(X, Y)
    lines = [line for line in capsys.readouterr().out.splitlines() if "go on" in line]
    assert len(lines) == SMALL["max_iter"]
    assert re.fullmatch(rf"4 of 4 trainings go on, {best} [0-9.]+, at most [0-9]+ s left", lines[0])
    assert lines[-1].startswith("0 of 4 trainings go on")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_verbose_shows_how_far_it_is_where_all_end_in_the_round_they_begin_in(capsys, monkeypatch):
    pytest.importorskip("numba")  # else a round is an epoch
    monkeypatch.setattr("xpnet.model_selection.progress.SECONDS", 0.0)
    monkeypatch.setattr("xpnet.train.together.side_by_side.SECONDS", 1e9)
    monkeypatch.setattr("xpnet.train.together.rounds.AT_ONCE", 2)
    ours.GridSearchCV(MLPClassifier(**SMALL), RATES, cv=2, verbose=1).fit(X, Y)
    first, last = (line for line in capsys.readouterr().out.splitlines() if "go on" in line)
    assert first.startswith("0 of 4 trainings go on, 2 are still to begin, lowest loss")
    assert last.startswith("0 of 4 trainings go on, lowest loss")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    ("model", "grid"), [(MLPClassifier(**SMALL), RATES), (LogisticRegression(), {"C": [1.0]})]
)
def test_the_search_is_left_as_scikit_learns_is(model, grid):
    search = ours.GridSearchCV(model, grid, cv=2).fit(X, Y)
    expected = theirs.GridSearchCV(model, grid, cv=2).fit(X, Y)
    assert vars(search).keys() - {"memory"} == vars(expected).keys()
    assert search.estimator is model
    assert vars(search.best_estimator_).keys() == vars(expected.best_estimator_).keys()
    assert pickle.loads(pickle.dumps(search)).best_score_ == search.best_score_
    clone(search).fit(X, Y)


def test_a_checkpoint_is_not_for_a_search(tmp_path):
    model = MLPClassifier(checkpoint=Checkpoints(tmp_path / "one"), **SMALL)
    with pytest.raises(ValueError, match=r"one, which is for one fit, but here are 4, .*=None"):
        ours.GridSearchCV(model, RATES, cv=2).fit(X, Y)
    with pytest.raises(ValueError, match=r"here are 3, .* expected checkpoint=None"):
        ours.cross_val_score(model, X, Y, cv=3)
    grid = {"checkpoint": [None, Checkpoints(tmp_path / "two")]}
    with pytest.raises(ValueError, match=r"two, which is for one fit, but here are 2"):
        ours.GridSearchCV(MLPClassifier(**SMALL), grid, cv=2).fit(X, Y)
    assert not list(tmp_path.iterdir())


def _interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["on_start", "on_epoch", "on_end"])
def test_ctrl_c_ends_the_search(moment):
    callback = type("Interrupts", (Callback,), {moment: _interrupt})()
    model = MLPClassifier(callbacks=[callback], **SMALL)
    search = ours.GridSearchCV(model, RATES, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert search.estimator is model


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
