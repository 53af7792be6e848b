"""One seed, one loss curve: the same draws and counts as scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import neural_network as theirs

import xpnet

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("plain_and_fused"),
]

SETTINGS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "no-momentum": {"solver": "sgd", "momentum": 0.0},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.01},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.02,
        "n_iter_no_change": 1,
        "tol": 0.5,
        "max_iter": 12,
    },
    "early-stopping": {"early_stopping": True},
    "logistic": {"activation": "logistic", "hidden_layer_sizes": (20, 30)},
    "no-hidden-layer": {"hidden_layer_sizes": ()},
    "in-order": {"shuffle": False, "batch_size": 100},
    "penalty": {"alpha": 2.0},
}
TARGETS = {
    "multiclass": ("MLPClassifier", {}, lambda X, y: y),
    "binary": ("MLPClassifier", {}, lambda X, y: np.where(y % 2, "odd", "even")),
    "multilabel": ("MLPClassifier", {}, lambda X, y: np.stack([y % 2, y > 4, y == 3], axis=1)),
    "one-output": ("MLPRegressor", {}, lambda X, y: y / 4.0),
    "three-outputs": ("MLPRegressor", {}, lambda X, y: np.stack([y, y**2, X[:, 3]], axis=1) / 9),
    "poisson": ("MLPRegressor", {"loss": "poisson"}, lambda X, y: y),
}


CURVES = [
    *((target, "adam", weighted) for target in TARGETS for weighted in (False, True)),
    *((target, "early-stopping", False) for target in TARGETS),
    *(("multiclass", name, False) for name in SETTINGS if name not in ("adam", "early-stopping")),
    # Weights are split, sliced and summed; the penalty is no part of what is divided by n_y.
    *((target, "early-stopping", True) for target in ("multiclass", "three-outputs")),
    *((target, "in-order", True) for target in ("binary", "three-outputs")),
    *((target, "penalty", True) for target in ("multiclass", "three-outputs")),
    ("three-outputs", "penalty", False),
]


@pytest.mark.parametrize(("target", "named", "weighted"), CURVES)
def test_same_curve(digits, target, named, weighted):
    name, loss, function = TARGETS[target]
    X, y = digits.X, function(*digits)
    s = np.random.default_rng(0).uniform(0, 2, len(X)) if weighted else None
    settings = {"max_iter": 5, "random_state": 1, "hidden_layer_sizes": (16,)}
    settings |= SETTINGS[named] | loss
    reference = getattr(theirs, name)(**settings).fit(X, y, sample_weight=s)
    model = getattr(xpnet, name)(**settings).fit(X, y, sample_weight=s)
    np.testing.assert_allclose(model.loss_curve_, reference.loss_curve_, rtol=0, atol=1e-6)
    assert (model.n_iter_, model.t_) == (reference.n_iter_, reference.t_)
    assert model.best_loss_ == pytest.approx(reference.best_loss_)
    assert model.validation_scores_ == pytest.approx(reference.validation_scores_)
    for ours, coef in zip(model.coefs_, reference.coefs_, strict=True):
        np.testing.assert_allclose(ours, coef, atol=1e-8)
    np.testing.assert_allclose(model.intercepts_[-1], reference.intercepts_[-1], atol=1e-8)


STEPS = [("multiclass", "tanh", False)]
STEPS += [(target, "relu", weighted) for target in TARGETS for weighted in (False, True)]


@pytest.mark.parametrize(("target", "activation", "weighted"), STEPS)
def test_lbfgs_takes_the_same_steps(digits, target, activation, weighted):
    name, loss, function = TARGETS[target]
    X, y = digits.X, function(*digits)
    s = np.random.default_rng(0).uniform(0, 2, len(X)) if weighted else None
    settings = {"hidden_layer_sizes": (16,), "activation": activation, "random_state": 1} | loss
    settings |= {"solver": "lbfgs", "max_iter": 10, "alpha": 1.0}
    reference = getattr(theirs, name)(**settings).fit(X, y, sample_weight=s)
    model = getattr(xpnet, name)(**settings).fit(X, y, sample_weight=s)
    assert model.n_iter_ == reference.n_iter_ == 10
    assert model.loss_ == pytest.approx(reference.loss_, rel=1e-8)
    for ours, coef in zip(model.coefs_, reference.coefs_, strict=True):
        np.testing.assert_allclose(ours, coef, atol=1e-6)


def test_lbfgs_ends_where_scikit_learn_ends(digits):
    """Not only in as good a minimum, but in the same one, after as many steps."""
    settings = {"hidden_layer_sizes": (16,), "solver": "lbfgs", "random_state": 0}
    reference = theirs.MLPClassifier(**settings).fit(*digits)
    model = xpnet.MLPClassifier(**settings).fit(*digits)
    assert model.n_iter_ == reference.n_iter_
    assert model.loss_ == pytest.approx(reference.loss_, rel=1e-3)
    assert model.score(*digits) == reference.score(*digits)


@pytest.mark.parametrize("limit", ["max_fun", "max_iter"])
def test_lbfgs_warns_wherever_scikit_learns_was_cut(limit):
    """Also where the last evaluation allowed met a tolerance."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)

    def cut(package, most):
        settings = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "random_state": 0, limit: most}
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            package.MLPClassifier(**settings).fit(X, y)
        return [warning.category for warning in warned]

    answers = [[cut(package, most) for most in range(1, 20)] for package in (theirs, xpnet)]
    assert answers[0] == answers[1]
    assert answers[0][0] != answers[0][-1]


def test_lbfgs_goes_on_until_there_were_more_than_max_fun_evaluations(digits):
    settings = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "random_state": 0, "max_fun": 10}
    reference = theirs.MLPClassifier(**settings).fit(*digits)
    model = xpnet.MLPClassifier(**settings).fit(*digits)
    assert model.n_iter_ == reference.n_iter_
    assert model.stopped_ == "all evaluations of max_fun done"


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_same_parameters_and_defaults(name):
    defaults = getattr(theirs, name)().get_params()
    ours = getattr(xpnet, name)().get_params()
    assert {parameter: ours[parameter] for parameter in defaults} == defaults


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_same_fitted_attributes(few, name, solver):
    settings = {"max_iter": 3, "solver": solver, "hidden_layer_sizes": (4,), "random_state": 0}
    fitted = [getattr(of, name)(**settings).fit(*few) for of in (theirs, xpnet)]
    reference, names = (
        {a for a in dir(m) if a.endswith("_") and a[0] != "_" and hasattr(m, a)} for m in fitted
    )
    assert reference <= names


def test_warm_start_and_partial_fit_count_on(digits):
    X, y = digits
    both = []
    for package in (theirs, xpnet):
        model = package.MLPClassifier((16,), max_iter=2, random_state=0, warm_start=True)
        model.fit(X, y).fit(X, y).partial_fit(X[:300], y[:300]).partial_fit(X[300:600], y[300:600])
        both.append(model)
    reference, model = both
    np.testing.assert_allclose(model.loss_curve_, reference.loss_curve_, atol=1e-9)
    assert (model.n_iter_, model.t_) == (reference.n_iter_, reference.t_)
    assert model.n_iter_ == 1
    assert model.t_ == 4 * len(X) + 600


def test_parts_share_one_optimiser(digits):
    """Adam's moments go on from part to part, and from `fit` to the first part."""
    X, y = digits
    both = []
    for package in (theirs, xpnet):
        model = package.MLPRegressor(hidden_layer_sizes=(16,), max_iter=2, random_state=0)
        model.fit(X, y)
        for _ in range(3):
            model.partial_fit(X[:500], y[:500])
        both.append(model)
    np.testing.assert_allclose(both[1].coefs_[0], both[0].coefs_[0], atol=1e-9)


def test_verbose_writes_the_same_lines(digits, capsys):
    X, y = digits
    written = []
    for package in (theirs, xpnet):
        settings = {"max_iter": 3, "random_state": 0, "verbose": True, "early_stopping": True}
        package.MLPClassifier((8,), **settings).fit(X, y)
        written.append(capsys.readouterr().out)
    assert written[0] == written[1]
    assert "Validation score" in written[1]


def test_verbose_says_when_an_adaptive_rate_is_too_small(digits, capsys):
    written = []
    settings = {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 1e-6}
    settings |= {"tol": 1.0, "n_iter_no_change": 1, "random_state": 0, "verbose": True}
    for package in (theirs, xpnet):
        model = package.MLPClassifier((8,), **settings).fit(*digits)
        written.append(capsys.readouterr().out)
    assert written[0] == written[1]
    assert model.stopped_.endswith("consecutive epochs. Learning rate too small.")


def test_one_class_alone_is_always_right():
    X, settings = np.random.default_rng(0).normal(size=(60, 3)), {"n_iter_no_change": 1}
    settings |= {"early_stopping": True, "random_state": 0, "hidden_layer_sizes": ()}
    ours, scikit_learns = (
        room.MLPClassifier(**settings).fit(X, np.zeros(60, int)) for room in (xpnet, theirs)
    )
    assert ours.validation_scores_ == scikit_learns.validation_scores_ == [1.0] * 3


def test_without_tol_a_score_that_stays_the_same_is_not_worse():
    X, settings = np.random.default_rng(0).normal(size=(60, 3)), {"n_iter_no_change": 1}
    settings |= {"early_stopping": True, "random_state": 0, "hidden_layer_sizes": (), "tol": 0.0}
    settings |= {"learning_rate_init": 1e-12, "max_iter": 5}
    y = (X[:, 0] > 0).astype(int)
    assert {room.MLPClassifier(**settings).fit(X, y).n_iter_ for room in (xpnet, theirs)} == {5}
