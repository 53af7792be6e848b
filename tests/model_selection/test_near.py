"""Searches over arrays of PyTorch and JAX in the host's memory, made on NumPy's of that memory."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn import model_selection as theirs
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import RATES, SMALL, Unequal, X, Y
from xpnet import MLPClassifier, optim
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


class Derived(MLPClassifier):
    """May answer in its own way."""


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
    search = ours.GridSearchCV(model, grid, **{"cv": 2} | options)
    assert near.on_host(search, [grid], asarray(X), asarray(Y)) is None


def test_whole_numbers_and_distributions(asarray):
    search = ours.RandomizedSearchCV(MLPClassifier(**SMALL), {}, cv=2)
    given = asarray(X), asarray(Y)
    tried = {"alpha": uniform(0, 1)}
    assert near.on_host(search, [tried], *given) is not None
    assert near.on_host(search, [tried | {"solver": uniform(0, 1)}], *given) is None
    assert near.on_host(search, [tried], asarray((16 * X).astype(np.int32)), given[1]) is None
