"""Cross-validation: the results of scikit-learn's functions, to the bit."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from sklearn import config_context
from sklearn import model_selection as theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model_selection.cases import SMALL, Unequal, X, Y, assert_same_results, heard
from xpnet import MLPClassifier
from xpnet import model_selection as ours
from xpnet.callbacks import Callback

MODEL = MLPClassifier(**SMALL)
LETTERS = np.array(list("jihgfedcba"))[Y]
CALLS = {
    "scores": (
        "cross_val_score",
        MODEL,
        Y,
        {"params": {"sample_weight": np.linspace(0.1, 2, 203)}},
    ),
    "labels": ("cross_val_predict", MODEL, LETTERS, {}),
    "probabilities": ("cross_val_predict", MODEL, LETTERS, {"method": "predict_proba"}),
    "a class missing": (
        "cross_val_predict",
        MODEL,
        np.where((LETTERS == "a") & (np.arange(203) < 101), "b", LETTERS),
        {"method": "predict_proba", "cv": theirs.KFold(2)},
    ),
    "columns": (
        "cross_val_predict",
        MODEL,
        np.stack([Y > 4, Y % 2], axis=1),
        {"method": "predict_proba"},
    ),
    "curve": (
        "validation_curve",
        make_pipeline(StandardScaler(), MODEL),
        Y,
        {"param_name": "mlpclassifier__alpha", "param_range": [1e-5, 1.0]},
    ),
}


@pytest.mark.usefixtures("plain_and_fused")
@pytest.mark.parametrize(("name", "model", "y", "options"), CALLS.values(), ids=CALLS)
def test_the_result_is_scikit_learns(name, model, y, options):
    options = {"cv": theirs.KFold(2, shuffle=True, random_state=0)} | options
    found, warned = heard(lambda: getattr(ours, name)(model, X, y, **options))
    expected, expected_warned = heard(lambda: getattr(theirs, name)(model, X, y, **options))
    np.testing.assert_equal(found, expected)
    assert sorted(map(str, warned)) == sorted(map(str, expected_warned))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("dispatch", [True, False])
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predictions_stay_on_a_device(method, dispatch):
    cupy = pytest.importorskip("cupy")
    options = {"cv": theirs.KFold(3), "method": method}
    expected = theirs.cross_val_predict(MODEL, X, Y, **options)
    with config_context(array_api_dispatch=dispatch):
        found = ours.cross_val_predict(MODEL, *map(cupy.asarray, (X, Y)), **options)
    assert type(found) is cupy.ndarray
    np.testing.assert_allclose(cupy.asnumpy(found), expected, 1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_generator_is_left_as_if_it_had_drawn_for_one_fit():
    """Also where fits on as many samples draw their orders once for all."""
    generator = np.random.RandomState(0)
    settings = {**SMALL, "max_iter": 12, "random_state": generator}
    model = MLPClassifier(learning_rate_init=0.1, n_iter_no_change=1, tol=0.1, **settings)
    options = {"cv": 7, "return_estimator": True}  # of 203 samples: folds of one size
    found, expected = (
        module.cross_validate(model, X, Y, **options)["estimator"] for module in (ours, theirs)
    )
    assert len({one.n_iter_ for one in found}) > 1
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_equal(
            one.partial_fit(X, Y).loss_curve_, other.partial_fit(X, Y).loss_curve_
        )


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_without_a_random_state_numpys_seed_decides_and_not_the_clock(monkeypatch):
    """Whether a training goes on by one epoch or by all before others, as time allows."""
    found, model = [], MLPClassifier(**{**SMALL, "random_state": None})
    for seconds in (0.0, 1e9):
        monkeypatch.setattr("xpnet.train.together.side_by_side.SECONDS", seconds)
        np.random.seed(0)
        found.append(ours.cross_validate(model, X, Y, cv=3, return_estimator=True)["estimator"])
    for one, other in zip(*found, strict=True):
        np.testing.assert_equal(one.coefs_, other.coefs_)
    first, second, _ = found[0]
    assert (first.coefs_[0] != second.coefs_[0]).all()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_each_estimator_is_as_if_it_were_fitted_alone():
    model = MLPClassifier(early_stopping=True, n_iter_no_change=1, **{**SMALL, "max_iter": 12})
    options = {"cv": Unequal(), "return_estimator": True, "return_train_score": True}
    found, expected = (module.cross_validate(model, X, Y, **options) for module in (ours, theirs))
    models, expected_models = found.pop("estimator"), expected.pop("estimator")
    assert_same_results(found, expected)
    assert min(found["fit_time"]) > 0
    for one, other in zip(models, expected_models, strict=True):
        states = vars(one._state), vars(other._state)
        for name in ("coefs_", "intercepts_", "loss_curve_", "validation_scores_", "stopped_"):
            np.testing.assert_equal(*(state[name] for state in states))
        np.testing.assert_equal(one.partial_fit(X, Y).coefs_, other.partial_fit(X, Y).coefs_)


class StopsAtFive(Callback):
    every_step = False

    def on_epoch(self, epoch):
        return "it is the fifth" if epoch.number == 5 else ""


BETWEEN = {
    "validation": {"early_stopping": True, "learning_rate_init": 0.1},
    "callback": {"callbacks": [StopsAtFive()]},
    "rate": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("settings", BETWEEN.values(), ids=BETWEEN)
def test_what_is_done_between_epochs_comes_after_each(settings, monkeypatch):
    """Though there would be time for many epochs in a round."""
    monkeypatch.setattr("xpnet.train.together.side_by_side.SECONDS", 1e9)
    model = MLPClassifier(**{**SMALL, "max_iter": 8}, **settings)
    found, expected = (
        module.cross_validate(model, X, Y, cv=2, return_estimator=True)["estimator"]
        for module in (ours, theirs)
    )
    for one, other in zip(found, expected, strict=True):
        for name in ("loss_curve_", "validation_scores_", "coefs_"):
            np.testing.assert_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("name", ["cross_validate", "validation_curve"])
def test_the_signature_is_scikit_learns(name):
    functions = (getattr(module, name) for module in (ours, theirs))
    assert len({str(inspect.signature(function)) for function in functions}) == 1


WRONG = {
    "cross_validate": {"scoring": "acuracy"},
    "cross_val_score": {"verbose": "loud"},
    "cross_val_predict": {"method": "predict_prob"},
    "validation_curve": {"param_name": "alpha", "param_range": 1.0},
}


@pytest.mark.parametrize(("name", "options"), WRONG.items(), ids=WRONG)
def test_wrong_arguments_are_refused_before_anything_is_trained(name, options, monkeypatch):
    monkeypatch.setattr("xpnet.model_selection.validation.fit_all", lambda *_, **__: 1 / 0)
    with pytest.raises(ValueError, match=f"'{list(options)[-1]}' parameter of {name} must be"):
        getattr(ours, name)(MODEL, X, Y, **options)
