"""Training that ends in numbers that are none: an error, and no model but that of a fit before."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor
from xpnet.callbacks import Callback

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide):RuntimeWarning"),
    pytest.mark.usefixtures("plain_and_fused"),
]

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
SETTINGS = {"hidden_layer_sizes": (4,), "solver": "sgd", "random_state": 0}


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    ("dtype", "rate", "what"),
    [("f4", 1e200, "parameter weights"), ("f4", 1e30, "predictions"), ("f8", 1e200, "predictions")],
)
def test_the_last_updates_damage_is_seen(estimator, dtype, rate, what):
    """One epoch of one step: its loss is that of the first weights, and finite."""
    model = estimator(**SETTINGS, learning_rate_init=rate, max_iter=1)
    message = rf"^Solver produced non-finite {what}\. The input data may contain large values and"
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(X.astype(dtype), Y)
    assert len(str(raised.value)) <= 300
    assert np.isfinite(model.loss_)
    with pytest.raises(NotFittedError):
        model.predict(X.astype(dtype))


def test_a_cost_beyond_the_dtype_is_no_divergence():
    """Where the square of the error is infinite, weights and predictions need not be."""
    model = MLPRegressor(**SETTINGS, learning_rate_init=1e-30, max_iter=1)
    model.fit(X.astype("f4"), Y * 1e25)
    assert model.loss_ == np.inf
    assert np.isfinite(model.predict(X.astype("f4"))).all()


@pytest.mark.parametrize("settings", [{"solver": "lbfgs"}, {"solver": "sgd", "max_iter": 1}])
@pytest.mark.parametrize("before", [False, True], ids=["first", "anew"])
def test_a_fit_that_diverges_from_its_own_start_leaves_no_model(settings, before):
    model = MLPRegressor(**SETTINGS | settings)
    if before:
        model.fit(X, Y)
    with pytest.raises(ValueError, match=r"non-finite|not finite"):
        model.set_params(learning_rate_init=1e200).fit(X, Y * 1e300)
    for use in (lambda: model.predict(X), lambda: model.save("never")):
        with pytest.raises(NotFittedError):
            use()
    model.set_params(learning_rate_init=0.1, warm_start=True).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


def test_logistic_regression_that_diverges():
    model = LogisticRegression(warm_start=True)
    with pytest.raises(ValueError, match=r"^The loss is not finite at the first parameters"):
        model.fit(X, Y, sample_weight=np.full(40, 1e308))
    with pytest.raises(NotFittedError):
        model.predict(X)
    before = model.fit(X, Y).predict_proba(X)
    with pytest.raises(ValueError, match=r"^The loss is not finite at the first parameters"):
        model.fit(X, Y, sample_weight=np.full(40, 1e308))
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("again", ["fit", "partial_fit"])
def test_a_model_that_goes_on_keeps_what_it_had(again):
    model = MLPClassifier(**SETTINGS, warm_start=True, max_iter=3).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"^Solver produced non-finite"):
        getattr(model, again)(X * 1e300, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    getattr(model, again)(X, Y)
    assert np.isfinite(model.predict_proba(X)).all()
    assert (model.predict_proba(X) != before).any()


def test_callbacks_end_with_finite_parameters():
    ended = []

    class Watch(Callback):
        def on_end(self, result):
            ended.append(result)

    model = MLPRegressor(**SETTINGS, learning_rate_init=1e200, max_iter=2, callbacks=[Watch()])
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, Y)
    (result,) = ended
    assert result.stopped == model.stopped_
    assert result.stopped.startswith("failed: Solver produced non-finite")
    assert all(np.isfinite(array).all() for layer in result.params for array in layer)


def test_early_stopping_keeps_an_epoch_whose_score_was_a_number():
    settings = SETTINGS | {"activation": "identity", "learning_rate_init": 0.3, "max_iter": 60}
    model = MLPRegressor(**settings, early_stopping=True, n_iter_no_change=70).fit(X, Y)
    assert np.isnan(model.validation_scores_[-1])
    assert model.best_validation_score_ > 0.8
    assert np.isfinite(model.predict(X)).all()


def test_early_stopping_without_any_such_epoch():
    model = MLPRegressor(**SETTINGS, learning_rate_init=1e200, max_iter=2, early_stopping=True)
    with pytest.raises(ValueError, match="Solver produced non-finite validation scores"):
        model.fit(X, Y)


def test_a_loss_that_is_not_finite_from_the_start():
    model = MLPRegressor(**SETTINGS | {"solver": "lbfgs"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"^The loss is not finite at the first parameters\."):
            model.fit(X, Y * 1e300)
