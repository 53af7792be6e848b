"""Searches on arrays of other libraries: results of NumPy's, also where some fail."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import LONG, RATES, SMALL, Unequal, X, Y, failing, heard
from xpnet import MLPClassifier, MLPRegressor, optim
from xpnet import model_selection as ours
from xpnet.callbacks import Callback


@pytest.fixture(params=["own runs", "NumPy's runs"])
def runs(request):
    """Trainings as stacks of the library's, as on a device, or in the host's memory."""
    if request.param == "own runs":
        request.getfixturevalue("own_runs")


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


@pytest.mark.usefixtures("runs")
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
        with np.errstate(over="ignore", invalid="ignore"):  # NumPy alone warns of these
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


@pytest.mark.usefixtures("runs")
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
@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
@pytest.mark.parametrize("model", [{}, {"early_stopping": True, "n_iter_no_change": 1}])
def test_in_the_hosts_memory_losses_and_weights_have_numpys_bits(library, model):
    pytest.importorskip("numba")
    asarray, grid = pytest.importorskip(library).asarray, {"alpha": [1e-4, 1.0], **RATES}

    def best(asarray):
        search = ours.GridSearchCV(MLPClassifier(**model, **LONG), grid, cv=Unequal())
        search.fit(asarray(X), asarray(Y))
        return search.best_estimator_, search.cv_results_["mean_test_score"]

    (found, scores), (expected, expected_scores) = best(asarray), best(np.asarray)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-6)
    assert found.loss_curve_ == expected.loss_curve_
    for array, value in zip(found.coefs_, expected.coefs_, strict=True):
        assert type(array) is type(asarray(X))
        np.testing.assert_array_equal(np.asarray(array), value)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_what_a_search_predicts_stays_where_its_samples_are(library):
    asarray = pytest.importorskip(library).asarray

    def predicted(module, X, Y):
        return module.GridSearchCV(MLPClassifier(**SMALL), RATES, cv=2).fit(X, Y).predict(X)

    there = asarray(X), asarray(Y)
    found, expected = predicted(ours, *there), predicted(theirs, X, Y)
    assert type(found) is type(there[1])
    assert found.device == there[1].device
    np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("network", [MLPClassifier, MLPRegressor])
def test_a_search_over_scalers_that_cannot_write_needs_no_numba(network, unfused):
    asarray = pytest.importorskip("jax.numpy").asarray
    model = make_pipeline(StandardScaler(), network(**SMALL))
    grid = {f"{network.__name__.lower()}__alpha": [1e-4, 1.0]}
    with config_context(array_api_dispatch=True):
        found = ours.GridSearchCV(model, grid, cv=2).fit(asarray(X), asarray(Y))
        answers = found.predict(asarray(X))
    expected = theirs.GridSearchCV(model, grid, cv=2).fit(X, Y)
    scores = (search.cv_results_["mean_test_score"] for search in (found, expected))
    np.testing.assert_allclose(*scores, rtol=1e-5)
    assert type(answers) is type(asarray(X))
    np.testing.assert_allclose(np.asarray(answers), expected.predict(X), rtol=1e-4)
