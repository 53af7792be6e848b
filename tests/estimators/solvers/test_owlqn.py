"""`LogisticRegression` with an L1 penalty beside scikit-learn's, and on every library."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.preprocessing import scale

from xpnet import LogisticRegression, backend
from xpnet.estimators._solvers import owlqn

SAGA = {"solver": "saga", "l1_ratio": 1.0}
TIGHT = {"solver": "saga", "tol": 1e-8, "max_iter": 20_000, "random_state": 0}


def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


def two_irises():
    X, y = iris()
    return X[50:], y[50:]


def wine():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


DATA = {"iris": iris, "two irises": two_irises, "wine": wine}


@pytest.fixture(params=DATA)
def data(request):
    """Small data for which scikit-learn's saga ends in time."""
    return DATA[request.param]()


def violation(model, X, y, s=None):
    """The largest distance of a gradient of the mean loss from what the penalty allows."""
    s = np.ones(len(y)) if s is None else s
    Z = X @ model.coef_.T + model.intercept_
    Y = (y[:, None] == model.classes_).astype(float)
    if Z.shape[1] == 1:
        A, Y = 1.0 / (1.0 + np.exp(-Z)), Y[:, 1:]
    else:
        A = np.exp(Z - Z.max(axis=1, keepdims=True))
        A /= A.sum(axis=1, keepdims=True)
    dZ, W = s[:, None] * (A - Y) / s.sum(), model.coef_
    l1, l2 = (share / model.C / s.sum() for share in (model.l1_ratio, 1.0 - model.l1_ratio))
    g = dZ.T @ X + l2 * W
    of_W = np.where(W == 0, np.maximum(abs(g) - l1, 0.0), abs(g + l1 * np.sign(W)))
    return max(of_W.max(), abs(dZ.sum(axis=0)).max() if model.fit_intercept else 0.0)


def check_is_theirs(ours, theirs):
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    assert ours.n_iter_.dtype == theirs.n_iter_.dtype


@pytest.mark.parametrize("l1_ratio", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("C", [0.05, 1.0])
def test_coefficients_and_zeros_are_scikit_learns(data, C, l1_ratio):
    ours, theirs = (
        each(**TIGHT, C=C, l1_ratio=l1_ratio).fit(*data) for each in (LogisticRegression, Theirs)
    )
    check_is_theirs(ours, theirs)
    assert violation(ours, *data) < 2e-8


@pytest.mark.parametrize(
    "options",
    [
        {"class_weight": "balanced"},
        {"class_weight": {1: 3.0, 2: 0.5}},
        {"fit_intercept": False},
        {"fit_intercept": False, "class_weight": "balanced", "l1_ratio": 0.5},
    ],
    ids=str,
)
def test_weights_and_no_intercept(data, options):
    X, y = data
    X, s = X + 0.5 * (not options.get("fit_intercept", True)), 1.0 + np.arange(len(y)) % 3
    ours, theirs = (
        each(**TIGHT | {"C": 0.1, "l1_ratio": 1.0} | options).fit(X, y, s)
        for each in (LogisticRegression, Theirs)
    )
    check_is_theirs(ours, theirs)


def test_digits(digits):
    X, y = digits.X[:300], digits.y[:300]
    ours, theirs = (
        each(**TIGHT, C=0.2, l1_ratio=0.5).fit(X, y) for each in (LogisticRegression, Theirs)
    )
    check_is_theirs(ours, theirs)
    assert 0.6 < (ours.coef_ == 0).mean() < 0.9


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("n", [1, 4])
def test_no_entry_nears_zero_for_ever(n, seed):
    """Features far from 0 without an intercept: each row of coefficients pulls at all others."""
    rng = np.random.default_rng(seed)
    X = 8.0 + rng.normal(size=(60, n)) * 10.0 ** rng.integers(-3, 2, n)
    y = rng.integers(0, 3, 60)
    model = LogisticRegression(**TIGHT, l1_ratio=1.0, C=8.0, fit_intercept=False).fit(X, y)
    assert model.stopped_ == "the gradient is within tol"
    assert violation(model, X, y) < 1e-8 * abs(X).max()


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_wine])
@pytest.mark.parametrize("weighted", [False, True])
def test_data_in_any_units_are_at_the_minimum(load, weighted):
    """As they are, scikit-learn warns that it does not get there."""
    X, y = load(return_X_y=True)
    s = 1.0 + np.arange(len(y)) % 3 if weighted else None
    model = LogisticRegression(**SAGA, tol=1e-9, max_iter=1000).fit(X, y, s)
    assert violation(model, X, y, s) < 1e-6 * abs(X).max()
    assert model.n_iter_[0] < 200
    assert (model.coef_ == 0).any()
    with pytest.warns(ConvergenceWarning):
        Theirs(**SAGA).fit(X, y, s)


def test_weights_count_as_repetitions(data):
    X, y = data
    s = np.arange(len(y)) % 3
    weighted = LogisticRegression(**TIGHT, l1_ratio=0.7).fit(X, y, sample_weight=s)
    repeated = LogisticRegression(**TIGHT, l1_ratio=0.7).fit(np.repeat(X, s, 0), np.repeat(y, s))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)


def test_a_path_by_warm_start_ends_where_cold_fits_end(data):
    warm = LogisticRegression(**TIGHT, l1_ratio=1.0, warm_start=True)
    for C in (0.03, 0.1, 0.3, 1.0):
        cold = LogisticRegression(**TIGHT, l1_ratio=1.0, C=C).fit(*data)
        warm.set_params(C=C).fit(*data)
        np.testing.assert_allclose(warm.coef_, cold.coef_, atol=5e-6)
        np.testing.assert_allclose(warm.intercept_, cold.intercept_, atol=5e-6)
        np.testing.assert_array_equal(warm.coef_ == 0, cold.coef_ == 0)
    assert warm.fit(*data).n_iter_[0] <= 1


def test_a_weak_penalty_leaves_no_zeros():
    X, y = two_irises()
    model = LogisticRegression(**TIGHT, l1_ratio=1.0, C=100.0).fit(X, y)
    assert model.coef_.all()
    none = LogisticRegression(solver="saga", l1_ratio=1.0, C=np.inf, tol=1e-8).fit(X, y)
    plain = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y)
    np.testing.assert_array_equal(none.coef_, plain.coef_)


@pytest.mark.parametrize("l1_ratio", [0.2, 1.0])
def test_a_strong_penalty_leaves_the_intercept_alone(data, l1_ratio):
    X, y = data
    y = np.where(np.arange(len(y)) % 5, y, y[-1])  # so that the classes differ in size
    model = LogisticRegression(**TIGHT, C=1e-4, l1_ratio=l1_ratio).fit(X, y)
    assert not model.coef_.any()
    share = np.unique_counts(y).counts / len(y)
    logits = np.log(share[1:] / share[0]) if len(share) == 2 else np.log(share)
    centre = 0.0 if len(share) == 2 else logits.mean()
    np.testing.assert_allclose(model.intercept_, logits - centre, atol=1e-6)


def test_an_l1_ratio_of_0_is_the_l2_penalty(data):
    model = LogisticRegression(solver="saga", l1_ratio=0.0).fit(*data)
    np.testing.assert_array_equal(model.coef_, LogisticRegression().fit(*data).coef_)
    almost = LogisticRegression(**TIGHT, l1_ratio=1e-7).fit(*data)
    np.testing.assert_allclose(
        almost.coef_, LogisticRegression(tol=1e-9).fit(*data).coef_, atol=1e-5
    )


@pytest.mark.parametrize("solver", ["newton-cg", "newton-cholesky", "sag", "saga"])
def test_solvers_of_the_same_minimum(data, solver):
    model = LogisticRegression(solver=solver).fit(*data)
    np.testing.assert_array_equal(model.coef_, LogisticRegression().fit(*data).coef_)
    tight = TIGHT | {"solver": solver}
    ours, theirs = (each(**tight).fit(*data) for each in (LogisticRegression, Theirs))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype(few, dtype):
    model = LogisticRegression(**SAGA).fit(few.X.astype(dtype), few.y)
    for array in (model.coef_, model.intercept_, model.predict_proba(few.X.astype(dtype))):
        assert array.dtype == dtype
    exact = LogisticRegression(**TIGHT, l1_ratio=1.0).fit(few.X.astype("float64"), few.y)
    np.testing.assert_allclose(model.predict_proba(few.X), exact.predict_proba(few.X), atol=0.01)
    assert ((model.coef_ == 0) == (exact.coef_ == 0)).mean() > 0.95


def test_every_library(few, on_device):
    check_agrees_with_numpy(few, on_device)


@pytest.mark.parametrize("eager_xp", ["torch"], indirect=True)
def test_two_classes_and_dispatch(few, on_device):
    check_agrees_with_numpy((few.X, (few.y == 4).astype(int)), on_device, dispatch=True)


def check_agrees_with_numpy(host, on_device, dispatch=False):
    settings = LogisticRegression(solver="saga", l1_ratio=0.5, class_weight="balanced", tol=1e-5)
    X, y = on_device.asarray(host[0]), on_device.asarray(host[1], "int64")
    with sklearn.config_context(array_api_dispatch=dispatch):
        model = clone(settings).fit(X, y, on_device.asarray(1 + host[1]))
    reference = clone(settings).fit(*host, 1 + host[1])
    for array in (model.coef_, model.intercept_, model.n_iter_):
        assert backend.where(array) == backend.where(X)
    assert model.coef_.dtype == X.dtype
    coef = on_device.to_numpy(model.coef_)
    np.testing.assert_allclose(coef, reference.coef_, atol=5e-3)
    assert ((coef == 0) == (reference.coef_ == 0)).mean() > 0.98


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix])
def test_sparse_samples(digits, form):
    X, y = digits.X[:300], digits.y[:300]
    dense, model = (
        LogisticRegression(**TIGHT, l1_ratio=0.5, C=0.2).fit(given, y) for given in (X, form(X))
    )
    np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-6)


def test_a_constant_feature_has_no_coefficient(data):
    X, y = data
    X = np.column_stack([X, np.full(len(y), 7.0), np.zeros(len(y))])
    model = LogisticRegression(**TIGHT, l1_ratio=1.0).fit(X, y)
    assert not model.coef_[:, -2:].any()
    np.testing.assert_allclose(
        model.coef_[:, :-2], LogisticRegression(**TIGHT, l1_ratio=1.0).fit(*data).coef_, atol=1e-6
    )


def test_nothing_is_written_to(data):
    X, y, s = *data, np.ones(len(data[1]))
    for array in (X, y, s):
        array.flags.writeable = False
    LogisticRegression(**SAGA).fit(X, y, s)


def test_a_search_that_ends_early_says_so(few):
    with pytest.warns(ConvergenceWarning, match=r"^saga failed to converge after 2 iteration\(s\)"):
        model = LogisticRegression(**SAGA, max_iter=2).fit(*few)
    assert model.n_iter_.tolist() == [2]
    with pytest.warns(ConvergenceWarning):
        start = LogisticRegression(**SAGA, max_iter=0).fit(*few)
    assert not start.coef_.any()


def test_an_interrupt_keeps_what_was_found(few, monkeypatch):
    def interrupted(loss, *arguments, owlqn=owlqn.owlqn, **options):
        calls = []

        def value_and_grad(params):
            calls.append(params)
            if len(calls) == 8:
                raise KeyboardInterrupt
            return loss(params)

        return owlqn(value_and_grad, *arguments, **options)

    monkeypatch.setattr(owlqn, "owlqn", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = LogisticRegression(**SAGA).fit(*few)
    assert model.stopped_ == "interrupted"
    assert model.score(*few) > 0.7


def test_the_loss_holds_the_penalty(data, capsys):
    X, y = data
    model = LogisticRegression(**SAGA, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"Iteration {model.n_iter_[0]}, loss = {model.loss_:.8f}"
    right = np.take_along_axis(
        model.predict_proba(X), np.searchsorted(model.classes_, y)[:, None], 1
    )
    assert model.loss_ == pytest.approx(-np.log(right).mean() + abs(model.coef_).sum() / len(y))


def test_scikit_learns_callbacks_see_coefficients_in_the_units_of_the_data(data):
    monitor = ScoringMonitor(scoring="neg_log_loss")
    X, y = data
    model = LogisticRegression(**SAGA).set_callbacks(monitor).fit(3.0 + 5.0 * X, y)
    scores = [entry for entry in monitor.get_logs().data if entry["task_name"] == "lbfgs-iter"]
    assert len(scores) == model.n_iter_[0]
    assert scores[-1]["neg_log_loss"] > scores[0]["neg_log_loss"]


@pytest.mark.parametrize("size", [1e160, 1e300])  # of the latter, what is rounding overflows, too
def test_samples_whose_squares_overflow(size):
    X = np.random.default_rng(0).normal(size=(40, 3)) * size
    y = (X[:, 0] > 0).astype(int)
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(**SAGA).fit(X, y)
    assert np.isfinite(model.coef_).all()
