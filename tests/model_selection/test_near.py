"""Searches over arrays of PyTorch and JAX in the host's memory, made on NumPy's of that memory."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

from tests.model_selection.cases import (
    RATES,
    SMALL,
    TARGETS,
    Unequal,
    X,
    Y,
    alike,
    assert_same_results,
    heard,
    scaled,
)
from xpnet import MLPClassifier, MLPRegressor, optim
from xpnet import model_selection as ours
from xpnet.callbacks import Callback
from xpnet.model_selection import near

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
numba = pytest.importorskip("numba")


@pytest.fixture(params=["torch", "jax.numpy"])
def asarray(request):
    return pytest.importorskip(request.param).asarray


def searched(search, *data):
    """A search, and whether it was made on NumPy's arrays."""
    with mock.patch("xpnet.model_selection.search.on_host", wraps=near.on_host) as asked:
        search.fit(*data)
    return search, asked.call_count == 2  # by itself once more


@pytest.mark.parametrize(
    "options", [{}, {"scoring": "accuracy", "cv": theirs.KFold(3), "return_train_score": True}]
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_search_is_that_of_numpys_arrays_and_its_best_lies_where_x_does(
    asarray, options, early_stopping
):
    model = MLPClassifier(**SMALL, early_stopping=early_stopping)
    found, is_near = searched(ours.GridSearchCV(model, RATES, **options), asarray(X), asarray(Y))
    assert is_near
    expected = theirs.GridSearchCV(model, RATES, **options).fit(X, Y)
    for name, values in expected.cv_results_.items():
        if "_test_" in name or "_train_" in name:
            np.testing.assert_array_equal(found.cv_results_[name], values, err_msg=name)
    best, direct = found.best_estimator_, MLPClassifier(**SMALL, early_stopping=early_stopping)
    direct.set_params(**found.best_params_).fit(asarray(X), asarray(Y))
    for name, value in direct._public_state().items():
        array, kind = getattr(best, name), type(value)
        assert type(array) is kind, name
    for array, value in zip(best.coefs_, direct.coefs_, strict=True):
        assert (type(array), array.device) == (type(value), value.device)
        np.testing.assert_array_equal(np.asarray(array), np.asarray(value))
    assert best.classes_.dtype == direct.classes_.dtype
    np.testing.assert_array_equal(
        np.asarray(found.predict(asarray(X))), np.asarray(direct.predict(asarray(X)))
    )
    assert found.score(asarray(X), asarray(Y)) == pytest.approx(expected.score(X, Y))


def test_without_a_refit_there_is_no_best(asarray):
    search, is_near = searched(
        ours.GridSearchCV(MLPClassifier(**SMALL), RATES, refit=False), asarray(X), asarray(Y)
    )
    assert is_near
    assert not hasattr(search, "best_estimator_")


def written(asarray):
    """What makes arrays that scikit-learn can write into: NumPy's for JAX's."""
    return np.asarray if asarray.__module__.startswith("jax") else asarray


NET_RATES = {f"net__{name}": values for name, values in RATES.items()}
SCALERS = {
    "standard": StandardScaler(),
    "range": MinMaxScaler((-1, 1), clip=True),
    "largest": MaxAbsScaler(),
    "in place": StandardScaler(copy=False),
    "skipped": "passthrough",
}


@pytest.mark.parametrize("scaler", SCALERS.values(), ids=SCALERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scalers_come_before_and_lie_where_x_does(asarray, scaler, dtype):
    theirs_asarray = written(asarray)

    def there(asarray):
        return asarray(X.astype(dtype)), asarray(Y)

    model = scaled(MLPClassifier(**SMALL), scaler)
    with config_context(array_api_dispatch=True):
        found, is_near = searched(ours.GridSearchCV(model, NET_RATES, cv=3), *there(asarray))
        assert is_near
        expected = theirs.GridSearchCV(model, NET_RATES, cv=3).fit(*there(theirs_asarray))
        assert_same_results(found.cv_results_, expected.cv_results_)
        given, theirs_given = there(asarray), there(theirs_asarray)
        answers = found.predict_proba(given[0])
        assert type(answers) is type(given[0])
        alike(answers, expected.predict_proba(theirs_given[0]))
        given, theirs_given = there(asarray), there(theirs_asarray)
        assert found.score(*given) == expected.score(*theirs_given)
    assert type(found.best_estimator_[-1].coefs_[0]) is type(given[0])
    for name, value in getattr(expected.best_estimator_[0], "__dict__", {}).items():
        if hasattr(value, "dtype"):
            held = getattr(found.best_estimator_[0], name)
            assert (type(held), held.device) == (type(given[0]), given[0].device), name
            alike(held, value)


def test_sums_have_the_dtype_of_x_where_jax_has_no_float64():
    jax = pytest.importorskip("jax")
    model = scaled(MLPClassifier(**SMALL), StandardScaler())
    search = ours.GridSearchCV(model, NET_RATES, cv=2)
    with jax.enable_x64(False), config_context(array_api_dispatch=True):
        there = jax.numpy.asarray(X)
        search.fit(there, jax.numpy.asarray(Y))
        expected = theirs.GridSearchCV(model, NET_RATES, cv=2).fit(X, Y)
        assert search.best_estimator_[0].mean_.dtype == there.dtype
        alike(search.predict_proba(there), expected.predict_proba(X))


@pytest.mark.parametrize(
    "steps",
    [
        {"step0": ["passthrough", None, MinMaxScaler()]},
        {"step0__with_mean": [True, False], "net__alpha": [1e-4, 1.0]},
    ],
)
def test_scalers_are_searched_too(asarray, steps):
    model = scaled(MLPClassifier(**SMALL), StandardScaler())
    with config_context(array_api_dispatch=True):
        found, is_near = searched(ours.GridSearchCV(model, steps, cv=2), asarray(X), asarray(Y))
    assert is_near
    expected = theirs.GridSearchCV(model, steps, cv=2).fit(X, Y)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(found.cv_results_[name], expected.cv_results_[name])


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("scoring", [None, "r2"])
def test_a_regressor_after_scalers_that_cannot_write(targets, scoring):
    asarray = pytest.importorskip("jax.numpy").asarray
    model, options = scaled(MLPRegressor(**SMALL), StandardScaler()), {"cv": 3, "scoring": scoring}
    with config_context(array_api_dispatch=True):
        search = ours.GridSearchCV(model, NET_RATES, **options)
        (found, is_near), warned = heard(lambda: searched(search, asarray(X), asarray(targets)))
        search = theirs.GridSearchCV(model, NET_RATES, **options)
        expected, expected_warned = heard(lambda: search.fit(X, targets))
        assert is_near
        assert warned == expected_warned
        assert_same_results(found.cv_results_, expected.cv_results_)
        answers = found.predict(asarray(X))
        assert type(answers) is type(asarray(X))
        alike(answers, expected.predict(X))
        score = expected.score(X, targets)
        assert found.score(asarray(X), asarray(targets)) == pytest.approx(score, rel=1e-4)


def test_other_regressors_keep_the_bits_of_their_scores(asarray):
    is_torch = asarray.__module__.startswith("torch")
    model, given = MLPRegressor(**SMALL), (asarray(X), asarray(TARGETS["one"]))
    cases = [(model, RATES), *([(scaled(model, StandardScaler()), NET_RATES)] if is_torch else [])]
    with config_context(array_api_dispatch=True):
        for made, grid in cases:
            found, is_near = searched(ours.GridSearchCV(made, grid, cv=2), *given)
            assert not is_near
            expected = theirs.GridSearchCV(made, grid, cv=2).fit(*given)
            assert_same_results(found.cv_results_, expected.cv_results_)


class Derived(MLPClassifier):
    """May answer in its own way."""


class DerivedScaler(StandardScaler):
    """May scale in its own way."""


class DerivedPipeline(Pipeline):
    """May do more than others."""


SEEN = {
    "scorer": (MLPClassifier(**SMALL), RATES, {"scoring": make_scorer(accuracy_score)}),
    "splitter": (MLPClassifier(**SMALL), RATES, {"cv": Unequal()}),
    "callback": (MLPClassifier(**SMALL, callbacks=[Callback()]), RATES, {}),
    "optimiser": (MLPClassifier(**SMALL), {"solver": ["adam", optim.adam(0.01)]}, {}),
    "pipeline": (
        make_pipeline(StandardScaler(), MLPClassifier(**SMALL)),
        {"mlpclassifier__alpha": [1e-4, 1.0]},
        {},
    ),
    "derived": (Derived(**SMALL), RATES, {}),
}


@pytest.mark.parametrize(("model", "grid", "options"), SEEN.values(), ids=SEEN)
def test_where_somebody_could_tell_it_is_made_as_it_is(model, grid, options):
    asarray = pytest.importorskip("torch").asarray
    given = {"cv": 2, "grids": [grid]} | options
    assert near.on_host(model, asarray(X), asarray(Y), **given) is None


NET = MLPClassifier(**SMALL)
SEEN_BEFORE = {
    "step": (scaled(NET, StandardScaler(), PCA()), NET_RATES),
    "jax cannot": (scaled(NET, Normalizer()), NET_RATES),
    "derived scaler": (scaled(NET, DerivedScaler()), NET_RATES),
    "derived pipeline": (DerivedPipeline([("net", NET)]), NET_RATES),
    "frames": (scaled(NET, StandardScaler().set_output(transform="pandas")), NET_RATES),
    "memory": (scaled(NET, StandardScaler(), memory="folder"), NET_RATES),
    "input": (scaled(NET, StandardScaler(), transform_input=["X_val"]), NET_RATES),
    "optimiser": (scaled(NET, StandardScaler()), {"net__solver": [optim.adam(0.01)]}),
    "another network": (scaled(NET, StandardScaler()), {"net": [Derived(**SMALL)]}),
    "another step": (scaled(NET, StandardScaler()), {"step0": ["passthrough", PCA()]}),
    "steps drawn": (scaled(NET, StandardScaler()), {"step0": uniform(0, 1)}),
}


@pytest.mark.parametrize(("model", "grid"), SEEN_BEFORE.values(), ids=SEEN_BEFORE)
def test_what_comes_before_may_be_seen(model, grid):
    asarray = pytest.importorskip("torch").asarray
    given = asarray(X), asarray(Y)
    with config_context(array_api_dispatch=True):
        assert near.on_host(model, *given, grids=[grid]) is None
        known = scaled(NET, StandardScaler())
        assert near.on_host(known, *given, grids=[NET_RATES]) is not None


def test_whole_numbers_and_distributions(asarray):
    given, tried = asarray(Y), {"alpha": uniform(0, 1)}
    whole, drawn = asarray((16 * X).astype(np.int32)), tried | {"solver": uniform(0, 1)}
    assert near.on_host(NET, asarray(X), given, grids=[tried]) is not None
    assert near.on_host(NET, asarray(X), given, grids=[drawn]) is None
    assert near.on_host(NET, whole, given, grids=[tried]) is None
