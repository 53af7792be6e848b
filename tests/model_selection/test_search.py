"""Searches: the results of scikit-learn's classes, to the bit."""

from __future__ import annotations

import copy
import pickle
import threading
from collections import Counter
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from joblib import effective_n_jobs, parallel_config
from scipy import sparse
from sklearn import model_selection as theirs
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, StandardScaler

from tests.model_selection.cases import (
    LONG,
    RATES,
    REAL_X,
    REAL_Y,
    SMALL,
    Unequal,
    X,
    Y,
    assert_same_results,
    failing,
    heard,
)
from xpnet import Checkpoints, LogisticRegression, MLPClassifier, MLPRegressor
from xpnet import model_selection as ours
from xpnet.callbacks import Callback

pytestmark = pytest.mark.usefixtures("plain_and_fused")

CLASSIFY, REGRESS = (X, Y), (REAL_X, REAL_Y)


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
    "pipeline-of-one-step": (
        make_pipeline(MLPClassifier(**SMALL)),
        {"mlpclassifier__alpha": [1e-5, 1.0]},
        CLASSIFY,
        {},
        {},
    ),
    "pairwise": (
        make_pipeline(KernelCenterer(), MLPClassifier(**SMALL)),
        {"mlpclassifier__alpha": [1e-5, 1.0]},
        (X @ X.T, Y),
        {},
        {},
    ),
    "regression": (MLPRegressor(**SMALL), RATES, REGRESS, {}, {}),
    "two-outputs": (MLPRegressor(**SMALL), RATES, (REAL_X, np.c_[REAL_Y, -REAL_Y]), {}, {}),
    "out-of-range": (  # of one loss alone
        MLPRegressor(**SMALL),
        {"loss": ["squared_error", "poisson"], "alpha": [1e-4, 1.0]},
        (REAL_X, -REAL_Y),
        {},
        {},
    ),
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


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array])
def test_candidates_on_sparse_samples_are_a_stack(form, early, capsys):
    """They have no compiled run, and in a stack the rounding of one product for all."""
    model = MLPClassifier(early_stopping=early, **LONG)
    given, data = (model, RATES | {"alpha": [1e-5, 1.0]}), (form(X), Y)
    found, _ = heard(lambda: ours.GridSearchCV(*given, cv=2, verbose=1).fit(*data))
    assert "one after another" not in capsys.readouterr().out
    expected, _ = heard(lambda: theirs.GridSearchCV(*given, cv=2).fit(*data))
    assert_same_results(found.cv_results_, expected.cv_results_)
    curves = (search.best_estimator_.loss_curve_ for search in (found, expected))
    np.testing.assert_array_equal(*curves)
    np.testing.assert_array_equal(found.predict(data[0]), expected.predict(data[0]))


def in_two_rounds(module):
    """A search of its own, as scikit-learn has it: by another `_run_search`."""

    class InTwoRounds(module.GridSearchCV):
        def _run_search(self, evaluate_candidates):
            evaluate_candidates([{"alpha": 1e-4}])
            evaluate_candidates([{"alpha": 0.1}, {"alpha": 1.0}])

    return InTwoRounds(MLPClassifier(**SMALL), {}, cv=2)


def test_a_search_of_a_derived_class_is_scikit_learns():
    found, warned = heard(lambda: in_two_rounds(ours).fit(X, Y))
    expected, expected_warned = heard(lambda: in_two_rounds(theirs).fit(X, Y))
    assert_same_results(found.cv_results_, expected.cv_results_)
    assert Counter(warned) == Counter(expected_warned)
    assert vars(found).keys() - {"memory"} == vars(expected).keys()


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


@pytest.mark.filterwarnings("ignore:(Stochastic Optimizer|overflow|invalid value)")
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


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_warning_of_numpy_in_a_stack_is_an_error_of_what_overflows_alone():
    model = MLPRegressor(activation="identity", solver="sgd", **SMALL)
    search = ours.GridSearchCV(model, {"learning_rate_init": [1e3, 1e-4, 1e-5]}, cv=2)
    scores = search.fit(sparse.csr_matrix(X), Y / 9).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(np.isnan(scores), [True, False, False])


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
    pickled = pickle.dumps(search)
    assert b"handover" not in pickled  # the scorer holds an estimator like any other
    assert pickle.loads(pickled).best_score_ == search.best_score_
    clone(search).fit(X, Y)


def test_what_fit_does_not_take_is_an_error():
    with pytest.raises(ValueError, match=r"(?s)All the 4 fits failed.*argument 'epochs'"):
        ours.GridSearchCV(MLPClassifier(**SMALL), RATES, cv=2).fit(X, Y, epochs=3)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_fit_takes_its_share_of_the_time(monkeypatch):
    """By a clock that goes on by 0.03 s at each start alone."""
    started = []
    clock = SimpleNamespace(perf_counter=lambda: 0.03 * len(started))
    monkeypatch.setattr("xpnet.model_selection.fitting.time", clock)
    monkeypatch.setattr("time.time", lambda: 0.0)  # scikit-learn adds what it takes by itself

    class Starts(Callback):
        def on_start(self, run):
            started.append(run)

    model = MLPClassifier(callbacks=[Starts()], **SMALL)
    searched = ours.GridSearchCV(model, RATES, cv=2, refit=False).fit(X, Y).cv_results_
    validated = ours.cross_validate(model, X, Y, cv=2)
    shares = 2 * searched["mean_fit_time"].sum(), validated["fit_time"].sum()
    assert shares == (pytest.approx(4 * 0.03), pytest.approx(2 * 0.03))


LBFGS = MLPClassifier(**SMALL | {"solver": "lbfgs"})


@pytest.mark.filterwarnings("ignore:lbfgs")
@pytest.mark.parametrize(
    "search",
    [
        lambda **options: ours.GridSearchCV(LBFGS, {"alpha": [1e-5, 1.0]}, **options).fit(X, Y),
        lambda **options: ours.RandomizedSearchCV(
            make_pipeline(StandardScaler(), MLPClassifier(**SMALL)),
            [{"standardscaler__with_mean": [True, False]}],
            n_iter=2,
            **options,
        ).fit(X, Y),
        lambda refit, **options: ours.cross_val_score(LBFGS, X, Y, **options),
        lambda refit, **options: ours.validation_curve(
            MLPClassifier(**SMALL), X, Y, param_name="solver", param_range=["lbfgs"], **options
        ),
    ],
    ids=["lbfgs", "steps", "score", "curve"],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_fits_none_of_which_can_be_beside_others_take_n_jobs(search):
    took = []

    def scoring(*_):
        took.append(threading.current_thread())
        return 0.0

    with parallel_config(backend="threading"):
        search(scoring=scoring, n_jobs=2, cv=2, refit=False)
    assert took
    assert threading.main_thread() not in took


class CountsJobs(StandardScaler):
    jobs: ClassVar[list[int]] = []

    def fit(self, X, y=None):
        self.jobs.append(effective_n_jobs(2))
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_steps_of_a_pipeline_have_jobs_of_their_own(n_jobs, monkeypatch):
    monkeypatch.setattr(CountsJobs, "jobs", jobs := [])
    model = make_pipeline(CountsJobs(), MLPClassifier(**SMALL))
    search = ours.GridSearchCV(model, {"mlpclassifier__alpha": [1e-5, 1.0]}, cv=2, n_jobs=n_jobs)
    assert search.fit(X, Y).n_jobs == n_jobs
    ours.cross_validate(model, X, Y, cv=2, n_jobs=n_jobs)
    assert jobs == [2] * 5  # of each fold, and of the search's last fit


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
