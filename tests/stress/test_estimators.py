"""Random settings of the estimators beside scikit-learn's: losses, warnings, errors."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

import xpnet
from tests.stress.trials import trials

pytest.importorskip("sklearn")
from sklearn import linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight


class TheirClassifier(neural_network.MLPClassifier):
    """Notes whether its loss, computed from p and 1 − p, was ever cut off or rounded."""

    rounded = False

    def _backprop(self, X, y, sample_weight, activations, *rest):
        found = super()._backprop(X, y, sample_weight, activations, *rest)
        p = activations[-1]
        self.rounded |= bool(((p > 1 - 1e-9) | (p < 1e-15)).any())
        return found


THEIRS = {
    "MLPClassifier": TheirClassifier,
    "MLPRegressor": neural_network.MLPRegressor,
    "LogisticRegression": linear_model.LogisticRegression,
}


def one_of(*values):
    return st.sampled_from(values)


MLP = {
    "hidden_layer_sizes": st.lists(st.integers(1, 8), max_size=2).map(tuple),
    "activation": one_of("relu", "identity", "logistic", "tanh"),
    "solver": one_of("adam", "sgd", "lbfgs"),
    "alpha": one_of(1e-4, 0.0, 1.0),
    "batch_size": one_of("auto", 7, 16, 1000),
    "learning_rate": one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": one_of(1e-3, 0.02),
    "power_t": one_of(0.5, 0.1),
    "max_iter": st.integers(1, 12),
    "shuffle": st.booleans(),
    "random_state": st.integers(0, 2**32 - 1),
    "tol": one_of(1e-4, 0.0, 0.05),
    "momentum": one_of(0.9, 0.0, 0.5),
    "nesterovs_momentum": st.booleans(),
    "early_stopping": st.booleans(),
    "validation_fraction": one_of(0.1, 0.3),
    "n_iter_no_change": st.integers(1, 4),
    "max_fun": one_of(15000, 4),
}
LOGISTIC = {
    "C": one_of(1.0, 0.01, 10.0),
    "l1_ratio": one_of(0.0, 0.4, 1.0),
    "solver": one_of("lbfgs", "newton-cholesky", "saga"),
    "fit_intercept": st.booleans(),
    "class_weight": one_of(None, "balanced"),
    "tol": st.just(1e-7),
    "max_iter": st.just(5000),
}
REQUIRED = ("hidden_layer_sizes", "max_iter", "random_state", "tol")
"""Settings without which a fit would be slow or not repeatable."""

WRONG_MLP = one_of(
    *({name: -1} for name in ("alpha", "batch_size", "max_iter", "tol", "momentum", "beta_1")),
    *({name: "x"} for name in ("solver", "activation", "learning_rate", "alpha", "random_state")),
    *({"hidden_layer_sizes": sizes} for sizes in (0, -3, (4, 0), "ab", (2.5,), None)),
    *({"learning_rate_init": rate} for rate in (0, np.nan, None)),
    {"early_stopping": True, "validation_fraction": 1.0},
    {"early_stopping": True, "validation_fraction": 1e-3},
    {"shuffle": 3},
)
WRONG_LOGISTIC = one_of(
    {"C": -1}, {"C": "x"}, {"tol": -1}, {"max_iter": -1}, {"solver": "x"}, {"class_weight": "x"},
    {"class_weight": {"absent": 2.0}}, {"fit_intercept": "x"}, {"l1_ratio": 2}, {"penalty": "x"},
)  # fmt: skip
TARGETS = {
    "two": lambda X, rng: np.where(X[:, 0] + rng.normal(size=len(X)) > 0, "yes", "no"),
    "three": lambda X, rng: np.digitize(X[:, 0] + rng.normal(size=len(X)), [-0.5, 0.5]) * 5,
    "several": lambda X, rng: (X[:, :2] > 0).astype(int),
    "number": lambda X, rng: np.abs(X[:, 0]) + 0.1,
    "numbers": lambda X, rng: np.abs(X[:, :2]) + 0.1,
    "one class": lambda X, rng: np.ones(len(X), int),
    "short": lambda X, rng: np.arange(len(X) - 1) % 2,
    "nothing": lambda X, rng: None,
}
SAMPLES = {
    "as they are": lambda X: X,
    "a list": lambda X: X.tolist(),
    "NaN": lambda X: np.where(X > 1.5, np.nan, X),
    "flat": lambda X: X[:, 0],
    "empty": lambda X: X[:0],
    "text": lambda X: np.full(X.shape, "x"),
}


class Case(NamedTuple):
    """An estimator, its settings and its data."""

    name: str
    settings: dict[str, Any]
    wrong: dict[str, Any]
    way: str
    target: str
    samples: str
    weighted: bool
    seed: int

    def data(self):
        """X, y and the samples' weights."""
        rng = np.random.default_rng(self.seed)
        X = rng.normal(size=(60, 3))
        weights = {"sample_weight": rng.uniform(0.5, 2.0, 60)} if self.weighted else {}
        return SAMPLES[self.samples](X), TARGETS[self.target](X, rng), weights


@st.composite
def cases(draw, name, wrong):
    """Valid settings and data, or with `wrong` one that may be invalid."""
    linear = name == "LogisticRegression"
    optional = dict(LOGISTIC if linear else MLP)
    required = {name: optional.pop(name) for name in REQUIRED if name in optional}
    settings = draw(st.fixed_dictionaries(required, optional=optional))
    if "Regressor" in name:
        settings["loss"] = draw(one_of("squared_error", "poisson"))
    good = (
        ("number", "numbers") if "Regressor" in name else ("two", "three", "several")[: 3 - linear]
    )
    way = "fit" if linear else draw(one_of("fit", "fit twice", "partial_fit"))
    if way == "partial_fit":
        # Ours has partial_fit with early stopping and more solvers.
        settings["early_stopping"] = False
        settings["solver"] = draw(one_of("adam", "sgd"))
    if not settings.get("early_stopping") and draw(st.booleans()):
        # With early stopping, scikit-learn's second fit forgets which parameters were the best.
        settings["warm_start"] = True
    fault = draw(one_of("setting", "target", "samples")) if wrong else None
    return Case(
        name,
        settings,
        draw(WRONG_LOGISTIC if linear else WRONG_MLP) if fault == "setting" else {},
        way,
        draw(one_of(*TARGETS)) if fault == "target" else draw(one_of(*good)),
        draw(one_of(*SAMPLES)) if fault == "samples" else draw(one_of("as they are", "a list")),
        draw(st.booleans()),
        draw(st.integers(0, 2**32 - 1)),
    )


class Result(NamedTuple):
    """The model or the error, and the categories of warnings."""

    model: Any
    error: Exception | None
    warned: set[type]


def result(kind, case):
    X, y, weights = case.data()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model, error = fitted(kind, case, X, y, weights), None
        except Exception as raised:  # compared below
            model, error = None, raised
    return Result(model, error, {warning.category for warning in caught})


def fitted(kind, case, X, y, weights):
    model = kind(**(case.settings | case.wrong))
    if case.way == "partial_fit":
        classes = {"classes": np.unique(y)} if "Classifier" in case.name else {}
        if case.target == "several":
            classes = {"classes": [0, 1]}
        return model.partial_fit(X, y, **classes, **weights).partial_fit(X, y, **weights)
    model.fit(X, y, **weights)
    return model.fit(X, y, **weights) if case.way == "fit twice" else model


def expected(error):
    """The type that callers catch; any of `MEANT` where scikit-learn raises another by accident."""
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    meant = type(error).__module__.partition(".")[0] in ("builtins", "sklearn")
    return kind if meant and kind in MEANT else MEANT


MEANT = (ValueError, TypeError, AttributeError)


def compare(case):
    ours = result(getattr(xpnet, case.name), case)
    theirs = result(THEIRS[case.name], case)
    if not theirs.error and "non-finite predictions" in str(ours.error):
        X, _, _ = case.data()
        assert not np.isfinite(theirs.model.predict(X)).all()  # of which they say nothing
        return "diverged"
    if theirs.error or ours.error:
        # Their regressor forgets to ask whether a solver has partial_fit.
        forgotten = case.way == "partial_fit" and "solver" in case.wrong
        both = f"theirs: {theirs.error!r}\nours: {ours.error!r}"
        assert theirs.error, both
        assert ours.error, both
        assert isinstance(ours.error, MEANT if forgotten else expected(theirs.error)), both
        return type(theirs.error).__name__
    if case.settings.get("solver") == "lbfgs" and getattr(theirs.model, "rounded", False):
        return "lbfgs, their loss rounded"  # so another step, and from there another way
    if case.name == "LogisticRegression":
        # The minimum is the same, the way to it is not.
        assert ours.warned - {ConvergenceWarning} == theirs.warned - {ConvergenceWarning}
        if case.settings.get("solver") == "saga":  # which may end far from it
            assert objective(case, ours.model) <= objective(case, theirs.model) + 1e-6
            return "saga"
    elif not stopped_at_the_bottom(case, ours.model, theirs.model):
        assert ours.warned == theirs.warned
        assert (ours.model.n_iter_, ours.model.t_) == (theirs.model.n_iter_, theirs.model.t_)
    assert_same_predictions(case, ours.model, theirs.model)
    return case.settings.get("solver", "logistic")


def objective(case, model):
    """What saga minimises: the losses, and the penalty ``Σ (r |W| + (1 − r) / 2 W²) / C``."""
    X, y, weights = case.data()
    s = weights.get("sample_weight", np.ones(len(y)))
    classes, of_y = np.unique(y, return_inverse=True)
    kind = case.settings.get("class_weight")
    s = s * compute_class_weight(kind, classes=classes, y=y, sample_weight=s)[of_y]
    W, r = model.coef_, model.l1_ratio
    penalty = (r * abs(W) + 0.5 * (1.0 - r) * W**2).sum() / model.C
    return log_loss(y, model.predict_proba(X), sample_weight=s, normalize=False) + penalty


def stopped_at_the_bottom(case, ours, theirs):
    """Whether one L-BFGS took a step more than the other, and rounding is all that it changed."""
    a_step_more = abs(ours.n_iter_ - theirs.n_iter_) == 1
    same = bool(np.isclose(ours.loss_, theirs.loss_, rtol=1e-12, atol=0.0))
    return case.settings.get("solver") == "lbfgs" and a_step_more and same


def assert_same_predictions(case, ours, theirs):
    X, _, _ = case.data()
    loose = case.settings.get("solver") == "lbfgs" or case.name == "LogisticRegression"
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if loose else {"rtol": 1e-7, "atol": 1e-9}
    if hasattr(theirs, "loss_curve_"):
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, **tolerance)
    if "Regressor" in case.name:
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), **tolerance)
        return
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    probabilities = theirs.predict_proba(X)
    np.testing.assert_allclose(ours.predict_proba(X), probabilities, **tolerance)
    if probabilities.ndim == 2 and case.target != "several":
        near = np.ptp(np.sort(probabilities, axis=1)[:, -2:], axis=1) < 1e-3
        np.testing.assert_array_equal(ours.predict(X)[~near], theirs.predict(X)[~near])


@trials(40, case=st.one_of(*(cases(name, wrong=False) for name in THEIRS)))
def test_same_losses_and_predictions(case):
    return compare(case)


@trials(40, case=st.one_of(*(cases(name, wrong=True) for name in THEIRS)))
def test_same_warnings_and_errors(case):
    return compare(case)
