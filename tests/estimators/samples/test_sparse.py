"""Sparse samples: those of SciPy stay sparse, others are made dense by the batch or block."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.neural_network import MLPClassifier as TheirMLP

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, backend
from xpnet.estimators import _prediction

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}
TOLERANCE = {"float32": {"rtol": 1e-3, "atol": 1e-4}, "float64": {"rtol": 1e-7, "atol": 1e-9}}
FUSED = pytest.mark.parametrize("fused", ["1", "0"], ids=["fused", "plain"])


class RowsOnly(sparse.csr_matrix):
    """A sparse matrix that counts the rows that are made dense."""

    most = 0

    def toarray(self, *args, **kwargs):
        RowsOnly.most = max(RowsOnly.most, self.shape[0])
        return super().toarray(*args, **kwargs)


def words(m=120, n=600, classes=4, dtype="float64", seed=0):
    """Rows of few non-zeros, some features in none of them, and labels."""
    rng = np.random.default_rng(seed)
    X = sparse.random(m, n, 0.02, "csr", rng=rng)
    X.data += 0.1
    labels = np.argmax(X @ rng.normal(size=(n, classes)), axis=1)
    return X.astype(dtype), labels


def unwritable(X):
    """X, which raises where it is written to."""
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


def arrays_of(model):
    """The fitted weights and biases."""
    if hasattr(model, "coefs_"):
        return [*model.coefs_, *model.intercepts_]
    return [model.coef_, model.intercept_]


def assert_same_model(left, right, dtype):
    for one, other in zip(arrays_of(left), arrays_of(right), strict=True):
        assert (one.dtype, one.shape) == (np.dtype(dtype), other.shape)
        np.testing.assert_allclose(one, other, **TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("form", "solver"),
    [
        (sparse.csr_matrix, "adam"),
        (sparse.csc_array, "adam"),
        (sparse.coo_matrix, "adam"),
        (sparse.csr_matrix, "lbfgs"),
    ],
)
def test_sparse_samples(few, form, solver):
    settings = SETTINGS | {"solver": solver, "early_stopping": True}
    model = MLPClassifier(**settings).fit(form(few.X), few.y)
    reference = MLPClassifier(**settings).fit(*few)
    np.testing.assert_allclose(
        model.predict_proba(form(few.X)), reference.predict_proba(few.X), atol=1e-5
    )


@FUSED
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "adam"},
        {"solver": "adam", "hidden_layer_sizes": (1,), "activation": "tanh"},
        {"solver": "adam", "hidden_layer_sizes": (6, 5), "dropout": 0.3},
        {"solver": "adam", "early_stopping": True, "alpha": 0.0},
        {"solver": "sgd", "batch_size": 16, "shuffle": False, "learning_rate_init": 0.1},
        {"solver": "adamw", "clip_norm": 0.1},
        {"solver": "lion"},
        {"solver": "lbfgs", "alpha": 0.1},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_networks_are_those_of_the_dense_samples(monkeypatch, fused, dtype, settings):
    monkeypatch.setenv("XPNET_FUSED", fused)
    X, y = words(dtype=dtype)
    settings = SETTINGS | settings
    given = {"sample_weight": np.linspace(0.5, 2.0, len(y))}
    if settings["solver"] != "lbfgs":
        given |= {"X_val": X[:30], "y_val": y[:30]}
    model = MLPClassifier(**settings).fit(unwritable(X.copy()), y, **given)
    if "X_val" in given:
        given["X_val"] = X[:30].toarray()
    reference = MLPClassifier(**settings).fit(X.toarray(), y, **given)
    assert_same_model(model, reference, dtype)
    assert model.loss_ == pytest.approx(reference.loss_, rel=1e-4)
    np.testing.assert_allclose(
        model.predict_proba(unwritable(X.copy())),
        reference.predict_proba(X.toarray()),
        **TOLERANCE[dtype],
    )
    assert model.score(X, y) == model.score(X.toarray(), y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_regression_of_several_outputs(solver):
    X, y = words()
    Y = np.stack([np.sin(y), np.cos(y), y / 4.0], axis=1)
    settings = SETTINGS | {"solver": solver}
    model, reference = (MLPRegressor(**settings).fit(samples, Y) for samples in (X, X.toarray()))
    assert_same_model(model, reference, "float64")
    assert model.score(X, Y) == pytest.approx(reference.score(X.toarray(), Y), rel=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_networks_are_those_of_scikit_learn(solver):
    X, y = words()
    settings = SETTINGS | {"solver": solver}
    ours, theirs = (each(**settings).fit(X, y) for each in (MLPClassifier, TheirMLP))
    assert_same_model(ours, theirs, "float64")


def test_chunks_that_are_sparse_or_dense():
    X, y = words(m=300)
    chunks = [slice(start, start + 60) for start in range(0, 300, 60)]
    model, reference = (MLPClassifier((7,), random_state=0) for _ in range(2))
    for number, chunk in enumerate(chunks):
        rows = X[chunk] if number % 2 else X[chunk].toarray()
        model.partial_fit(rows, y[chunk], classes=range(4))
        reference.partial_fit(X[chunk].toarray(), y[chunk], classes=range(4))
    assert_same_model(model, reference, "float64")


@FUSED
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("n", [5, 600])
def test_logistic_regression_of_dense_and_sparse_samples(monkeypatch, fused, dtype, classes, n):
    """With a preconditioner, for few features, and without."""
    monkeypatch.setenv("XPNET_FUSED", fused)
    X, y = words(n=max(n, 50), classes=classes, dtype=dtype)
    X = sparse.csr_matrix(X[:, :n])
    weights = np.linspace(0.5, 2.0, len(y))
    model, reference = (
        LogisticRegression(tol=1e-6).fit(samples, y, sample_weight=weights)
        for samples in (unwritable(X.copy()), X.toarray())
    )
    loose = {"rtol": 1e-2, "atol": 5e-3} if dtype == "float32" else {"rtol": 1e-4, "atol": 1e-5}
    for one, other in zip(arrays_of(model), arrays_of(reference), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape) == (dtype, one.shape)
        np.testing.assert_allclose(one, other, **loose)
    np.testing.assert_allclose(
        model.decision_function(X), model.decision_function(X.toarray()), **TOLERANCE[dtype]
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("classes", [2, 5])
def test_logistic_regression_is_that_of_scikit_learn(classes, fit_intercept):
    X, y = words(n=900, classes=classes)
    settings = {"tol": 1e-8, "fit_intercept": fit_intercept, "max_iter": 1000}
    ours, theirs = (each(**settings).fit(X, y) for each in (LogisticRegression, Theirs))
    for one, other in zip(arrays_of(ours), arrays_of(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_a_model_predicts_samples_of_another_dtype():
    X, y = words(dtype="float32")
    model = MLPClassifier(**SETTINGS).fit(X, y)
    assert model.predict_proba(X.astype("float64")).dtype == np.float32


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=20),
        MLPClassifier((4,), max_iter=2, batch_size=100),
        MLPClassifier((4,), solver="lbfgs", max_iter=3),
    ],
    ids=["logistic", "adam", "lbfgs"],
)
def test_memory_is_in_proportion_to_the_non_zeros(model):
    """A dense X has 320 MB; the largest array here is L-BFGS's, of twenty gradients."""
    m, n = 2_000, 20_000
    rng = np.random.default_rng(0)
    X, y = sparse.random(m, n, 0.001, "csr", rng=rng), rng.integers(0, 2, m)
    model.fit(X[:200], y[:200])  # what is compiled has memory of its own
    tracemalloc.start()
    try:
        model.fit(X, y).score(X, y)
        if hasattr(model, "partial_fit"):
            model.partial_fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * m * n / 10


def test_no_batch_is_made_dense(few):
    RowsOnly.most = 0
    model = MLPClassifier(**SETTINGS, batch_size=32).fit(RowsOnly(few.X), few.y)
    model.predict(RowsOnly(few.X))
    assert RowsOnly.most == 0


class OnDevice:
    """What cupyx's sparse matrices have, on torch: entries on a device, and rows of them."""

    def __init__(self, dense):
        self.dense, self.data, self.nnz = dense, dense[dense != 0], 0
        self.shape, self.ndim, self.dtype = tuple(dense.shape), 2, dense.dtype

    def __getitem__(self, rows):
        return OnDevice(self.dense[rows])

    def tocsr(self):
        return self

    def toarray(self):
        return self.dense

    def astype(self, dtype):
        return OnDevice(self.dense.to(dtype))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_samples_on_a_device(few, solver):
    X = backend.asarray(few.X, backend="torch")
    settings = SETTINGS | {"solver": solver, "early_stopping": True}
    model = MLPClassifier(**settings).fit(OnDevice(X), few.y)
    reference = MLPClassifier(**settings).fit(X, few.y)
    assert bool((model.predict(OnDevice(X)) == reference.predict(X)).all())
    assert model.to_device("numpy").to_device(OnDevice(X)).score(OnDevice(X), few.y) > 0


@pytest.mark.parametrize("form", [RowsOnly, sparse.csc_array, sparse.coo_matrix])
def test_the_preconditioner_alone_makes_blocks_dense(monkeypatch, digits, form):
    """And losses and predictions may take several blocks, too."""
    dense = LogisticRegression(tol=1e-6).fit(*digits)
    monkeypatch.setattr(_prediction, "CHUNK_BYTES", 2**15)
    RowsOnly.most = 0
    model = LogisticRegression(tol=1e-6).fit(form(digits.X), digits.y)
    np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-4)
    assert RowsOnly.most <= 1024
    assert model.score(form(digits.X), digits.y) == dense.score(*digits)
