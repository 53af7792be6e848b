"""`LogisticRegression` beside scikit-learn's, and on every library."""

from __future__ import annotations

import inspect
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale
from sklearn.utils import get_tags

import xpnet
from xpnet import LogisticRegression, backend
from xpnet.estimators import logistic
from xpnet.estimators._solvers import lbfgs

TIGHT = {"tol": 1e-8, "max_iter": 10_000}


@pytest.fixture(scope="module", params=[load_iris, load_breast_cancer, load_wine])
def raw(request):
    """Small data in their own units, which differ by up to five orders of magnitude."""
    return request.param(return_X_y=True)


@pytest.fixture
def two(few):
    """The fours against all others."""
    return few.X, (few.y == 4).astype(int)


def test_parameters_are_scikit_learns():
    ours, theirs = (inspect.signature(each).parameters for each in (LogisticRegression, Theirs))
    assert [(name, p.default, p.kind) for name, p in ours.items()] == [
        (name, p.default, p.kind) for name, p in theirs.items()
    ]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"C": 30.0},
        {"C": 0.01, "class_weight": "balanced"},
        {"fit_intercept": False},
        {"class_weight": {0: 3.0, 1: 0.5}},
    ],
    ids=str,
)
def test_coefficients_are_scikit_learns(raw, options):
    X, y = scale(raw[0]), raw[1]
    ours = LogisticRegression(**TIGHT, **options).fit(X, y)
    theirs = Theirs(**TIGHT, **options).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    assert ours.n_iter_.dtype == theirs.n_iter_.dtype
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


def test_coefficients_on_digits(digits):
    ours = LogisticRegression(**TIGHT).fit(*digits)
    theirs = Theirs(**TIGHT).fit(*digits)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    assert ours.n_iter_[0] < theirs.n_iter_[0]


def test_without_a_penalty():
    X, y = load_iris(return_X_y=True)
    y = y == 1  # not separable, so that there is a minimum
    ours = LogisticRegression(C=np.inf, **TIGHT).fit(X, y)
    theirs = Theirs(C=np.inf, **TIGHT).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)


def test_data_in_any_units_converge(raw):
    """As they are, scikit-learn warns that they do not."""
    X, y = raw
    ours = LogisticRegression().fit(X, y)
    with pytest.warns(ConvergenceWarning):
        Theirs().fit(X, y)
    exact = Theirs(solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert ours.n_iter_[0] < 40
    tight = LogisticRegression(**TIGHT).fit(X, y)
    np.testing.assert_allclose(tight.coef_, exact.coef_, atol=1e-4)


def test_weights_count_as_repetitions(few):
    s = few.y % 3
    weighted = LogisticRegression(**TIGHT).fit(*few, sample_weight=s)
    repeated = LogisticRegression(**TIGHT).fit(np.repeat(few.X, s, 0), np.repeat(few.y, s))
    assert list(weighted.classes_) == list(range(10))
    probabilities = weighted.predict_proba(few.X)[:, repeated.classes_]
    np.testing.assert_allclose(probabilities, repeated.predict_proba(few.X), atol=2e-3)
    theirs = Theirs(**TIGHT).fit(few.X.astype(float), few.y, s)
    np.testing.assert_allclose(weighted.coef_, theirs.coef_, atol=5e-3)


def test_balanced_classes_weigh_the_same_by_their_samples_weights():
    X, y = load_iris(return_X_y=True)
    X, s = scale(X), np.where(y == 0, 5.0, 1.0 + np.arange(len(y)) % 3)
    ours, theirs = (
        each(**TIGHT, class_weight="balanced").fit(X, y, s) for each in (LogisticRegression, Theirs)
    )
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_dtype(few, dtype):
    model = LogisticRegression().fit((16 * few.X).astype(dtype), few.y)
    expected = "float64" if dtype == "int64" else dtype
    for array in (model.coef_, model.intercept_, model.predict_proba(few.X.astype(dtype))):
        assert array.dtype == expected


def test_every_library(few, on_device):
    check_agrees_with_numpy(few, on_device)


@pytest.mark.parametrize("eager_xp", ["torch"], indirect=True)
def test_two_classes_and_dispatch(few, two, on_device):
    check_agrees_with_numpy(two, on_device)
    check_agrees_with_numpy(few, on_device, dispatch=True)


def check_agrees_with_numpy(host, on_device, dispatch=False):
    settings = LogisticRegression(class_weight="balanced", tol=1e-5)
    X, y = on_device.asarray(host[0]), on_device.asarray(host[1], "int64")
    with sklearn.config_context(array_api_dispatch=dispatch):
        model = clone(settings).fit(X, y, on_device.asarray(1 + host[1]))
        answers = [
            model.predict(X),
            model.decision_function(X),
            model.predict_proba(X),
            model.predict_log_proba(X),
        ]
        score = model.score(X, y)
    reference = clone(settings).fit(*host, 1 + host[1])
    for array in [*answers, model.coef_, model.intercept_, model.classes_, model.n_iter_]:
        assert backend.where(array) == backend.where(X)
    assert model.coef_.dtype == X.dtype
    assert (on_device.to_numpy(answers[0]) == reference.predict(host[0])).all()
    theirs = (reference.decision_function(host[0]), reference.predict_proba(host[0]))
    for got, expected in zip(answers[1:], theirs, strict=False):
        np.testing.assert_allclose(on_device.to_numpy(got), expected, atol=0.02)
    assert score == pytest.approx(reference.score(*host))


def test_decisions_and_probabilities_agree(two, few):
    model = LogisticRegression().fit(*two)
    Z, A = model.decision_function(few.X), model.predict_proba(few.X)
    assert Z.shape == (200,)
    assert A.shape == (200, 2)
    np.testing.assert_array_equal(model.predict(few.X), Z > 0)
    np.testing.assert_allclose(A[:, 1], 1.0 / (1.0 + np.exp(-Z)), atol=1e-6)
    np.testing.assert_allclose(A.sum(axis=1), 1.0, rtol=1e-6)
    assert np.isfinite(model.predict_log_proba(1e6 * few.X)).all()


def test_more_features_than_samples(few):
    rng = np.random.default_rng(0)
    X = sparse.random(60, 3000, 0.01, "csr", rng=rng)
    y = few.y[:60] % 3
    ours, theirs = (each(**TIGHT).fit(X, y) for each in (LogisticRegression, Theirs))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)


def test_sparse_coefficients_predict_the_same(few):
    model = LogisticRegression().fit(*few)
    dense, expected = model.coef_, model.predict_proba(few.X)
    assert sparse.issparse(model.sparsify().coef_)
    np.testing.assert_array_equal(model.predict_proba(few.X), expected)
    np.testing.assert_array_equal(model.densify().coef_, dense)
    with pytest.raises(
        TypeError, match=r"coef_ lies in torch on cpu: .* model.to_device\('numpy'\)"
    ):
        model.to_device("torch").sparsify()
    with pytest.raises(NotFittedError):
        LogisticRegression().densify()


def test_warm_start(few):
    model = LogisticRegression(warm_start=True).fit(*few)
    first = int(model.n_iter_[0])
    again = model.fit(*few)
    assert again.n_iter_[0] <= 1 < first
    cold = LogisticRegression(warm_start=False).fit(*few).fit(*few)
    assert cold.n_iter_[0] == first
    bare = clone(model).fit(*few).set_params(fit_intercept=False).fit(*few)
    assert not bare.intercept_.any()
    there = model.fit(backend.asarray(few.X, backend="torch"), few.y)
    assert backend.where(there.coef_) == "torch on cpu"
    assert there.n_iter_[0] <= 1
    with pytest.raises(
        ValueError, match=r"a model of \(64, 10\) .* are of \(64, 1\): set warm_sta"
    ):
        model.fit(few.X, few.y > 4)


def test_a_search_that_ends_early_says_so(few):
    with pytest.warns(ConvergenceWarning, match=r"after 2 iteration\(s\): all iterations of max_i"):
        model = LogisticRegression(max_iter=2).fit(*few)
    assert model.n_iter_.tolist() == [2]
    with pytest.warns(ConvergenceWarning):
        start = LogisticRegression(max_iter=0).fit(*few)
    assert not start.coef_.any()


def test_an_interrupt_keeps_what_was_found(few, monkeypatch):
    def interrupted(*arguments):
        loss, calls = lbfgs.loss_on(*arguments), []

        def value_and_grad(params):
            calls.append(params)
            if len(calls) == 6:
                raise KeyboardInterrupt
            return loss(params)

        return value_and_grad

    monkeypatch.setattr(logistic, "loss_on", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = LogisticRegression().fit(*few)
    assert model.stopped_ == "interrupted"
    assert model.score(*few) > 0.9


def test_verbose(few, capsys):
    model = LogisticRegression(verbose=1).fit(*few)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_[0]
    assert lines[-1] == f"Iteration {len(lines)}, loss = {model.loss_:.8f}"


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(200), r"at least 2 classes in the data, .* only one class: 0.0"),
        (np.tile([[0, 1]], (200, 1)), r"y should be a 1d array, got an array of shape \(200, 2\)"),
        (np.tile([[1, 2, 3]], (200, 1)), r"y should be a 1d array, got an array of shape"),
        (np.linspace(0, 1, 200), "Unknown label type"),
        (np.zeros(5), "inconsistent numbers of samples"),
        (None, "requires y to be passed"),
    ],
)
def test_targets_that_cannot_be(few, y, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression().fit(few.X, y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_cannot_be(few, value):
    X = few.X.copy()
    X[3, 3] = value
    with pytest.raises(ValueError, match="Input X contains"):
        LogisticRegression().fit(X, few.y)
    model = LogisticRegression().fit(*few)
    with pytest.raises(
        ValueError, match="X has 2 features, but LogisticRegression is expecting 64"
    ):
        model.predict(few.X[:, :2])
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        LogisticRegression().fit(*few, sample_weight=-np.ones(200))
    with pytest.raises(NotFittedError):
        LogisticRegression().predict(few.X)


def test_cross_validation_is_scikit_learns(digits):
    ours, theirs = (
        cross_val_score(each(tol=1e-6, max_iter=1000), *digits, cv=3)
        for each in (LogisticRegression, Theirs)
    )
    np.testing.assert_allclose(ours, theirs, atol=0.002)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_kept_and_brought_back(few, tmp_path, library):
    X = backend.asarray(few.X, backend=library)
    model = LogisticRegression(C=0.5, class_weight={0: 2.0}).fit(X, few.y)
    joblib.dump(model, tmp_path / "model.joblib")
    model.save(tmp_path / "model.safetensors")
    loaded = LogisticRegression.load(tmp_path / "model.safetensors", xp=library)
    for back in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib"), loaded):
        assert (back.predict(X) == model.predict(X)).all()
        assert back.get_params() == model.get_params()
        assert back.n_iter_ == model.n_iter_
    net, params, _ = xpnet.load(tmp_path / "model.safetensors", xp=library)
    assert net == xpnet.Network((64, 10), output="softmax")
    assert (model.coef_ == params[0].W).all()


def test_tags_and_representation():
    tags, theirs = get_tags(LogisticRegression()), get_tags(Theirs())
    assert tags.input_tags.sparse
    assert tags.array_api_support
    assert tags.classifier_tags == theirs.classifier_tags
    assert repr(LogisticRegression(C=0.5)) == "LogisticRegression(C=0.5)"


def test_metadata_is_routed(few):
    s = few.y.astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        routed = make_pipeline(model).fit(*few, sample_weight=s)[-1]
    direct = LogisticRegression().fit(*few, s)
    np.testing.assert_array_equal(routed.coef_, direct.coef_)


def test_scikit_learns_callbacks(few, capsys):
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring="accuracy")
    model = LogisticRegression().set_callbacks(monitor, ProgressBar()).fit(*few)
    scores = [entry for entry in monitor.get_logs().data if entry["task_name"] == "lbfgs-iter"]
    assert len(scores) == model.n_iter_[0]
    assert scores[-1]["accuracy"] == model.score(*few)
    assert "LogisticRegression - fit" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", [object, "<U1", np.int8, bool, float])
def test_classes_have_the_dtype_of_y(few, dtype):
    y = np.asarray(few.y % 2, dtype=dtype if dtype is not object else "<U1").astype(dtype)
    model, reference = (of().fit(few.X, y) for of in (LogisticRegression, Theirs))
    assert model.classes_.dtype == reference.classes_.dtype == np.dtype(dtype)
    assert model.predict(few.X).dtype == np.dtype(dtype)
    assert (model.predict(few.X) == reference.predict(few.X)).all()


def test_a_loss_that_is_not_finite_at_the_start_is_named(few, monkeypatch):
    monkeypatch.setattr(logistic, "loss_on", lambda *_: lambda params: (np.asarray(np.nan), params))
    with pytest.raises(ValueError, match=r"^The loss is not finite at the first param"):
        LogisticRegression().fit(*few)
