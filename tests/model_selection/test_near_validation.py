"""Validations on arrays of PyTorch and JAX in the host's memory, made on NumPy's of that memory."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import SMALL, TARGETS, X, Y, alike, scaled
from xpnet import MLPClassifier, MLPRegressor, optim
from xpnet import model_selection as ours
from xpnet.model_selection import near

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
numba = pytest.importorskip("numba")

NET = MLPClassifier(**SMALL)
SCALED = scaled(NET, StandardScaler())
FUNCTIONS = {
    "scores": ("cross_val_score", {}),
    "dict": ("cross_validate", {"return_train_score": True, "scoring": "accuracy"}),
    "curve": ("validation_curve", {"param_name": "alpha", "param_range": np.array([1e-4, 1.0])}),
    "labels": ("cross_val_predict", {}),
}


@pytest.fixture(params=["torch", "jax.numpy"])
def asarray(request):
    return pytest.importorskip(request.param).asarray


def validated(name, model, data, **options):
    """What one of our functions returns, and whether that was made on NumPy's arrays."""
    with mock.patch("xpnet.model_selection.validation.on_host", wraps=near.on_host) as asked:
        result = getattr(ours, name)(model, *data, **{"cv": 3} | options)
    return result, asked.call_count == 2  # by itself once more


def equal(found, expected):
    """That results are the same, but for times."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = (
            [result[name] for name in expected if not name.endswith("_time")]
            for result in (found, expected)
        )
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("dispatches", [False, True])
@pytest.mark.parametrize(("name", "options"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_results_are_those_of_numpys_arrays(name, options, dispatches, asarray):
    given = asarray(X), asarray(Y)
    with config_context(array_api_dispatch=dispatches):
        found, is_near = validated(name, NET, given, **options)
        expected = getattr(theirs, name)(NET, X, Y, cv=3, **options)
    assert is_near
    equal(found, expected)
    if name == "cross_val_predict":
        assert type(found) is (type(given[1]) if dispatches else np.ndarray)
        assert str(found.dtype).removeprefix("torch.") == expected.dtype


@pytest.mark.parametrize(("name", "options"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_scalers_come_before(name, options, asarray):
    options = options | ({"param_name": "net__alpha"} if "param_name" in options else {})
    with config_context(array_api_dispatch=True):
        found, is_near = validated(name, SCALED, (asarray(X), asarray(Y)), **options)
        expected = getattr(theirs, name)(SCALED, X, Y, cv=3, **options)
    assert is_near
    equal(found, expected)


def test_estimators_lie_where_x_does(asarray):
    given = asarray(X), asarray(Y)
    with config_context(array_api_dispatch=True):
        found, is_near = validated("cross_validate", SCALED, given, return_estimator=True)
        expected = theirs.cross_validate(SCALED, X, Y, cv=3, return_estimator=True)
        assert is_near
        for model, its in zip(found["estimator"], expected["estimator"], strict=True):
            answers = model.predict_proba(given[0])
            for array in (model[0].mean_, model[1].coefs_[0], answers):
                assert (type(array), array.device) == (type(given[0]), given[0].device)
            alike(answers, its.predict_proba(X))


def test_what_is_no_label_goes_there_where_scalers_cannot_write():
    """Its last bits are others than those of the library."""
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    regressor = scaled(MLPRegressor(**SMALL), StandardScaler())
    cases = [
        (SCALED, Y, "cross_val_predict", {"method": "predict_proba"}),
        (regressor, TARGETS["one"], "cross_val_predict", {}),
        (regressor, TARGETS["one"], "cross_val_score", {}),
    ]
    with config_context(array_api_dispatch=True):
        for model, y, name, options in cases:
            expected = getattr(theirs, name)(model, X, y, cv=3, **options)
            for library in (torch, jax):
                data = library.asarray(X), library.asarray(y)
                found, is_near = validated(name, model, data, **options)
                assert is_near == (library is jax)
                np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-3, atol=1e-5)


def test_where_somebody_could_tell_they_are_made_as_they_are(asarray):
    given = asarray(X), asarray(Y)
    solvers = {"param_name": "solver", "param_range": [optim.adam(0.01), "adam"]}
    for name, options in [
        ("cross_val_score", {"params": {"sample_weight": np.ones(len(Y))}}),
        ("cross_val_score", {"groups": np.arange(len(Y)), "cv": theirs.GroupKFold(3)}),
        ("cross_val_score", {"scoring": "f1_macro"}),
        ("validation_curve", solvers),
    ]:
        _, is_near = validated(name, NET, given, **options)
        assert not is_near
